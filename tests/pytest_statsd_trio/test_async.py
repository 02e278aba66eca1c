"""The fixture to await: in the test's loop under Trio, by threads elsewhere."""

import asyncio
import socket
from collections.abc import Callable, Iterator

import pytest
import trio
from trio.testing import MockClock

from pytest_statsd_trio.fixture import AsyncDogStatsd, DogStatsd

Send = Callable[..., None]


async def test_trio_test_awaits(
    dogstatsd_async: AsyncDogStatsd, send_udp: Send
) -> None:
    send_udp(dogstatsd_async, b"hits:1|c|#a:b\n_e{1,1}:t|x\n_sc|db|0\ntook:1|d")
    await dogstatsd_async.assert_counter("hits", 1, tags={"a": "b"})
    await dogstatsd_async.assert_event(title="t")
    await dogstatsd_async.assert_service_check("db", "ok")
    await dogstatsd_async.assert_distribution("took", count=1)
    await dogstatsd_async.assert_none("failures")
    await dogstatsd_async.assert_valid()
    await dogstatsd_async.assert_lossless()


def list_tasks(task: trio.lowlevel.Task) -> Iterator[str]:
    yield task.name
    for nursery in task.child_nurseries:
        for child in nursery.child_tasks:
            yield from list_tasks(child)


async def test_server_runs_in_the_tests_own_loop(
    dogstatsd_async: AsyncDogStatsd,
) -> None:
    root = trio.lowlevel.current_root_task()
    assert root is not None
    assert any(name.startswith("statsd_trio.") for name in list_tasks(root))


@pytest.mark.parametrize("transport", ["udp", "unixgram", "unixstream"])
async def test_none_sees_what_was_sent_just_before(
    dogstatsd_async: AsyncDogStatsd,
    send_each: dict[str, Send],
    transport: str,
    autojump_clock: MockClock,
) -> None:
    for _ in range(9):
        send_each[transport](dogstatsd_async, b"hits:1|c\n" * 50)
    with pytest.raises(AssertionError):
        await dogstatsd_async.assert_none("hits")
    assert len(dogstatsd_async.metrics) == 450
    assert trio.current_time() == 0


async def test_settling_takes_in_all_of_a_long_stream(
    dogstatsd_async: AsyncDogStatsd, autojump_clock: MockClock
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        assert dogstatsd_async.stream_socket_path is not None
        client.connect(dogstatsd_async.stream_socket_path)
        # Many times the packets that a connection reads in one turn.
        client.sendall(b"\x08\0\0\0hits:1|c" * 2000)
        await dogstatsd_async.settle()
    assert len(dogstatsd_async.metrics) == 2000


async def test_assertion_waits_on_virtual_time(
    dogstatsd_async: AsyncDogStatsd,
    send_udp: Send,
    autojump_clock: MockClock,
    nursery: trio.Nursery,
) -> None:
    async def work() -> None:
        await trio.sleep(1.5)
        send_udp(dogstatsd_async, b"hits:1|c")

    nursery.start_soon(work)
    await dogstatsd_async.assert_counter("hits", 1)
    assert trio.current_time() == 1.5


async def test_failure_takes_virtual_time_only(
    dogstatsd_async: AsyncDogStatsd, autojump_clock: MockClock
) -> None:
    with pytest.raises(AssertionError, match="within 1000 s"):
        await dogstatsd_async.assert_counter("hits", timeout=1000)
    assert trio.current_time() == 1000


async def test_failure_comes_though_the_mock_clock_stands_still(
    dogstatsd_async: AsyncDogStatsd, mock_clock: MockClock
) -> None:
    with pytest.raises(AssertionError):
        await dogstatsd_async.assert_counter("hits", timeout=0.01)


async def test_buckets_move_on_virtual_time(
    dogstatsd_async: AsyncDogStatsd, send_udp: Send, autojump_clock: MockClock
) -> None:
    for _ in range(3):
        send_udp(dogstatsd_async, b"hits:5|c")
        await trio.sleep(10)
    await trio.sleep(1)
    began = dogstatsd_async.flushed[0].time - 10
    assert [
        (snapshot.time - began, [point.value for point in series.points])
        for snapshot in dogstatsd_async.flushed
        for series in snapshot.series
    ] == [(10, [0.5]), (20, [0.5]), (30, [0.5])]


async def test_application_runs_on_while_an_assertion_waits(
    dogstatsd_async: AsyncDogStatsd, send_udp: Send, nursery: trio.Nursery
) -> None:
    asked = trio.Event()

    async def answer() -> None:
        await asked.wait()
        send_udp(dogstatsd_async, b"hits:1|c")

    nursery.start_soon(answer)
    asked.set()
    await dogstatsd_async.assert_counter("hits", 1)


def test_asyncio_test_awaits(dogstatsd_async: AsyncDogStatsd, send_udp: Send) -> None:
    async def answer_later() -> None:
        await asyncio.sleep(0)
        send_udp(dogstatsd_async, b"hits:1|c")

    async def main() -> None:
        task = asyncio.create_task(answer_later())
        await dogstatsd_async.assert_counter("hits", 1)
        await task
        await dogstatsd_async.assert_none("failures")
        assert await dogstatsd_async.snapshot() == "hits counter = 1\n"
        with pytest.raises(AssertionError, match="no gauge depth"):
            await dogstatsd_async.assert_gauge("depth", timeout=0)

    asyncio.run(main())


def test_other_plugin_that_runs_trio_awaits(
    dogstatsd_async: AsyncDogStatsd, send_udp: Send
) -> None:
    async def main() -> None:
        send_udp(dogstatsd_async, b"hits:1|c")
        await dogstatsd_async.assert_counter("hits", 1)

    trio.run(main)


def test_other_loop_goes_on_while_an_assertion_waits(
    dogstatsd_async: AsyncDogStatsd, send_udp: Send
) -> None:
    async def main() -> None:
        task = asyncio.create_task(dogstatsd_async.assert_counter("hits", 1))
        await asyncio.sleep(0)
        send_udp(dogstatsd_async, b"hits:1|c")
        await task

    asyncio.run(main())


async def test_assertion_may_be_a_task(
    dogstatsd_async: AsyncDogStatsd, send_udp: Send, nursery: trio.Nursery
) -> None:
    nursery.start_soon(dogstatsd_async.assert_counter, "hits", 1)
    send_udp(dogstatsd_async, b"hits:1|c")


def check_refuses_to_block(dogstatsd: DogStatsd, loop: str) -> None:
    for wait in (
        dogstatsd.settle,
        dogstatsd.snapshot,
        dogstatsd.assert_none,
        dogstatsd.assert_valid,
        dogstatsd.assert_lossless,
        lambda: dogstatsd.assert_counter("hits", timeout=60),
    ):
        with pytest.raises(RuntimeError, match=f"{loop} is .* `dogstatsd_async`"):
            wait()


def test_fixture_that_blocks_refuses_to_in_asyncio(dogstatsd: DogStatsd) -> None:
    async def main() -> None:
        check_refuses_to_block(dogstatsd, "asyncio")
        await asyncio.to_thread(dogstatsd.assert_none)

    asyncio.run(main())


async def test_fixture_that_blocks_refuses_to_in_trio(dogstatsd: DogStatsd) -> None:
    check_refuses_to_block(dogstatsd, "Trio")
    await trio.to_thread.run_sync(dogstatsd.assert_none)
