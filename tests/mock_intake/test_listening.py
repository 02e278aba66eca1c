import logging
import socket
import zlib

import httpx2
import pytest
import trio
from starlette.requests import Request
from trio.testing import MockClock, wait_all_tasks_blocked

from statsd_trio.mock_intake import Attempt, MockIntake, Rule, open_mock_intake
from statsd_trio.mock_intake.receiving import Receiving
from tests.mock_intake.conftest import Encoder


async def test_a_port_that_is_taken_is_an_os_error_that_names_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1 port {port}: "):
            async with open_mock_intake(port=port):
                pass


async def test_a_port_is_free_again_at_once() -> None:
    async with (
        open_mock_intake() as intake,
        httpx2.AsyncClient(
            base_url=intake.url, trust_env=False, verify=False
        ) as client,
    ):
        await client.get("/")
    async with open_mock_intake(port=intake.address[1]) as again:
        assert again.address == intake.address


async def test_an_ipv6_address_stands_in_brackets() -> None:
    try:
        async with open_mock_intake(host="::1") as intake:
            assert intake.url == f"http://[::1]:{intake.address[1]}"
    except OSError:
        pytest.skip("this machine has no IPv6")


async def test_a_name_is_listened_on_by_its_first_address() -> None:
    async with open_mock_intake(host="localhost") as intake:
        stream = await trio.open_tcp_stream(*intake.address)
        await stream.aclose()


async def test_what_the_block_raises_leaves_it_unchanged() -> None:
    class OwnError(Exception):
        pass

    with pytest.raises(OwnError):
        async with open_mock_intake():
            raise OwnError


async def test_leaving_ends_a_request_that_hangs() -> None:
    with trio.fail_after(60):
        async with (
            open_mock_intake(script=[Rule(fault="hang")]) as intake,
            await trio.open_tcp_stream(*intake.address) as stream,
        ):
            await stream.send_all(b"GET /api/v1/validate HTTP/1.1\r\nHost: x\r\n\r\n")
            await intake.wait_for(lambda intake: bool(intake.attempts))


async def test_cancelling_ends_a_request_that_hangs() -> None:
    with trio.fail_after(60), trio.CancelScope() as scope:
        async with (
            open_mock_intake(script=[Rule(fault="hang")]) as intake,
            await trio.open_tcp_stream(*intake.address) as stream,
        ):
            await stream.send_all(b"GET /api/v1/validate HTTP/1.1\r\nHost: x\r\n\r\n")
            await intake.wait_for(lambda intake: bool(intake.attempts))
            scope.cancel()
            await trio.sleep_forever()
    assert scope.cancelled_caught


async def close_later(stream: trio.SocketStream) -> None:
    async with stream:
        await trio.sleep(60)


async def test_a_client_that_does_not_read_cannot_hold_the_end_up(
    encode: Encoder,
) -> None:
    body = encode.series_payload(*[encode.series(tags=["x" * 5000])] * 90)
    async with trio.open_nursery() as nursery:
        async with open_mock_intake() as intake:
            async with httpx2.AsyncClient(
                base_url=intake.url,
                headers={"DD-API-KEY": "k", "Content-Type": "application/x-protobuf"},
                trust_env=False,
                verify=False,
            ) as client:
                for _ in range(30):
                    await client.post("/api/v2/series", content=body)
            stream = await trio.open_tcp_stream(*intake.address)
            # 13 MB, of which some megabytes fit into the kernel's buffers.
            await stream.send_all(b"GET /mock/series HTTP/1.1\r\nHost: x\r\n\r\n")
            await stream.receive_some(1)
            await wait_all_tasks_blocked(0.05)
            # If the end waited for the client, this would let it go at last.
            nursery.start_soon(close_later, stream)
        assert stream.socket.fileno() >= 0, "the end waited for the client"
        nursery.cancel_scope.cancel()


async def test_an_idle_connection_stays_open_for_a_day(
    mock_clock: MockClock, intake: MockIntake
) -> None:
    request = b"GET /api/v1/validate HTTP/1.1\r\nHost: x\r\n\r\n"
    mock_clock.autojump_threshold = 0.01
    async with await trio.open_tcp_stream(*intake.address) as stream:
        for _ in range(2):
            await stream.send_all(request)
            answer = b""
            while not answer.endswith(b"]}"):
                data = await stream.receive_some()
                assert data, "the connection was closed"
                answer += data
            assert answer.startswith(b"HTTP/1.1 403")
            await trio.sleep(86400)


async def test_what_is_not_http_is_refused_and_harms_nobody(
    intake: MockIntake, client: httpx2.AsyncClient
) -> None:
    for junk in (b"\x00\xff\x16\x03\r\n\r\n", b"GET / HTTP/9\r\n\r\n", b"\r\n" * 50):
        async with await trio.open_tcp_stream(*intake.address) as stream:
            await stream.send_all(junk)
            await stream.send_eof()
            while await stream.receive_some():
                pass
    assert (await client.get("/")).status_code == 200


