import array
import contextlib
import logging
import socket
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from statsd_trio import Config, ConfigError, Ledger, Server, serve
from statsd_trio.aggregation.snapshot import Snapshot
from statsd_trio.engine.plain import PlainEngine
from statsd_trio.protocol.messages import Sample
from statsd_trio.server.listeners import bind_listeners
from statsd_trio.sinks.memory import MemorySink
from statsd_trio.sinks.sink import Sink, SinkError
from statsd_trio.sinks.sink_runner import SinkRunner
from statsd_trio.transports.listener import Listener


def array_of(raw: bytes) -> "array.array[int]":
    return array.array("B", raw)


AddUp = Callable[[list[Snapshot], str], float]
Send = Callable[..., None]
WallClock = Callable[[], float]


def quiet(**changes: object) -> Config:
    """A server on a free port that says nothing of itself."""
    settings: dict[str, object] = {
        "host": "127.0.0.1",
        "port": 0,
        "self_metrics": False,
    }
    return Config(**{**settings, **changes})  # type: ignore[arg-type]


async def test_flushes_each_interval(
    autojump_clock: MockClock,
    nursery: trio.Nursery,
    memory: MemorySink,
    wall_clock: WallClock,
    send: Send,
) -> None:
    start = partial(serve, quiet(), sinks=[memory], wall_clock=wall_clock)
    began = wall_clock()
    server: Server = await nursery.start(start)
    send(server.addresses[0], b"page.views:1|c")
    await trio.sleep(25)
    assert [s.time - began for s in memory.snapshots] == [10, 20]


async def test_what_is_sent_arrives_at_the_sinks(
    nursery: trio.Nursery, memory: MemorySink, send: Send, add_up: AddUp
) -> None:
    server: Server = await nursery.start(partial(serve, quiet(), sinks=[memory]))
    send(server.addresses[0], b"page.views:1|c\npage.views:2|c", b"page.views:4|c")
    await read_packets(server, 2)
    await server.flush()
    assert add_up(memory.snapshots, "page.views") == 7


async def test_flush_waits_for_what_is_queued(
    nursery: trio.Nursery, memory: MemorySink, add_up: AddUp
) -> None:
    server: Server = await nursery.start(partial(serve, quiet(), sinks=[memory]))
    packet = b"page.views:1|c\n" * 500  # more than fits in one slice of work
    for _ in range(100):
        server.submit(packet)
    await server.flush()
    assert add_up(memory.snapshots, "page.views") == 50_000


async def test_taken_port_is_a_plain_error_that_names_it() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        with pytest.raises(OSError, match=rf"127\.0\.0\.1:{port}"):
            await serve(quiet(port=port), sinks=[])


async def test_server_that_is_switched_off_does_not_run() -> None:
    with pytest.raises(ConfigError, match="use_dogstatsd=False"):
        await serve(quiet(use_dogstatsd=False), sinks=[])


async def test_sink_that_is_over_is_told_and_counted_and_ends_nothing(
    nursery: trio.Nursery, memory: MemorySink, check_ledger: Callable[[Ledger], None]
) -> None:
    async def unread(snapshot: Snapshot, /) -> None:
        await trio.lowlevel.checkpoint()
        raise SinkError("nobody reads it", reason="EPIPE", is_final=True)

    start = partial(serve, quiet(), sinks=[unread, memory])
    server: Server = await nursery.start(start)
    for _ in range(2):
        server.submit(b"page.views:1|c|T1700000000")
        await server.flush()

    assert [sink.refused for sink in server.ledger().sinks] == [{"EPIPE": 2}, {}]
    check_ledger(server.ledger())
    [reason] = server.find_unready()
    assert reason.startswith("sink-1: failing since 20")
    assert reason.endswith(": nobody reads it")
    with trio.move_on_after(0) as scope:
        await server.wait_sinks_ended()
    assert scope.cancelled_caught


async def test_end_of_the_last_sink_is_told(nursery: trio.Nursery) -> None:
    async def unread(snapshot: Snapshot, /) -> None:
        await trio.lowlevel.checkpoint()
        raise SinkError("nobody reads it", reason="EPIPE", is_final=True)

    start = partial(serve, quiet(), sinks=[unread, unread])
    server: Server = await nursery.start(start)
    server.submit(b"page.views:1|c|T1700000000")
    await server.flush()
    await server.wait_sinks_ended()


