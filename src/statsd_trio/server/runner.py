"""Run the tasks of a server in three nested nurseries, which order its stop.

A cancel reaches all three at once, but only the innermost one acts on it. Its readers
read what the kernel holds, and close their ends of the queue. The tasks in the other
two are shielded, and each ends because its input has ended: the processor when the
queue is closed and empty, the destinations when they have delivered the last snapshot,
for which they have `shutdown_seconds`.

A stage that fails cancels its nursery, and with it the readers, which stops the server
in the same order. The other stages go on to their end, and the error is raised after
that.
"""

import logging
from collections.abc import Callable
from typing import Final

import trio

from statsd_trio.ki import protect_from_ki
from statsd_trio.operating.viewed_server import ViewedServer
from statsd_trio.server.ledger_source import log_ledger
from statsd_trio.server.pipeline import Pipeline
from statsd_trio.server.views import serve_views
from statsd_trio.sinks.sink import Destination
from statsd_trio.transports.listener import Listener
from statsd_trio.transports.packet_queue import PacketSendChannel

logger = logging.getLogger(__name__)

_NOTHING_LEFT: Final = (
    "the server has stopped, and delivered what it had at its end: nothing is left to "
    "flush"
)


class PipelineRunner:
    """Runs a pipeline, once."""

    def __init__(self, pipeline: Pipeline, *, shutdown_seconds: float) -> None:
        self._pipeline = pipeline
        self._shutdown_seconds = shutdown_seconds
        self._running_destinations = len(pipeline.destinations)
        self._sinks_ended = trio.Event()
        self._has_delivered = False
        self._joining: set[trio.CancelScope] = set()

    # All or none: the processor ends only when every sender is closed, and a sender
    # that no task holds would never be closed.
    @protect_from_ki
    async def run(self, server: ViewedServer, on_started: Callable[[], None]) -> None:
        """Run until cancelled, or until a stage fails.

        Args:
            server: the server that the views show.
            on_started: called when every task is started.
        """
        pipeline = self._pipeline
        try:
            async with trio.open_nursery() as deliver:
                for destination in pipeline.destinations:
                    deliver.start_soon(self._deliver, destination)
                try:
                    async with trio.open_nursery() as process:
                        process.start_soon(self._process, process.cancel_scope.cancel)
                        async with trio.open_nursery() as read:
                            self._start_reading(read, server)
                            _log_start(pipeline)
                            on_started()
                finally:
                    deliver.start_soon(self._deliver_last)
        finally:
            self._end()

    def _start_reading(self, read: trio.Nursery, server: ViewedServer) -> None:
        """Start all tasks that a cancel reaches."""
        pipeline = self._pipeline
        for listener, channel in zip(
            pipeline.listeners, pipeline.channels, strict=True
        ):
            read.start_soon(_receive, listener, channel)
        read.start_soon(_hold_open, pipeline.submissions)
        read.start_soon(pipeline.flusher.run)
        if pipeline.http_listeners:
            read.start_soon(serve_views, server, pipeline.http_listeners)

    @protect_from_ki
    async def _process(self, stop: Callable[[], None]) -> None:
        """Process packets to the end of the queue; if that fails, call *stop* first."""
        queue, ingest = self._pipeline.queue, self._pipeline.ingest
        with trio.CancelScope(shield=True):
            async with queue:
                try:
                    await ingest.run(queue)
                except Exception as error:
                    _log_failure(error)
                    stop()
                    # The readers have the time of the stop to pass on what they hold.
                    async for _ in queue:  # noqa: ASYNC120 - it is shielded
                        pass
                    ingest.give_up(queue.taken)
                    raise

    @protect_from_ki
    async def _deliver_last(self) -> None:
        """Pass the last snapshot to the destinations, and let them end."""
        # The time to build the last snapshot is part of the time to deliver.
        deadline = trio.current_time() + self._shutdown_seconds
        with trio.CancelScope(shield=True):
            try:
                await self._pipeline.flusher.flush(include_open=True, final=True)
            except Exception as error:
                _log_failure(error)
                raise
            finally:
                left = max(0.0, deadline - trio.current_time())
                for destination in self._pipeline.destinations:
                    destination.close(left)

    @protect_from_ki
    async def _deliver(self, destination: Destination) -> None:
        """Deliver until the stop, or until this destination can never deliver again."""
        with trio.CancelScope(shield=True):
            try:
                await destination.run()
            except Exception as error:
                _log_failure(error)
                raise
            finally:
                self._running_destinations -= 1
                if not self._running_destinations:
                    self._sinks_ended.set()

    def _end(self) -> None:
        # Nobody may wait for what will never be delivered.
        self._has_delivered = True
        for scope in self._joining:
            scope.cancel()
        self._pipeline.resources.close()
        log_ledger(self._pipeline.ledger_source.read())

    async def flush(self) -> None:
        """Do the work of `Server.flush`."""
        pipeline = self._pipeline
        if not self._has_delivered:
            for listener in pipeline.listeners:
                await listener.end_rest()
            await pipeline.queue.wait_taken()
            await pipeline.ingest.wait_processed(pipeline.queue.taken)
            await pipeline.flusher.flush(include_open=True)
        if self._has_delivered:
            raise RuntimeError(_NOTHING_LEFT)
        with trio.CancelScope() as scope:
            self._joining.add(scope)
            try:
                async with trio.open_nursery() as nursery:
                    for destination in pipeline.destinations:
                        nursery.start_soon(destination.join)
            finally:
                self._joining.discard(scope)
        if scope.cancelled_caught:
            raise RuntimeError(_NOTHING_LEFT)

    async def wait_sinks_ended(self) -> None:
        """Do the work of `Server.wait_sinks_ended`."""
        await self._sinks_ended.wait()


@protect_from_ki
async def _receive(listener: Listener, channel: PacketSendChannel) -> None:
    await listener.receive(channel)


@protect_from_ki
async def _hold_open(submissions: PacketSendChannel) -> None:
    """Keep the channel of `Server.submit` open, until cancelled."""
    with submissions:
        await trio.sleep_forever()


def _log_start(pipeline: Pipeline) -> None:
    engine = pipeline.engine
    why = f" ({engine.why_plain})" if engine.why_plain else ""
    logger.info("the engine is %s%s", pipeline.aggregator.engine_name, why)
    for listener in pipeline.listeners:
        counters = listener.counters
        if counters.granted_buffer_bytes is None:
            logger.info("listening on %s", counters.name)
        else:
            logger.info(
                "listening on %s, with a receive buffer of %d bytes",
                counters.name,
                counters.granted_buffer_bytes,
            )


def _log_failure(error: Exception) -> None:
    logger.error("a stage of the server failed; stopping", exc_info=error)
