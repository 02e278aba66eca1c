"""statsd-trio itself, with a sink that throws everything away."""

import logging
from functools import partial
from pathlib import Path

import trio

from benchmarks.ledgers import find_problems
from benchmarks.servers.serving import Report, Serving, Started, main
from statsd_trio import Config, Server, serve
from statsd_trio.aggregation.snapshot import Snapshot


class _Discard:
    """Counts snapshots without keeping them."""

    def __init__(self) -> None:
        self.snapshots = 0

    async def __call__(self, _: Snapshot, /) -> None:
        """Throw the snapshot away."""
        self.snapshots += 1
        await trio.lowlevel.checkpoint()


async def _serve(serving: Serving, started: Started) -> Report:
    def find_path(transport: str) -> str | None:
        is_asked_for = transport in serving.transports
        return str(Path(serving.folder, transport)) if is_asked_for else None

    config = Config(
        host="127.0.0.1",
        port=0 if "udp" in serving.transports else None,
        tcp_port=0 if "tcp" in serving.transports else None,
        socket_path=find_path("unixgram"),
        stream_socket_path=find_path("unixstream"),
        so_rcvbuf=serving.so_rcvbuf,
        interval_seconds=serving.interval_seconds,
        max_contexts=serving.max_contexts,
        engine=serving.engine,
    )
    sink = _Discard()
    async with trio.open_nursery() as nursery:
        server: Server = await nursery.start(partial(serve, config, sinks=[sink]))
        addresses = {
            listener.name.partition("://")[0]: address
            for listener, address in zip(
                server.ledger().listeners, server.addresses, strict=False
            )
        }
        await started.wait_for_stop(addresses)
        nursery.cancel_scope.cancel()
    ledger = server.ledger()
    listeners = ledger.listeners
    udp = [each for each in listeners if each.kernel_dropped is not None]
    return Report(
        packets=sum(each.packets for each in listeners),
        packets_late=sum(each.refused.get("stop", 0) for each in listeners),
        bytes_by_transport={
            each.name.partition("://")[0]: each.bytes for each in listeners
        },
        kernel_dropped=udp[0].kernel_dropped if udp else None,
        granted_buffer_bytes=udp[0].granted_buffer_bytes if udp else None,
        lines=ledger.lines.read,
        aggregated=ledger.samples.aggregated,
        rejected=dict(ledger.lines.rejected),
        refused=dict(ledger.samples.dropped),
        truncated=sum(each.truncated for each in listeners),
        contexts=ledger.contexts.peak,
        waits=sum(each.waits for each in listeners),
        longest_wait_seconds=max(each.longest_wait_seconds for each in listeners),
        queue_peak=ledger.queue.peak,
        problems=find_problems(ledger),
        snapshots=sink.snapshots,
    )


if __name__ == "__main__":
    # What it warns of is in its report too.
    logging.getLogger("statsd_trio").addHandler(logging.NullHandler())
    main(_serve)