async def test_missing_key_is_told_before_anything_is_bound() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", 0))
        # A taken port would be an OSError.
        config = quiet(port=holder.getsockname()[1], sinks=("datadog",))
        with pytest.raises(ConfigError, match=r"Config\(api_key=\.\.\.\)"):
            await serve(config)


async def test_submit_takes_the_same_way(
    nursery: trio.Nursery, memory: MemorySink, add_up: AddUp
) -> None:
    server: Server = await nursery.start(partial(serve, quiet(), sinks=[memory]))
    assert server.submit(b"page.views:5|c")
    await server.flush()
    assert add_up(memory.snapshots, "page.views") == 5
    assert server.ledger().listeners[-1].packets == 1


async def test_flush_takes_what_a_resting_reader_has_not_read(
    nursery: trio.Nursery,
    memory: MemorySink,
    add_up: AddUp,
    send: Callable[..., None],
    autojump_clock: MockClock,
) -> None:
    server: Server = await nursery.start(partial(serve, quiet(), sinks=[memory]))
    for _ in range(10):
        send(server.addresses[0], b"page.views:1|c")
        await trio.sleep(0.0015)
    began = trio.current_time()
    assert server.ledger().listeners[0].packets < 10
    await server.flush()
    assert trio.current_time() == began
    assert add_up(memory.snapshots, "page.views") == 10


async def test_submit_to_a_full_queue_is_refused_and_counted(
    nursery: trio.Nursery,
) -> None:
    server: Server = await nursery.start(partial(serve, quiet(queue_size=2), sinks=[]))
    await wait_all_tasks_blocked()
    answers = [server.submit(b"a:1|c") for _ in range(5)]
    assert answers == [True, True, False, False, False]
    ledger = server.ledger()
    assert ledger.listeners[-1].refused == {"queue_full": 3}
    assert (ledger.queue.capacity, ledger.queue.used) == (2, 2)


async def test_submitted_packet_over_the_buffer_size_is_refused(
    nursery: trio.Nursery,
) -> None:
    server: Server = await nursery.start(partial(serve, quiet(buffer_size=8), sinks=[]))
    assert not server.submit(b"abcdef:1|c")
    assert server.ledger().listeners[-1].refused == {"too_long": 1}


async def test_submit_after_the_stop_is_refused(memory: MemorySink) -> None:
    async with trio.open_nursery() as nursery:
        server: Server = await nursery.start(partial(serve, quiet(), sinks=[memory]))
        nursery.cancel_scope.cancel()
    assert not server.submit(b"a:1|c")
    assert server.ledger().listeners[-1].refused == {"stopped": 1}


async def test_queue_shows_its_peak(nursery: trio.Nursery) -> None:
    server: Server = await nursery.start(partial(serve, quiet(), sinks=[]))
    await wait_all_tasks_blocked()
    for _ in range(5):
        server.submit(b"a:1|c")
    await server.flush()
    queue = server.ledger().queue
    assert (queue.used, queue.peak) == (0, 5)


async def test_stage_that_raises_leaves_as_a_group() -> None:
    starts = iter([1_700_000_000.0])

    def broken_clock() -> float:
        for started in starts:
            return started
        raise ZeroDivisionError

    with pytest.raises(ExceptionGroup) as caught:  # noqa: ASYNC401 - one or more
        await serve(quiet(), sinks=[], wall_clock=broken_clock)
    assert caught.value.split(ZeroDivisionError)[1] is None


def serve_until_it_fails(
    memory: MemorySink,
    arrange: Callable[[Server], None],
    *,
    sinks: Sequence[Sink] = (),
    wall_clock: WallClock = lambda: 1_700_000_000.0,
) -> tuple[Server, BaseExceptionGroup]:
    """Run a server with some data, let *arrange* break it, and wait for its end."""
    servers: list[Server] = []

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            start = partial(
                serve, quiet(), sinks=[memory, *sinks], wall_clock=wall_clock
            )
            server: Server = await nursery.start(start)
            servers.append(server)
            server.submit(b"page.views:1|c\n_e{1,1}:a|b\nbad line")
            await read_submitted(server)
            arrange(server)

    with pytest.raises(BaseExceptionGroup) as caught:  # noqa: ASYNC401 - any depth
        trio.run(main)
    return servers[0], caught.value


