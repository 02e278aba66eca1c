"""What the script's faults look like on the wire, to a raw socket."""

import errno
from typing import Final

import httpx2
import pytest
import trio
from trio.testing import MockClock

from statsd_trio.mock_intake import MockIntake, Rule
from tests.mock_intake.conftest import Encoder

SERIES: Final = "/api/v2/series"


def write_request(body: bytes, *, path: str = SERIES) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: intake\r\nDD-API-KEY: k\r\n"
        f"Content-Type: application/x-protobuf\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


async def receive_all(stream: trio.SocketStream) -> bytes:
    """Read until the other side closes, which it must do with FIN."""
    received = b""
    while data := await stream.receive_some():
        received += data
    return received


async def ask(intake: MockIntake, body: bytes) -> bytes:
    async with await trio.open_tcp_stream(*intake.address) as stream:
        await stream.send_all(write_request(body))
        return await receive_all(stream)


@pytest.fixture
def body(encode: Encoder) -> bytes:
    written: bytes = encode.series_payload(encode.series("page.views"))
    return written


@pytest.mark.parametrize(
    ("fault", "names"), [("reset", []), ("lose_answer", ["page.views"])]
)
async def test_a_reset_sends_rst_and_only_a_lost_answer_was_received(
    intake: MockIntake, body: bytes, fault: str, names: list[str]
) -> None:
    intake.play([Rule(fault=fault)])
    with pytest.raises(trio.BrokenResourceError) as caught:
        await ask(intake, body)
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.ECONNRESET
    assert [series.name for series in intake.series] == names
    (attempt,) = intake.attempts
    assert (attempt.status, attempt.fault) == (None, fault)
    assert [item.name for item in attempt.items if hasattr(item, "name")] == [
        "page.views"
    ]


async def test_half_an_answer_ends_within_its_body(
    intake: MockIntake, body: bytes
) -> None:
    intake.play([Rule(fault="half_answer", headers={"x-a": "b"})])
    head, _, rest = (await ask(intake, body)).partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"HTTP/1.1 202 Accepted",
        b"content-type: application/json",
        b"content-length: 13",
        b"x-a: b",
    ]
    assert rest == b'{"erro'


@pytest.mark.parametrize(("status", "received"), [(202, 1), (500, 0), (599, 0)])
async def test_half_an_answer_receives_what_its_status_says(
    intake: MockIntake, body: bytes, status: int, received: int
) -> None:
    intake.play([Rule(fault="half_answer", status=status)])
    answer = await ask(intake, body)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert len(intake.series) == received


@pytest.mark.parametrize(("status", "received"), [(202, 1), (500, 0)])
async def test_an_endless_answer_goes_on_until_the_client_leaves(
    intake: MockIntake, body: bytes, status: int, received: int
) -> None:
    intake.play([Rule(fault="endless_answer", status=status)])
    async with await trio.open_tcp_stream(*intake.address) as stream:
        await stream.send_all(write_request(body))
        answer = bytearray()
        # Far more than any answer that ends.
        while len(answer) < 1024 * 1024:
            piece = await stream.receive_some()
            assert piece
            answer += piece
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert len(intake.series) == received


async def test_garbage_is_not_http(intake: MockIntake, body: bytes) -> None:
    intake.play([Rule(fault="garbage")])
    answer = await ask(intake, body)
    assert answer
    assert not answer.startswith(b"HTTP/")
    assert intake.series == ()


async def test_garbage_may_be_chosen(intake: MockIntake, body: bytes) -> None:
    intake.play([Rule(fault="garbage", body="SSH-2.0-x\r\n")])
    assert await ask(intake, body) == b"SSH-2.0-x\r\n"


async def test_a_hanging_request_gets_no_answer_in_a_day(
    mock_clock: MockClock, intake: MockIntake, body: bytes
) -> None:
    mock_clock.autojump_threshold = 0.01
    intake.play([Rule(fault="hang")])
    with trio.move_on_after(86400) as scope:
        await ask(intake, body)
    assert scope.cancelled_caught
    assert intake.series == ()
    assert intake.attempts[0].fault == "hang"


