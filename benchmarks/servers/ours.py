"""statsd-trio itself, with a sink that throws away what it gets."""

from functools import partial

import trio

from benchmarks.ledgers import find_problems
from benchmarks.servers.serving import Report, Serving, Started, main
from statsd_trio import Config, Server, serve
from statsd_trio.aggregation.snapshot import Snapshot


class _Discard:
    """Counts snapshots, and keeps none."""

    def __init__(self) -> None:
        self.snapshots = 0

    async def __call__(self, _: Snapshot, /) -> None:
        """Throw the snapshot away."""
        self.snapshots += 1
        await trio.lowlevel.checkpoint()


async def _serve(serving: Serving, started: Started) -> Report:
    config = Config(
        host="127.0.0.1",
        port=None if serving.path else 0,
        socket_path=serving.path or None,
        so_rcvbuf=serving.so_rcvbuf,
        interval_seconds=serving.interval_seconds,
        max_contexts=serving.max_contexts,
    )
    sink = _Discard()
    async with trio.open_nursery() as nursery:
        server: Server = await nursery.start(partial(serve, config, sinks=[sink]))
        await started.wait_for_stop(server.addresses[0])
        nursery.cancel_scope.cancel()
    ledger = server.ledger()
    listener = ledger.listeners[0]
    return Report(
        packets=listener.packets,
        packets_late=listener.refused.get("stop", 0),
        kernel_dropped=listener.kernel_dropped,
        granted_buffer_bytes=listener.granted_buffer_bytes,
        lines=ledger.lines.read,
        aggregated=ledger.samples.aggregated,
        rejected=dict(ledger.lines.rejected),
        refused=dict(ledger.samples.refused),
        truncated=listener.truncated,
        contexts=ledger.contexts.peak,
        waits=listener.waits,
        longest_wait_seconds=listener.longest_wait_seconds,
        queue_peak=ledger.queue.peak,
        problems=find_problems(ledger),
        snapshots=sink.snapshots,
    )


if __name__ == "__main__":
    main(_serve)
