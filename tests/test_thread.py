import asyncio
import os
import socket
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import attrs
import pytest
import trio

from statsd_trio import Config, ConfigError, Server, ServerThread
from statsd_trio.aggregation.snapshot import Snapshot
from statsd_trio.sinks.memory import MemorySink

QUIET = Config(host="127.0.0.1", port=0, self_metrics=False)


def test_what_is_submitted_arrives_at_the_end_of_the_block(memory: MemorySink) -> None:
    with ServerThread(QUIET, sinks=[memory]) as server:
        assert server.submit(b"page.views:1|g")
    (snapshot,) = [entry for entry in memory.snapshots if entry.series]
    assert snapshot.series[0].name == "page.views"


def test_what_is_sent_arrives_at_the_end_of_the_block(memory: MemorySink) -> None:
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with udp as client, ServerThread(QUIET, sinks=[memory]) as server:
        client.sendto(b"page.views:1|g", server.addresses[0])
    assert server.ledger().samples.aggregated == 1


def test_flush_returns_once_the_sinks_have_it(memory: MemorySink) -> None:
    with ServerThread(QUIET, sinks=[memory]) as server:
        server.submit(b"page.views:1|g")
        server.flush()
        assert [len(entry.series) for entry in memory.snapshots][-1] == 1


def test_methods_may_be_called_from_many_threads(memory: MemorySink) -> None:
    with ServerThread(QUIET, sinks=[memory]) as server:

        def work() -> None:
            for _ in range(20):
                assert server.submit(b"page.views:1|c")
                server.ledger()

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        server.flush()
        assert server.ledger().samples.aggregated == 80


def test_taken_port_is_raised_on_entering() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", 0))
        config = Config(host="127.0.0.1", port=holder.getsockname()[1])
        with (
            pytest.raises(OSError, match=r"127\.0\.0\.1"),
            ServerThread(config, sinks=[]),
        ):
            pytest.fail("the block was entered")


def test_bad_configuration_is_raised_on_entering() -> None:
    with pytest.raises(ConfigError, match=r"Config\(api_key"), ServerThread(QUIET):
        pytest.fail("the block was entered")


def test_failed_stage_is_raised_on_leaving() -> None:
    failing = threading.Event()

    def read_clock() -> float:
        if failing.is_set():
            raise ZeroDivisionError
        return 1_700_000_000.0

    def run_into_it() -> None:
        with ServerThread(QUIET, sinks=[], wall_clock=read_clock) as server:
            failing.set()
            server.submit(b"a:1|c")

    with pytest.raises(ExceptionGroup) as caught:  # noqa: ASYNC401 - one or more
        run_into_it()
    assert caught.value.split(ZeroDivisionError)[1] is None


def test_error_of_the_block_is_not_hidden(memory: MemorySink) -> None:
    def fail() -> None:
        with ServerThread(QUIET, sinks=[memory]) as server:
            server.submit(b"a:1|g")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert memory.snapshots[-1].series


def test_use_outside_the_block_is_an_error() -> None:
    server = ServerThread(QUIET, sinks=[])
    with pytest.raises(RuntimeError, match="with"):
        server.ledger()


def test_shell_starts_and_stops_it(memory: MemorySink) -> None:
    server = ServerThread(QUIET, sinks=[memory])
    server.start()
    assert server.submit(b"page.views:1|g")
    server.stop()
    server.stop()
    assert memory.snapshots[-1].series
    assert not server.submit(b"page.views:1|g")


def test_stop_before_the_start_is_an_error() -> None:
    with pytest.raises(RuntimeError, match=r"start\(\)"):
        ServerThread(QUIET, sinks=[]).stop()


def test_second_start_is_an_error(memory: MemorySink) -> None:
    server = ServerThread(QUIET, sinks=[memory])
    with server:
        with pytest.raises(RuntimeError, match="make a new ServerThread"):
            server.start()
        server.submit(b"page.views:1|g")
    with pytest.raises(RuntimeError, match="make a new ServerThread"), server:
        pytest.fail("the block was entered")
    assert memory.snapshots[-1].series


def test_start_that_failed_leaves_nothing_to_stop() -> None:
    server = ServerThread(QUIET)
    with pytest.raises(ConfigError):
        server.start()
    server.stop()


def test_flush_after_the_end_is_an_error() -> None:
    with ServerThread(QUIET, sinks=[]) as server:
        pass
    with pytest.raises(RuntimeError, match="has stopped"):
        server.flush()
    with pytest.raises(RuntimeError, match="has stopped"):
        server.reload(QUIET)