async def test_a_delayed_answer_comes_after_its_delay(
    mock_clock: MockClock,
    intake: MockIntake,
    client: httpx2.AsyncClient,
    body: bytes,
) -> None:
    mock_clock.autojump_threshold = 0.01
    intake.play([Rule(delay_seconds=30)])
    start = trio.current_time()
    with trio.fail_after(3600):
        answer = await client.post(SERIES, content=body, timeout=None)
    assert answer.status_code == 202
    assert trio.current_time() - start == pytest.approx(30, abs=1)
    assert intake.attempts[0].fault == "delay"


async def test_a_client_that_does_not_wait_for_a_delay_was_received(
    mock_clock: MockClock, intake: MockIntake, body: bytes
) -> None:
    mock_clock.autojump_threshold = 0.01
    intake.play([Rule(delay_seconds=30)])
    with trio.move_on_after(10):
        await ask(intake, body)
    assert [series.name for series in intake.series] == ["page.views"]


async def test_a_fault_comes_after_its_delay(
    mock_clock: MockClock, intake: MockIntake, body: bytes
) -> None:
    mock_clock.autojump_threshold = 0.01
    intake.play([Rule(fault="garbage", delay_seconds=30)])
    start = trio.current_time()
    await ask(intake, body)
    assert trio.current_time() - start == pytest.approx(30, abs=1)


async def test_a_status_is_answered_and_nothing_received(
    intake: MockIntake, client: httpx2.AsyncClient, body: bytes
) -> None:
    intake.play([Rule(status=429, retry_after=7, body="slow down", headers={"a": "b"})])
    answer = await client.post(SERIES, content=body)
    assert (answer.status_code, answer.text) == (429, "slow down")
    assert (answer.headers["retry-after"], answer.headers["a"]) == ("7", "b")
    assert intake.series == ()
    (attempt,) = intake.attempts
    assert (attempt.status, attempt.fault, attempt.is_received) == (
        429,
        "answer",
        False,
    )


async def test_another_2xx_is_received(
    intake: MockIntake, client: httpx2.AsyncClient, body: bytes
) -> None:
    intake.play([Rule(status=200)])
    answer = await client.post(SERIES, content=body)
    assert answer.status_code == 200
    assert [series.name for series in intake.series] == ["page.views"]


async def test_a_2xx_does_not_make_a_broken_body_received(
    intake: MockIntake, client: httpx2.AsyncClient
) -> None:
    intake.play([Rule(status=200)])
    await client.post(SERIES, content=b"\x0a\x05")
    (attempt,) = intake.attempts
    assert (attempt.status, attempt.is_received) == (200, False)
    assert "5 bytes long" in attempt.error


async def test_a_redirect_points_where_the_rule_says(
    intake: MockIntake, client: httpx2.AsyncClient, body: bytes
) -> None:
    intake.play([Rule(location="/api/beta/sketches", times=1)])
    answer = await client.post(SERIES, content=body)
    assert answer.status_code == 307
    assert answer.headers["location"] == "/api/beta/sketches"


async def test_a_script_of_several_rules_plays_through(
    intake: MockIntake, client: httpx2.AsyncClient, body: bytes
) -> None:
    intake.play([Rule(status=500, times=2), Rule(fault="reset", times=1)])
    statuses: list[int | None] = []
    for _ in range(4):
        try:
            statuses.append((await client.post(SERIES, content=body)).status_code)
        except httpx2.NetworkError:
            statuses.append(None)
    assert statuses == [500, 500, None, 202]
    assert [attempt.status for attempt in intake.attempts] == statuses
    assert [attempt.number for attempt in intake.attempts] == [1, 2, 3, 4]
    assert len({attempt.sha256 for attempt in intake.attempts}) == 1


async def test_a_fault_leaves_other_connections_alone(
    intake: MockIntake, client: httpx2.AsyncClient, body: bytes
) -> None:
    await client.post(SERIES, content=body)
    intake.play([Rule(fault="garbage", times=1)])
    await ask(intake, body)
    answer = await client.post(SERIES, content=body)
    assert answer.status_code == 202