def fail(*_: object) -> Any:
    raise ZeroDivisionError


def fail_on_sample(sample: Sample) -> NoReturn:
    raise ZeroDivisionError


async def fail_later(_: object) -> None:
    await trio.lowlevel.checkpoint()
    raise ZeroDivisionError


def check_end(
    server: Server,
    error: BaseExceptionGroup,
    snapshots: Sequence[Snapshot],
    check_ledger: Callable[[Ledger], None],
) -> None:
    assert error.split(ZeroDivisionError)[1] is None
    ledger = server.ledger()
    check_ledger(ledger)
    assert sum(len(snapshot.events) for snapshot in snapshots) == 1
    names = [series.name for snapshot in snapshots for series in snapshot.series]
    assert names.count("page.views") == 1
    assert ledger.sinks[0].delivered == ledger.sinks[0].snapshotted > 0


def test_processor_that_fails_loses_what_it_had_in_hand_only(
    memory: MemorySink,
    check_ledger: Callable[[Ledger], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    def arrange(server: Server) -> None:
        rules = server._pipeline.ingest._processor.rules
        rules.apply = fail_on_sample
        for _ in range(5):
            server.submit(b"new:1|c")

    server, error = serve_until_it_fails(memory, arrange)
    check_end(server, error, memory.snapshots, check_ledger)
    ledger = server.ledger()
    assert (ledger.queue.dropped, ledger.queue.used) == (5, 0)
    assert ledger.lines.read == 3
    assert "a stage of the server failed" in caplog.text


async def test_readers_hand_on_what_waits_though_the_processor_failed(
    memory: MemorySink,
) -> None:
    servers: list[Server] = []

    async def run() -> None:
        async with trio.open_nursery() as nursery:
            config = quiet(queue_size=2)
            server: Server = await nursery.start(partial(serve, config, sinks=[memory]))
            servers.append(server)
            rules = server._pipeline.ingest._processor.rules
            rules.apply = fail_on_sample
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                for _ in range(20):
                    client.sendto(b"new:1|c", server.addresses[0])

    with pytest.raises(ExceptionGroup):  # noqa: ASYNC401 - one or more
        await run()
    ledger = servers[0].ledger()
    assert ledger.listeners[0].packets == 20
    assert ledger.queue.dropped == 20


def test_clock_that_fails_loses_nothing(
    memory: MemorySink, check_ledger: Callable[[Ledger], None]
) -> None:
    is_broken = False

    def read_clock() -> float:
        if is_broken:
            raise ZeroDivisionError
        return 1_700_000_000.0

    def arrange(server: Server) -> None:
        nonlocal is_broken
        is_broken = True
        server.submit(b"new:1|c")

    server, error = serve_until_it_fails(memory, arrange, wall_clock=read_clock)
    check_end(server, error, memory.snapshots, check_ledger)
    assert server.ledger().queue.dropped == 1


def test_destination_that_fails_takes_no_other_with_it(
    memory: MemorySink,
    check_ledger: Callable[[Ledger], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def ignore(_: object) -> None:
        await trio.lowlevel.checkpoint()

    def arrange(server: Server) -> None:
        broken = server._pipeline.destinations[1]
        assert isinstance(broken, SinkRunner)
        monkeypatch.setattr(broken._consumer, "_deliver", fail_later)
        broken.put_nowait(Snapshot(0, 10))

    server, error = serve_until_it_fails(memory, arrange, sinks=[ignore])
    check_end(server, error, memory.snapshots, check_ledger)


def test_flusher_that_fails_delivers_what_it_took(
    memory: MemorySink,
    check_ledger: Callable[[Ledger], None],
) -> None:
    def arrange(server: Server) -> None:
        server._pipeline.flusher._describe_self = fail
        rules = server._pipeline.ingest._processor.rules
        rules.apply = fail_on_sample
        server.submit(b"new:1|c")

    server, error = serve_until_it_fails(memory, arrange)
    check_end(server, error, memory.snapshots, check_ledger)


async def test_flush_ends_with_the_server(memory: MemorySink) -> None:
    async def wait(_: Snapshot) -> None:
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        start = partial(serve, quiet(shutdown_seconds=0.01), sinks=[wait])
        server: Server = await nursery.start(start)
        server.submit(b"a:1|c")
        async with trio.open_nursery() as others:
            others.cancel_scope.shield = True
            others.start_soon(flush_in_vain, server)
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
    await flush_in_vain(server)


async def flush_in_vain(server: Server) -> None:
    with pytest.raises(RuntimeError, match="has stopped"):
        await server.flush()


async def test_flush_does_not_wait_for_a_processor_that_failed(
    memory: MemorySink,
) -> None:
    async def run() -> None:
        async with trio.open_nursery() as nursery:
            start = partial(serve, quiet(), sinks=[memory])
            server: Server = await nursery.start(start)
            rules = server._pipeline.ingest._processor.rules
            rules.apply = fail_on_sample
            server.submit(b"new:1|c")
            with trio.CancelScope(shield=True), contextlib.suppress(RuntimeError):
                await server.flush()

    with pytest.raises(ExceptionGroup):  # noqa: ASYNC401 - one or more
        await run()


async def test_hook_that_raises_never_ends_the_server(
    nursery: trio.Nursery,
    memory: MemorySink,
    add_up: AddUp,
    caplog: pytest.LogCaptureFixture,
    check_ledger: Callable[[Ledger], None],
) -> None:
    def judge(sample: Sample) -> Sample:
        if sample.name == "bad":
            raise KeyError(sample.name)
        return sample

    config = quiet(on_sample=judge, on_event=fail, on_rejected=fail)
    server: Server = await nursery.start(partial(serve, config, sinks=[memory]))
    server.submit(b"page.views:1|c\nbad:1|c\n_e{1,1}:a|b\n_sc|up|0\nwrong")
    server.submit(b"page.views:1|c")
    await server.flush()
    assert add_up(memory.snapshots, "page.views") == 2
    ledger = server.ledger()
    check_ledger(ledger)
    assert ledger.lines.hook_failures == {
        "on_sample": 1,
        "on_event": 2,
        "on_rejected": 1,
    }
    assert "the hook on_sample raised 1 time, the first: KeyError: " in caplog.text


@pytest.mark.parametrize(
    "make",
    [bytes, bytearray, memoryview, lambda raw: memoryview(bytearray(raw)), array_of],
)
async def test_submit_takes_what_is_like_bytes(
    make: Callable[[bytes], Any],
    nursery: trio.Nursery,
    memory: MemorySink,
    add_up: AddUp,
) -> None:
    server: Server = await nursery.start(partial(serve, quiet(), sinks=[memory]))
    packet = make(b"page.views:5|c")
    assert server.submit(packet)
    if isinstance(packet, bytearray):
        packet[:] = b"x" * len(packet)  # as a program that uses its buffer again
    await server.flush()
    assert add_up(memory.snapshots, "page.views") == 5


@pytest.mark.parametrize("packet", ["a:1|c", None, 5, [97], ("a:1|c",)])
async def test_submit_refuses_what_is_not_like_bytes(
    packet: Any, nursery: trio.Nursery
) -> None:
    server: Server = await nursery.start(partial(serve, quiet(), sinks=[]))
    with pytest.raises(TypeError, match=f"not {type(packet).__name__}$"):
        server.submit(packet)
    assert server.submit(b"a:1|c")
    await server.flush()
    assert server.ledger().listeners[-1].packets == 1


async def test_failing_sink_stops_nothing_and_is_counted(
    nursery: trio.Nursery,
    memory: MemorySink,
    add_up: AddUp,
    check_ledger: Callable[[Ledger], None],
) -> None:
    async def fail(snapshot: Snapshot) -> None:
        raise ValueError(snapshot.time)

    server: Server = await nursery.start(partial(serve, quiet(), sinks=[fail, memory]))
    server.submit(b"page.views:1|c")
    await server.flush()
    assert add_up(memory.snapshots, "page.views") == 1
    ledger = server.ledger()
    check_ledger(ledger)
    assert sum(ledger.sinks[0].refused.values()) == 1
    assert ledger.sinks[1].delivered == 1


async def test_garbage_is_counted_and_harms_nothing(
    nursery: trio.Nursery,
    memory: MemorySink,
    send: Send,
    add_up: AddUp,
    check_ledger: Callable[[Ledger], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    server: Server = await nursery.start(
        partial(serve, quiet(buffer_size=64), sinks=[memory])
    )
    packets = [
        b"good:1|c\nbad\n\ngood:x|c\ngood:1,0|c\n\xff\xfe:1|c\ngood:2|c\n",
        bytes(range(256))[:60],
        b"",
        b"good:4|c\n" + b"x" * 60 + b":1|c",
    ]
    send(server.addresses[0], *packets)
    await read_packets(server, len(packets))
    await server.flush()
    assert add_up(memory.snapshots, "good") == 7
    ledger = server.ledger()
    check_ledger(ledger)
    assert ledger.listeners[0].truncated == 1
    assert ledger.lines.rejected["truncated"] == 1
    assert ledger.lines.rejected["bad_value"] == 2
    warnings = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert len([r for r in warnings if "(bad_value)" in r.message]) == 1


async def test_every_transport_feeds_the_same_queue(
    nursery: trio.Nursery, memory: MemorySink, send: Send, add_up: AddUp, tmp_path: Path
) -> None:
    gram, stream = str(tmp_path / "gram"), str(tmp_path / "stream")
    config = quiet(socket_path=gram, stream_socket_path=stream, tcp_port=0)
    server: Server = await nursery.start(partial(serve, config, sinks=[memory]))
    udp, unix_gram, unix_stream, tcp = server.addresses
    assert (unix_gram, unix_stream) == (gram, stream)
    send(udp, b"page.views:1|c")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.sendto(b"page.views:2|c", gram)
    line = b"page.views:4|c\n"
    async with await trio.open_unix_socket(stream) as framed:
        await framed.send_all(len(line).to_bytes(4, "little") + line)
    async with await trio.open_tcp_stream(*tcp) as lined:
        await lined.send_all(b"page.views:8|c\n")
    while server.ledger().lines.read < 4:
        await trio.lowlevel.checkpoint()
    await server.flush()
    assert add_up(memory.snapshots, "page.views") == 15


async def test_fifo_and_inherited_socket_feed_the_same_queue(
    nursery: trio.Nursery, memory: MemorySink, send: Send, add_up: AddUp, tmp_path: Path
) -> None:
    fifo = tmp_path / "fifo"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handed_in:
        handed_in.bind(("127.0.0.1", 0))
        config = quiet(port=None, pipe_name=str(fifo), sockets=[handed_in])
        server: Server = await nursery.start(partial(serve, config, sinks=[memory]))
        send(handed_in.getsockname(), b"page.views:1|c")
        await trio.to_thread.run_sync(fifo.write_bytes, b"page.views:2|c\n")
        while server.ledger().lines.read < 2:
            await trio.lowlevel.checkpoint()
        await server.flush()
    assert add_up(memory.snapshots, "page.views") == 3


async def test_packets_are_sent_on_unchanged(nursery: trio.Nursery) -> None:
    with trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        await other.bind(("127.0.0.1", 0))
        host, port = other.getsockname()
        config = quiet(forward_host=host, forward_port=port)
        server: Server = await nursery.start(partial(serve, config, sinks=[]))
        server.submit(b"page.views:1|c\ngarbage\n")
        assert await other.recv(100) == b"page.views:1|c\ngarbage\n"
        forward = server.ledger().forward
    assert forward is not None
    assert (forward.packets, forward.bytes) == (1, 23)


async def test_what_was_bound_is_released_if_the_next_is_taken(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a socket")
    config = quiet(socket_path=str(tmp_path / "gram"), tcp_port=0)
    config = attrs.evolve(config, stream_socket_path=str(tmp_path / "file"))
    with pytest.raises(OSError, match="file"):
        await serve(config, sinks=[])
    assert not (tmp_path / "gram").exists()


async def test_refused_contexts_and_clashing_types_are_warned_of_once(
    nursery: trio.Nursery, memory: MemorySink, caplog: pytest.LogCaptureFixture
) -> None:
    start = partial(serve, quiet(max_contexts=3), sinks=[memory])
    server: Server = await nursery.start(start)
    server.submit(b"load:1|c|#id:1\nload:1|g|#id:1\nload:1|g|#id:2")
    for number in range(10):
        server.submit(b"new%d:1|c" % number)
    await server.flush()
    warnings = [r.message for r in caplog.records if r.levelno == logging.WARNING]
    (clash,) = [w for w in warnings if "both as counter and as gauge" in w]
    assert "'load'" in clash
    (full,) = [w for w in warnings if "max_contexts = 3" in w]
    assert "dropped 10 values" in full
    assert "'load' 3" in full
    assert "'id' 2" in full


async def test_own_metrics_tell_what_was_read(
    autojump_clock: MockClock,
    nursery: trio.Nursery,
    memory: MemorySink,
    wall_clock: WallClock,
    add_up: AddUp,
) -> None:
    config = Config(host="127.0.0.1", port=0)
    start = partial(serve, config, sinks=[memory], wall_clock=wall_clock)
    server: Server = await nursery.start(start)
    server.submit(b"a:1|c\nb:1|c\nc")
    await trio.sleep(21)
    assert add_up(memory.snapshots, "statsd_trio.lines") == 3
    assert add_up(memory.snapshots, "statsd_trio.lines.rejected") == 1


async def test_reload_changes_the_next_samples_and_loses_none(
    nursery: trio.Nursery,
    memory: MemorySink,
    add_up: AddUp,
    check_ledger: Callable[[Ledger], None],
) -> None:
    config = quiet(tags=["env:old"], metric_filterlist=["noise"])
    server: Server = await nursery.start(partial(serve, config, sinks=[memory]))
    lines = b"page.views:1|c\nnoise:1|c\nload:2|h\n" * 3  # thrice: from memory too
    server.submit(lines)
    await read_submitted(server)

    server.reload(
        quiet(tags=["env:new"], metric_filterlist=["page", "load.max"], namespace="x")
    )
    server.submit(lines)
    await server.flush()

    assert add_up(memory.snapshots, "page.views") == 3
    assert add_up(memory.snapshots, "x.page.views") == 3
    assert add_up(memory.snapshots, "x.noise") == 3
    tags = {
        (series.name, series.tags)
        for snapshot in memory.snapshots
        for series in snapshot.series
    }
    assert ("page.views", ("env:old",)) in tags
    assert ("x.page.views", ("env:new",)) in tags
    assert server.ledger().lines.filtered == 3
    check_ledger(server.ledger())


async def test_reload_filters_what_was_let_through(
    nursery: trio.Nursery, memory: MemorySink, add_up: AddUp
) -> None:
    server: Server = await nursery.start(partial(serve, quiet(), sinks=[memory]))
    server.submit(b"a:1|c\nload:2|h\n" * 3)
    await read_submitted(server)

    server.reload(quiet(metric_filterlist=["a", "load.max"]))
    server.submit(b"a:1|c\nload:2|h\n" * 3)
    await server.flush()

    assert add_up(memory.snapshots, "a") == 3
    names = {series.name for each in memory.snapshots for series in each.series}
    assert "load.avg" in names
    assert "load.max" not in names


async def test_starts_of_names_drop_what_a_histogram_generates(
    nursery: trio.Nursery, memory: MemorySink, caplog: pytest.LogCaptureFixture
) -> None:
    config = quiet(metric_filterlist=("baz.9*", "my noise*", "123"))
    server: Server = await nursery.start(partial(serve, config, sinks=[memory]))
    server.submit(b"baz:1|h\nmy_noise.a:1|c\nmy noise:1|c\nmy.noise:1|c")
    await server.flush()
    (snapshot,) = memory.snapshots
    names = {series.name for series in snapshot.series}
    assert names == {"baz.max", "baz.median", "baz.avg", "baz.count", "my.noise"}
    assert "metric_filterlist: ignored '123'" in caplog.text
    caplog.clear()
    server.reload(attrs.evolve(config, metric_filterlist=("a", "...*")))
    assert "metric_filterlist: ignored '...*'" in caplog.text


async def test_reload_tags_events_and_own_metrics(
    autojump_clock: MockClock,
    nursery: trio.Nursery,
    memory: MemorySink,
    wall_clock: WallClock,
) -> None:
    config = Config(host="127.0.0.1", port=0)
    start = partial(serve, config, sinks=[memory], wall_clock=wall_clock)
    server: Server = await nursery.start(start)

    server.reload(attrs.evolve(config, tags=["env:new"]))
    server.submit(b"_e{1,1}:a|b\n_sc|up|0")
    await trio.sleep(11)

    [snapshot] = memory.snapshots
    assert snapshot.events[0].tags == ("env:new",)
    assert snapshot.service_checks[0].tags == ("env:new",)
    assert all("env:new" in series.tags for series in snapshot.series)


async def test_reload_of_what_cannot_be_used_changes_nothing(
    nursery: trio.Nursery, memory: MemorySink
) -> None:
    config = quiet(tags=["env:old"])
    server: Server = await nursery.start(partial(serve, config, sinks=[memory]))

    with pytest.raises(ConfigError, match="max_contexts"):
        server.reload(quiet(tags=["env:new"], max_contexts=-1))

    server.submit(b"a:1|c")
    await server.flush()
    assert memory.snapshots[0].series[0].tags == ("env:old",)


async def read_submitted(server: Server) -> None:
    """Wait until what was submitted is taken out of the queue."""
    while server.ledger().queue.used:
        await trio.lowlevel.checkpoint()
    await wait_all_tasks_blocked()


async def read_packets(server: Server, count: int) -> None:
    """Wait until *count* packets were read and processed."""
    while (ledger := server.ledger()).listeners[0].packets < count or ledger.queue.used:
        await trio.lowlevel.checkpoint()


async def test_empty_key_is_a_missing_one() -> None:
    with pytest.raises(ConfigError, match=r"Config\(api_key=\.\.\.\)"):
        await serve(quiet(sinks=("datadog",), api_key=""))


async def test_the_engine_is_named_in_the_log_and_in_the_ledger(
    nursery: trio.Nursery, memory: MemorySink, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    start = partial(serve, quiet(engine="plain"), sinks=[memory])
    server: Server = await nursery.start(start)
    assert server.ledger().engine == "plain"
    assert "the engine is plain" in [record.message for record in caplog.records]


async def test_the_log_says_why_the_native_engine_does_not_run(
    nursery: trio.Nursery,
    memory: MemorySink,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("statsd_trio.engine.choose.find_native", lambda: None)
    caplog.set_level(logging.INFO)
    await nursery.start(partial(serve, quiet(), sinks=[memory]))
    messages = [record.message for record in caplog.records]
    assert "the engine is plain (the native one is not installed)" in messages


async def test_an_engine_that_is_missing_is_an_error_before_anything_is_bound(
    nursery: trio.Nursery, memory: MemorySink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("statsd_trio.engine.choose.find_native", lambda: None)
    monkeypatch.setattr("statsd_trio.server.pipeline.bind_listeners", pytest.fail)
    with pytest.raises(ConfigError, match="native engine is not installed"):
        await nursery.start(partial(serve, quiet(engine="native"), sinks=[memory]))


@pytest.mark.parametrize("engine", ["plain", "native"])
async def test_datagrams_are_read_as_the_engine_was_chosen(
    engine: str,
    nursery: trio.Nursery,
    memory: MemorySink,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Native(PlainEngine):
        """Stands in for the native engine, which may not be installed."""

    native_receive = object()
    given: list[object] = []

    async def bind(config: Config, receive: object) -> list[Listener]:
        given.append(receive)
        return await bind_listeners(config)

    monkeypatch.setattr("statsd_trio.engine.choose.find_native", lambda: Native)
    monkeypatch.setattr(
        "statsd_trio.server.pipeline.find_native_receive", lambda: native_receive
    )
    monkeypatch.setattr("statsd_trio.server.pipeline.bind_listeners", bind)
    await nursery.start(partial(serve, quiet(engine=engine), sinks=[memory]))
    assert given == [None if engine == "plain" else native_receive]