async def test_what_breaks_the_intake_harms_nobody(
    intake: MockIntake,
    client: httpx2.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(_receiving: Receiving, _request: Request) -> None:
        await trio.lowlevel.checkpoint()
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(Receiving, "handle", fail)
        assert (await client.get("/api/v1/validate")).status_code == 500
    assert (await client.get("/")).status_code == 200
    assert "GET /api/v1/validate failed" in caplog.text


async def test_a_websocket_is_not_served_and_harms_nobody(
    intake: MockIntake, client: httpx2.AsyncClient
) -> None:
    async with await trio.open_tcp_stream(*intake.address) as stream:
        await stream.send_all(
            b"GET /api/v2/series HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
            b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert not (await stream.receive_some()).startswith(b"HTTP/1.1 101")
    assert (await client.get("/")).status_code == 200


async def test_nothing_is_logged(
    intake: MockIntake,
    client: httpx2.AsyncClient,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, logger="statsd_trio")
    await client.get("/api/v1/validate")
    intake.play([Rule(fault="reset")])
    with pytest.raises(httpx2.NetworkError):
        await client.get("/api/v1/validate")
    assert [record for record in caplog.records if "httpx" not in record.name] == []


async def test_every_attempt_is_told_before_its_answer() -> None:
    told: list[Attempt] = []
    async with (
        open_mock_intake(on_attempt=told.append) as intake,
        httpx2.AsyncClient(
            base_url=intake.url, trust_env=False, verify=False
        ) as client,
    ):
        await client.get("/api/v1/validate")
        assert tuple(told) == intake.attempts


async def test_error_of_who_looks_on_changes_no_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(attempt: Attempt) -> None:
        raise ZeroDivisionError

    async with (
        open_mock_intake(on_attempt=fail) as intake,
        httpx2.AsyncClient(
            base_url=intake.url, trust_env=False, verify=False
        ) as client,
    ):
        answer = await client.get("/api/v1/validate", headers={"DD-API-KEY": "k"})

    assert answer.status_code == 200
    assert len(intake.attempts) == 1
    assert "on_attempt failed" in caplog.text


async def test_no_more_is_kept_than_was_said(encode: Encoder) -> None:
    async with (
        open_mock_intake(max_kept=3) as intake,
        httpx2.AsyncClient(
            base_url=intake.url,
            headers={"DD-API-KEY": "k", "Content-Type": "application/x-protobuf"},
            trust_env=False,
            verify=False,
        ) as client,
    ):
        names = ["a", "b", "c", "d", "e"]
        body = encode.series_payload(*map(encode.series, names))
        await client.post("/api/v2/series", content=body)
    assert [series.name for series in intake.series] == ["c", "d", "e"]
    assert intake.forgotten == 2


async def test_clearing_forgets_what_came(
    encode: Encoder, intake: MockIntake, client: httpx2.AsyncClient
) -> None:
    sketch = encode.sketch("a", encode.sketch_point())
    bodies = {
        "/api/v2/series": encode.series_payload(encode.series()),
        "/api/beta/sketches": encode.sketch_payload(sketch),
    }
    for path, body in bodies.items():
        await client.post(path, content=body)
    intake.clear()
    assert (intake.attempts, intake.series, intake.sketches) == ((), (), ())


async def test_waiting_ends_with_the_attempt_that_is_waited_for(
    autojump_clock: MockClock, intake: MockIntake, client: httpx2.AsyncClient
) -> None:
    seen: list[int] = []

    async def wait() -> None:
        await intake.wait_for(lambda intake: len(intake.attempts) == 2)
        seen.append(len(intake.attempts))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await client.get("/api/v1/validate")
        await wait_all_tasks_blocked()
        assert seen == []
        await client.get("/api/v1/validate")
    assert seen == [2]


def make_bomb(encode: Encoder, name: str) -> bytes:
    """A body of a few hundred bytes that holds a series of 5 MB."""
    return zlib.compress(
        encode.series_payload(encode.series(name, tags=["a" * 5_000_000]))
    )


async def test_small_bodies_of_big_series_do_not_fill_the_memory(
    encode: Encoder,
) -> None:
    limit = 32 * 1024 * 1024
    async with (
        open_mock_intake(max_kept_bytes=limit) as intake,
        httpx2.AsyncClient(
            base_url=intake.url,
            headers={
                "DD-API-KEY": "k",
                "Content-Type": "application/x-protobuf",
                "Content-Encoding": "deflate",
            },
            trust_env=False,
            verify=False,
        ) as client,
    ):
        bodies = [make_bomb(encode, f"bomb.{number}") for number in range(20)]
        assert max(map(len, bodies)) < 6000
        kept: list[int] = []
        for body in bodies:
            answer = await client.post("/api/v2/series", content=body)
            assert answer.status_code == 202
            kept.append(intake.kept_bytes)
    assert 25_000_000 < max(kept) <= limit
    # The newest six of them, with the attempts that brought them.
    assert [s.name for s in intake.series] == [f"bomb.{n}" for n in range(14, 20)]
    assert [attempt.number for attempt in intake.attempts] == list(range(15, 21))
    assert intake.forgotten == 28
    intake.clear()
    assert intake.kept_bytes == 0


async def test_items_that_a_fault_kept_from_being_received_count_too(
    encode: Encoder,
) -> None:
    async with (
        open_mock_intake(max_kept_bytes=1_000_000, script=[Rule(status=503)]) as intake,
        httpx2.AsyncClient(
            base_url=intake.url,
            headers={"DD-API-KEY": "k", "Content-Type": "application/x-protobuf"},
            trust_env=False,
            verify=False,
        ) as client,
    ):
        for number in range(10):
            body = encode.series_payload(encode.series(f"{number}" * 200_000))
            await client.post("/api/v2/series", content=body)
    assert len(intake.attempts) == 4
    assert intake.series == ()


async def test_one_that_is_too_big_alone_is_not_kept(encode: Encoder) -> None:
    async with (
        open_mock_intake(max_kept_bytes=100_000) as intake,
        httpx2.AsyncClient(
            base_url=intake.url,
            headers={"DD-API-KEY": "k", "Content-Type": "application/x-protobuf"},
            trust_env=False,
            verify=False,
        ) as client,
    ):
        body = encode.series_payload(encode.series("a" * 200_000))
        answer = await client.post("/api/v2/series", content=body)
    assert answer.status_code == 202
    assert (intake.series, intake.attempts, intake.kept_bytes) == ((), (), 0)
    assert intake.forgotten == 2
