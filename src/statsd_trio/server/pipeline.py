"""Make the stages of a server from a `Config`, and connect them.

listeners -> queue -> ingest -> aggregator -> flusher -> destinations
"""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

import attrs
import trio

from statsd_trio.aggregation.aggregator import Aggregator
from statsd_trio.aggregation.snapshot import Series
from statsd_trio.config import Config
from statsd_trio.counters import (
    ContextCounters,
    LineCounters,
    ListenerCounters,
    SampleCounters,
)
from statsd_trio.engine.choose import EngineChoice, choose_engine
from statsd_trio.engine.plain import PlainEngine
from statsd_trio.flusher import Flusher, Telemetry
from statsd_trio.ingest import Ingest, Rejections
from statsd_trio.operating.heap import HeapTrimmer, find_trim
from statsd_trio.pace import Pace
from statsd_trio.rules import Rules
from statsd_trio.server.destinations import make_api_key, open_destinations
from statsd_trio.server.ledger_source import LedgerSource
from statsd_trio.server.listeners import bind_listeners, open_forward
from statsd_trio.server.settings import make_aggregation_settings, make_rules
from statsd_trio.server.views import bind_views
from statsd_trio.sinks.datadog.keys import ApiKey
from statsd_trio.sinks.sink import Destination, Sink
from statsd_trio.sinks.sink_caller import SinkCaller
from statsd_trio.sinks.sink_runner import SinkRunner
from statsd_trio.transports.forward import Forwarder
from statsd_trio.transports.listener import Listener
from statsd_trio.transports.packet_queue import PacketQueue, PacketSendChannel
from statsd_trio.transports.receiving import find_native_receive

logger = logging.getLogger(__name__)


@attrs.frozen(eq=False, kw_only=True)
class Pipeline:
    """The stages of one server, in the order of the data flow.

    Attributes:
        channels: the channel of each listener for its packets, in the order of the
            listeners.
        submissions: the channel for the packets of `Server.submit`.
        http_listeners: the sockets of the HTTP views.
        api_key: the key of the main intake; None without one.
        resources: closes every socket that is still open, and each destination that
            never ran.
    """

    listeners: Sequence[Listener]
    channels: Sequence[PacketSendChannel]
    submissions: PacketSendChannel
    queue: PacketQueue
    ingest: Ingest
    engine: EngineChoice
    aggregator: Aggregator
    flusher: Flusher
    telemetry: Telemetry
    destinations: Sequence[Destination]
    forwarder: Forwarder | None
    http_listeners: Sequence[trio.SocketListener]
    api_key: ApiKey | None
    ledger_source: LedgerSource
    resources: ExitStack


async def open_pipeline(
    config: Config,
    *,
    sinks: Sequence[Sink] | None,
    wall_clock: Callable[[], float],
) -> Pipeline:
    """Open what *config* names, and connect the stages; nothing runs yet.

    What may fail is done first: the engine, the key, the sinks, the sockets.

    Args:
        config: the listeners, stages and sinks.
        sinks: used instead of those in *config*, if given.
        wall_clock: returns unix seconds.

    Raises:
        ConfigError: if the engine, or an extra, is missing.
        OSError: as `bind_listeners` and `open_destinations`; nothing stays open.
    """
    engine = choose_engine(config.engine)
    wall_clock = _LastingClock(wall_clock)
    started = wall_clock()
    api_key = None
    with ExitStack() as stack:
        if sinks is None:
            api_key = make_api_key(config) if "datadog" in config.sinks else None
            destinations = open_destinations(config, wall_clock, api_key, stack)
        else:
            destinations = [
                SinkRunner(SinkCaller(f"sink-{number}", sink, wall_clock=wall_clock))
                for number, sink in enumerate(sinks, 1)
            ]
        forwarder = await open_forward(config)
        if forwarder is not None:
            stack.callback(forwarder.close)
        http_listeners = await bind_views(config.http)
        for http_listener in http_listeners:
            stack.callback(http_listener.socket.close)
        is_plain = engine.make is PlainEngine
        listeners = await bind_listeners(
            config, None if is_plain else find_native_receive()
        )
        for listener in listeners:
            stack.callback(listener.close)

        queue = PacketQueue(config.queue_size)
        channels = [queue.open_send_channel(each.counters) for each in listeners]
        submitted = ListenerCounters("submit")
        lines, samples, contexts = LineCounters(), SampleCounters(), ContextCounters()
        rejections = Rejections(lines, config.on_rejected)
        rules = make_rules(config)
        log_warnings(rules)
        aggregator = Aggregator(
            make_aggregation_settings(config, rules),
            samples,
            contexts,
            make_engine=engine.make,
            started=started,
        )
        trimmer = HeapTrimmer(lambda: aggregator.memory_used, find_trim())
        ingest = Ingest(
            aggregator,
            rules,
            lines,
            rejections,
            wall_clock=wall_clock,
            monotonic_clock=time.perf_counter,
            eol_required=frozenset(config.eol_required),
            use_timestamps=config.no_aggregation_pipeline,
            on_sample=config.on_sample,
            on_event=config.on_event,
            forward=None if forwarder is None else forwarder.forward_nowait,
            on_slice=trimmer.check,
        )
        ledger_source = LedgerSource(
            listeners=listeners,
            submitted=submitted,
            queue=queue,
            ingest=ingest,
            lines=lines,
            samples=samples,
            contexts=contexts,
            aggregator=aggregator,
            destinations=destinations,
            forwarder=forwarder,
        )
        telemetry = Telemetry(
            ledger_source.read,
            interval_seconds=config.interval_seconds,
            host=config.hostname,
            tags=config.tags,
            started=started,
        )

        def warn_of_losses() -> None:
            """Log what was lost in the interval, in packets and in lines."""
            for listener in listeners:
                listener.warn_of_losses()
            rejections.warn()

        flusher = Flusher(
            ingest.take_snapshot,
            destinations,
            interval_seconds=config.interval_seconds,
            wall_clock=wall_clock,
            describe_self=telemetry.describe if config.self_metrics else _say_nothing,
            report=warn_of_losses,
            pace=Pace(),
            on_step=trimmer.check,
            on_snapshot=ingest.show_snapshot,
        )
        return Pipeline(
            listeners=listeners,
            channels=channels,
            submissions=queue.open_send_channel(submitted),
            queue=queue,
            ingest=ingest,
            engine=engine,
            aggregator=aggregator,
            flusher=flusher,
            telemetry=telemetry,
            destinations=destinations,
            forwarder=forwarder,
            http_listeners=http_listeners,
            api_key=api_key,
            ledger_source=ledger_source,
            resources=stack.pop_all(),
        )


def log_warnings(rules: Rules) -> None:
    """Log what an operator should know about *rules*."""
    for warning in rules.warnings:
        logger.warning("%s", warning)


class _LastingClock:
    """A clock that stands still after it has raised.

    The first error ends the server, and the last snapshot needs a time too.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last = 0.0
        self._has_failed = False

    def __call__(self) -> float:
        """Return unix seconds."""
        if not self._has_failed:
            self._has_failed = True
            self._last = self._clock()
            self._has_failed = False
        return self._last


def _say_nothing(time: int) -> tuple[Series, ...]:
    del time
    return ()
