import gzip
import hashlib
import zlib
from typing import Any, Final

import httpx2
import pytest
import trio

from statsd_trio.mock_intake import (
    Attempt,
    MockIntake,
    ReceivedEvent,
    ReceivedServiceCheck,
    Route,
    open_mock_intake,
)
from tests.mock_intake.conftest import Encoder

KEY: Final = "0123456789abcdef0123456789abcdef"
SERIES: Final = "/api/v2/series"
SKETCHES: Final = "/api/beta/sketches"


async def test_json_series_are_received(
    intake: MockIntake, client: httpx2.AsyncClient
) -> None:
    point = {"timestamp": 1000, "value": 1}
    answer = await client.post(
        SERIES,
        json={"series": [{"metric": "a", "points": [point]}]},
        headers={"Content-Type": "application/json; charset=utf-8"},
    )
    assert answer.status_code == 202
    assert [series.name for series in intake.series] == ["a"]


async def test_an_event_is_received(
    intake: MockIntake, client: httpx2.AsyncClient
) -> None:
    answer = await client.post(
        "/api/v1/events",
        json={"title": "Deployed", "text": "by hand"},
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 202
    assert intake.events == (ReceivedEvent(title="Deployed", text="by hand"),)


async def test_service_checks_are_received(
    intake: MockIntake, client: httpx2.AsyncClient
) -> None:
    answer = await client.post(
        "/api/v1/check_run",
        json=[{"check": "db.up", "status": 0}],
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 202
    assert intake.service_checks == (ReceivedServiceCheck(name="db.up", status=0),)


async def test_a_key_is_valid_in_a_header_and_in_the_query(
    intake: MockIntake, client: httpx2.AsyncClient
) -> None:
    for answer in (
        await client.get("/api/v1/validate"),
        await client.get(f"/api/v1/validate?api_key={KEY}", headers={"DD-API-KEY": ""}),
    ):
        assert (answer.status_code, answer.json()) == (200, {"valid": True})


@pytest.mark.parametrize(
    ("request_", "status", "error"),
    [
        pytest.param(
            {"headers": {"DD-API-KEY": ""}}, 403, "no API key", id="without a key"
        ),
        pytest.param({"url": "/api/v3/series"}, 404, "no route", id="unknown route"),
        pytest.param({"url": "/API/V2/SERIES"}, 404, "no route", id="upper case"),
        pytest.param({"url": SERIES + "/"}, 404, "no route", id="slash at the end"),
        pytest.param({"method": "GET"}, 405, "takes POST, not GET", id="wrong method"),
        pytest.param(
            {"method": "POST", "url": "/api/v1/validate"}, 405, "takes GET", id="POST"
        ),
        pytest.param(
            {"headers": {"Content-Type": "text/plain"}},
            415,
            "/api/v2/series takes application/x-protobuf and application/json",
            id="wrong content type",
        ),
        pytest.param(
            {"url": SKETCHES, "headers": {"Content-Type": "application/json"}},
            415,
            "takes application/x-protobuf",
            id="JSON sketches",
        ),
        pytest.param(
            {"headers": {"Content-Encoding": "br"}},
            415,
            "'br'; known are deflate, gzip, identity, zstd",
            id="unknown encoding",
        ),
        pytest.param({"content": b"\x0a\x05"}, 400, "5 bytes long", id="broken body"),
        pytest.param({"content": b"\x0a\x00"}, 400, "no name", id="senseless body"),
        pytest.param(
            {"headers": {"Content-Encoding": "zstd"}, "content": b"zstd?"},
            400,
            "not zstd",
            id="broken encoding",
        ),
    ],
)
async def test_what_the_real_intake_refuses_is_refused(
    intake: MockIntake,
    client: httpx2.AsyncClient,
    request_: dict[str, Any],
    status: int,
    error: str,
) -> None:
    answer = await client.request(
        **{"method": "POST", "url": SERIES, "content": b"", **request_}
    )
    assert answer.status_code == status
    assert error in answer.json()["errors"][0]
    (attempt,) = intake.attempts
    assert (attempt.status, attempt.is_received) == (status, False)
    assert error in attempt.error


async def test_a_405_tells_the_method_that_is_allowed(
    client: httpx2.AsyncClient,
) -> None:
    answer = await client.get(SERIES)
    assert answer.headers["allow"] == "POST"


async def test_a_key_that_is_not_known_is_refused() -> None:
    async with (
        open_mock_intake(api_keys=[KEY]) as intake,
        httpx2.AsyncClient(
            base_url=intake.url, trust_env=False, verify=False
        ) as client,
    ):
        statuses = [
            (
                await client.get("/api/v1/validate", headers={"DD-API-KEY": key})
            ).status_code
            for key in (KEY, KEY[1:])
        ]
    assert statuses == [200, 403]


async def test_one_key_given_as_a_string_is_one_key() -> None:
    async with (
        open_mock_intake(api_keys=KEY) as intake,
        httpx2.AsyncClient(
            base_url=intake.url, trust_env=False, verify=False
        ) as client,
    ):
        statuses = [
            (
                await client.get("/api/v1/validate", headers={"DD-API-KEY": key})
            ).status_code
            for key in (KEY, KEY[0])
        ]
    assert statuses == [200, 403]


@pytest.mark.parametrize(
    ("url", "limit_bytes"), [(SERIES, 512_000), (SKETCHES, 2_621_440)]
)
async def test_a_body_of_the_limit_is_taken_and_one_byte_more_is_not(
    encode: Encoder, client: httpx2.AsyncClient, url: str, limit_bytes: int
) -> None:
    # An unknown field is skipped, so one of them makes a body of any size.
    head = encode.block(15, bytes(limit_bytes - 10))
    assert limit_bytes - 10 < len(head) < limit_bytes
    filled = encode.block(15, bytes(2 * limit_bytes - 10 - len(head)))
    assert len(filled) == limit_bytes
    statuses = [
        (await client.post(url, content=body)).status_code
        for body in (filled, encode.block(15, bytes(limit_bytes + 1)))
    ]
    assert statuses == [202, 413]


@pytest.mark.parametrize(
    ("url", "limit_bytes"), [(SERIES, 5_242_880), (SKETCHES, 4_194_304)]
)
async def test_a_decoded_body_over_the_limit_is_refused(
    encode: Encoder,
    intake: MockIntake,
    client: httpx2.AsyncClient,
    url: str,
    limit_bytes: int,
) -> None:
    body = gzip.compress(encode.block(15, bytes(limit_bytes)))
    answer = await client.post(url, content=body, headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 413
    assert intake.attempts[0].error == f"the decoded body is over {limit_bytes} bytes"


async def test_whoever_sends_much_too_much_still_reads_the_413(
    intake: MockIntake, client: httpx2.AsyncClient
) -> None:
    answer = await client.post(SERIES, content=bytes(8_000_000))
    assert answer.status_code == 413
    assert intake.attempts[0].body_bytes == 8_000_000


async def test_a_body_without_end_is_cut_off(intake: MockIntake) -> None:
    stream = await trio.open_tcp_stream(*intake.address)
    async with stream:
        head = b"POST /api/v2/series HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999"
        await stream.send_all(head + b"\r\n\r\n")
        # 64 MiB are read; whatever more is sent meets a closed door.
        with pytest.raises(trio.BrokenResourceError):
            await stream.send_all(bytes(200_000_000))
    assert intake.attempts[0].status == 413


async def test_an_attempt_tells_all_but_the_key(
    encode: Encoder, intake: MockIntake, client: httpx2.AsyncClient
) -> None:
    body = encode.series_payload(encode.series(points=[(1, 1.0), (2, 2.0)]))
    await client.post(f"{SERIES}?api_key={KEY}&a=b", content=body)
    (attempt,) = intake.attempts
    assert KEY not in repr(attempt)
    assert attempt == Attempt(
        number=1,
        time=1234.5,
        method="POST",
        path=SERIES,
        query="api_key=***cdef&a=b",
        route=Route.SERIES,
        headers=attempt.headers,
        body_bytes=len(body),
        raw_bytes=len(body),
        sha256=hashlib.sha256(body).hexdigest(),
        status=202,
        items=intake.series,
        is_received=True,
    )
    assert attempt.headers["dd-api-key"] == "***cdef"
    assert attempt.headers["content-type"] == "application/x-protobuf"
    assert attempt.count_points() == 2


async def test_of_a_short_key_nothing_is_kept(
    intake: MockIntake, client: httpx2.AsyncClient
) -> None:
    await client.get("/api/v1/validate", headers={"DD-API-KEY": "secret"})
    assert intake.attempts[0].headers["dd-api-key"] == "***"


async def test_the_same_body_has_the_same_digest_however_encoded(
    encode: Encoder, intake: MockIntake, client: httpx2.AsyncClient
) -> None:
    body = encode.series_payload(encode.series())
    await client.post(SERIES, content=body)
    await client.post(
        SERIES, content=zlib.compress(body), headers={"Content-Encoding": "deflate"}
    )
    first, second = intake.attempts
    assert first.sha256 == second.sha256


async def test_a_client_that_leaves_in_the_middle_is_an_attempt(
    intake: MockIntake,
) -> None:
    async with await trio.open_tcp_stream(*intake.address) as stream:
        await stream.send_all(
            b"POST /api/v2/series HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"
        )
    await intake.wait_for(lambda intake: bool(intake.attempts))
    (attempt,) = intake.attempts
    assert (attempt.status, attempt.error) == (None, "the client left")
    assert attempt.body_bytes == 3


async def test_a_host_that_is_no_host_is_no_harm(intake: MockIntake) -> None:
    async with await trio.open_tcp_stream(*intake.address) as stream:
        await stream.send_all(b"GET /api/v1/validate HTTP/1.1\r\nHost: [::x\r\n\r\n")
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 403")


async def test_decoding_lets_others_run(
    encode: Encoder, intake: MockIntake, client: httpx2.AsyncClient
) -> None:
    body = encode.series_payload(*[encode.series()] * 2000)
    turns = 0
    is_done = False

    async def count_turns() -> None:
        nonlocal turns
        while not is_done:
            turns += 1
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(count_turns)
        await client.post(SERIES, content=body)
        is_done = True
    # One item in twenty pauses, and the request itself has a few turns more.
    assert turns >= 100