def test_flush_that_a_stop_cuts_short_is_an_error() -> None:
    is_delivering = threading.Event()
    raised: list[BaseException] = []

    async def never_deliver(snapshot: Snapshot) -> None:
        is_delivering.set()
        await trio.sleep_forever()

    def flush() -> None:
        try:
            server.flush()
        except RuntimeError as error:
            raised.append(error)

    config = attrs.evolve(QUIET, shutdown_seconds=0)
    with ServerThread(config, sinks=[never_deliver]) as server:
        server.submit(b"page.views:1|g")
        thread = threading.Thread(target=flush)
        thread.start()
        is_delivering.wait()
    thread.join()
    assert "has stopped" in str(raised[0])
    assert server.ledger().sinks[0].abandoned == 1


def test_reload_changes_what_is_sent_from_then_on(memory: MemorySink) -> None:
    with ServerThread(QUIET, sinks=[memory]) as server:
        server.reload(attrs.evolve(QUIET, tags=("env:new",)))
        with pytest.raises(ConfigError):
            server.reload(attrs.evolve(QUIET, max_contexts=-1))
        server.submit(b"page.views:1|g")
    assert memory.snapshots[-1].series[0].tags == ("env:new",)


def test_addresses_are_those_of_every_listener(tmp_path: Path) -> None:
    path = str(tmp_path / "dsd")
    config = attrs.evolve(QUIET, socket_path=path, tcp_port=0, http="127.0.0.1:0")
    with ServerThread(config, sinks=[]) as server:
        assert len(server.addresses) == 3
        assert path in server.addresses
        assert server.udp_address in server.addresses
        ((host, port),) = server.http_addresses
        socket.create_connection((host, port)).close()


def test_server_without_udp_has_no_address_of_it(tmp_path: Path) -> None:
    config = Config(port=None, socket_path=str(tmp_path / "dsd"))
    with (
        ServerThread(config, sinks=[]) as server,
        pytest.raises(LookupError, match="`port` is None"),
    ):
        _ = server.udp_address


def test_ledger_may_be_read_after_the_block() -> None:
    with ServerThread(QUIET, sinks=[]) as server:
        pass
    assert not server.submit(b"a:1|c")
    assert server.ledger().listeners[-1].refused == {"stopped": 1}


def test_works_beside_asyncio(memory: MemorySink) -> None:
    async def main() -> None:
        with ServerThread(QUIET, sinks=[memory]) as server:
            loop = asyncio.get_running_loop()
            transport, _ = await loop.create_datagram_endpoint(
                asyncio.DatagramProtocol, remote_addr=server.addresses[0]
            )
            transport.sendto(b"page.views:1|g")
            transport.close()

    asyncio.run(main())
    assert memory.snapshots[-1].series


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_forked_child_knows_that_it_has_no_server(memory: MemorySink) -> None:
    with ServerThread(QUIET, sinks=[memory]) as server:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                server.ledger()
            except RuntimeError as error:
                server.__exit__(None, None, None)  # returns at once
                status = 0 if "forked" in str(error) else 2
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
        server.submit(b"page.views:1|g")
    snapshot: Snapshot = memory.snapshots[-1]
    assert snapshot.series


@asynccontextmanager
async def note_stay(server: Server, steps: list[str]) -> AsyncGenerator[Server]:
    steps.append("entered")
    try:
        yield server
    finally:
        steps.append("left")


def test_what_is_entered_runs_in_the_loop_of_the_server() -> None:
    steps: list[str] = []
    with ServerThread(QUIET, sinks=[]) as thread:
        with thread.enter(partial(note_stay, steps=steps)) as server:
            assert steps == ["entered"]
            assert server.addresses == thread.addresses
        assert steps == ["entered", "left"]


def test_what_is_entered_ends_with_the_server() -> None:
    steps: list[str] = []
    thread = ServerThread(QUIET, sinks=[])
    thread.start()
    with thread.enter(partial(note_stay, steps=steps)):
        thread.stop()
    assert steps == ["entered", "left"]
    with (
        pytest.raises(RuntimeError, match="the server has stopped"),
        thread.enter(partial(note_stay, steps=steps)),
    ):
        pass


def test_what_fails_on_entering_is_raised_there() -> None:
    @asynccontextmanager
    async def fail(server: Server) -> AsyncGenerator[None]:
        raise OSError(98, "the port is taken")
        yield

    with (
        ServerThread(QUIET, sinks=[]) as thread,
        pytest.raises(OSError, match="the port is taken"),
        thread.enter(fail),
    ):
        pass


async def test_inside_trio_it_says_what_to_do_instead() -> None:
    with pytest.raises(RuntimeError, match=r"await nursery\.start\(statsd_trio\.serve"):
        ServerThread(Config(port=0, sinks=())).start()
