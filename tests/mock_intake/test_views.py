from typing import Any, Final

import httpx2
import pytest

from statsd_trio.mock_intake import MockIntake
from tests.mock_intake.conftest import Encoder

JSON: Final = {"Content-Type": "application/json"}


async def fill(encode: Encoder, client: httpx2.AsyncClient) -> None:
    sketch = encode.sketch("latency", encode.sketch_point())
    series = encode.series("page.views", resources=[("host", "web-1")])
    await client.post("/api/v2/series", content=encode.series_payload(series))
    await client.post("/api/beta/sketches", content=encode.sketch_payload(sketch))
    event = {"title": "Deployed", "text": ""}
    await client.post("/api/v1/events", json=event, headers=JSON)
    check = {"check": "db.up", "status": 0}
    await client.post("/api/v1/check_run", json=[check], headers=JSON)


async def test_series_are_told_as_json(
    encode: Encoder, client: httpx2.AsyncClient
) -> None:
    await fill(encode, client)
    answer = await client.get("/mock/series", headers={"DD-API-KEY": ""})
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "series": [
            {
                "name": "page.views",
                "type": "gauge",
                "points": [[1000, 1.0]],
                "tags": [],
                "resources": [["host", "web-1"]],
                "interval": 10,
                "unit": "",
                "source_type_name": "",
                "origin": None,
                "host": "web-1",
            }
        ]
    }


@pytest.mark.parametrize(
    ("kind", "member", "expected"),
    [
        ("sketches", "name", ["latency"]),
        ("events", "title", ["Deployed"]),
        ("service_checks", "name", ["db.up"]),
        ("attempts", "items", [1, 1, 1, 1]),
        ("attempts", "points", [1, 1, 1, 1]),
        ("attempts", "status", [202, 202, 202, 202]),
    ],
)
async def test_each_kind_has_its_page(
    encode: Encoder,
    client: httpx2.AsyncClient,
    kind: str,
    member: str,
    expected: list[Any],
) -> None:
    await fill(encode, client)
    told = (await client.get(f"/mock/{kind}")).json()
    assert [value[member] for value in told[kind]] == expected


@pytest.mark.parametrize("count", [0, 1, 19, 20, 21, 40, 41])
async def test_a_list_of_any_length_is_json(
    encode: Encoder, client: httpx2.AsyncClient, count: int
) -> None:
    body = encode.series_payload(*[encode.series()] * count)
    await client.post("/api/v2/series", content=body)
    assert len((await client.get("/mock/series")).json()["series"]) == count


async def test_clearing_over_http_forgets_what_came(
    encode: Encoder, intake: MockIntake, client: httpx2.AsyncClient
) -> None:
    await fill(encode, client)
    answer = await client.post("/mock/clear")
    assert answer.status_code == 200
    assert (intake.attempts, intake.series) == ((), ())


async def test_only_a_post_clears(
    intake: MockIntake, client: httpx2.AsyncClient
) -> None:
    await client.get("/api/v1/validate")
    assert (await client.get("/mock/clear")).status_code == 405
    assert len(intake.attempts) == 1


async def test_the_first_page_says_what_it_is_and_what_came(
    encode: Encoder, intake: MockIntake, client: httpx2.AsyncClient
) -> None:
    await fill(encode, client)
    answer = await client.get("/")
    assert answer.headers["content-type"].startswith("text/plain")
    assert intake.url in answer.text
    assert "attempts        4\n" in answer.text


async def test_the_mock_s_own_pages_are_no_attempts(
    intake: MockIntake, client: httpx2.AsyncClient
) -> None:
    for path in ("/", "/mock/series", "/mock/attempts"):
        await client.get(path)
    assert intake.attempts == ()
