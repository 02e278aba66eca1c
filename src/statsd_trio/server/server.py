"""The server: bind, one nursery, join the stages, stop in order.

The life of a server:

1. What can fail fails first: the key, the sinks, the sockets. Nothing has started.
2. One nursery hosts a reader task for each listener, the flusher, and the task that
   processes and delivers. A bounded queue joins the readers to the processor.
3. A cancel reaches the readers and the flusher. The readers take what the kernel holds
   and close their senders. The task that processes and delivers is shielded: it ends
   when the queue does, then takes the last snapshot, and gives the destinations
   `shutdown_seconds` to deliver it.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Final, NoReturn

import attrs
import trio

from statsd_trio.aggregation.aggregator import Aggregator
from statsd_trio.aggregation.ranking import ContextRanking
from statsd_trio.aggregation.snapshot import Series
from statsd_trio.config import Config, find_problems
from statsd_trio.config.options import OPTIONS
from statsd_trio.engine.choose import EngineChoice, choose_engine
from statsd_trio.engine.plain import PlainEngine
from statsd_trio.errors import ConfigError
from statsd_trio.flusher import Flusher, Telemetry
from statsd_trio.ingest import Ingest, Rejections, Watcher
from statsd_trio.ki import protect_from_ki
from statsd_trio.ledger import (
    ContextCounters,
    Ledger,
    LineCounters,
    ListenerCounters,
    QueueLedger,
    SampleCounters,
)
from statsd_trio.operating.health import find_conditions, find_unready
from statsd_trio.operating.heap import HeapTrimmer, find_trim
from statsd_trio.pace import Pace
from statsd_trio.rules import Rules
from statsd_trio.server.parts import (
    bind_listeners,
    make_aggregation_settings,
    make_api_key,
    make_rules,
    make_series_filter,
    open_destinations,
    open_forward,
    reveal_key,
)
from statsd_trio.server.views import bind_views, serve_views
from statsd_trio.sinks.datadog.keys import ApiKey
from statsd_trio.sinks.outlet import Outlet
from statsd_trio.sinks.sink import Destination, Sink
from statsd_trio.transports.forward import Forwarder
from statsd_trio.transports.listener import BoundAddress, Listener
from statsd_trio.transports.packet import Origin, Packet
from statsd_trio.transports.packet_queue import PacketQueue, PacketSendChannel
from statsd_trio.transports.receiving import find_native_receive
from statsd_trio.transports.udp import UdpListener

logger = logging.getLogger(__name__)

# As many names, and tag keys of each, as fit on a screen.
_RANKED: Final = 20

_NOTHING_LEFT: Final = (
    "the server has stopped, and delivered what it had at its end: nothing is left to "
    "flush"
)

_IN_PROCESS: Final = Origin(transport="inproc", listener="submit")


_PLAIN: Final = EngineChoice(PlainEngine)


class Server:
    """A running server. `serve` makes it."""

    def __init__(
        self,
        config: Config,
        listeners: Sequence[Listener],
        destinations: Sequence[Destination],
        wall_clock: Callable[[], float],
        started: float,
        forwarder: Forwarder | None = None,
        http_listeners: Sequence[trio.SocketListener] = (),
        api_key: ApiKey | None = None,
        engine: EngineChoice = _PLAIN,
    ) -> None:
        self._config = config
        self._engine = engine
        self._api_key = api_key
        self._listeners = listeners
        self._destinations = destinations
        self._running_destinations = len(destinations)
        self._sinks_ended = trio.Event()
        self._has_delivered = False
        self._settling: set[trio.CancelScope] = set()
        self._forwarder = forwarder
        self._http_listeners = http_listeners
        self._lines = LineCounters()
        self._samples = SampleCounters()
        self._contexts = ContextCounters()
        self._submitted = ListenerCounters(_IN_PROCESS.listener)
        self._is_watched = False
        self._queue = PacketQueue(config.queue_size)
        self._channels = [
            self._queue.open_send_channel(listener.counters) for listener in listeners
        ]
        self._submissions = self._queue.open_send_channel(self._submitted)
        self._rejections = Rejections(self._lines, config.on_rejected)
        rules = make_rules(config)
        _log_warnings(rules)
        self._aggregator = Aggregator(
            make_aggregation_settings(config, rules),
            self._samples,
            self._contexts,
            make_engine=engine.make,
            started=started,
        )
        trimmer = HeapTrimmer(lambda: self._aggregator.memory_used, find_trim())
        self._ingest = Ingest(
            self._aggregator,
            rules,
            self._lines,
            self._rejections,
            wall_clock=wall_clock,
            monotonic_clock=time.perf_counter,
            eol_required=frozenset(config.eol_required),
            use_timestamps=config.no_aggregation_pipeline,
            on_sample=config.on_sample,
            on_event=config.on_event,
            forward=None if forwarder is None else forwarder.forward_nowait,
            on_slice=trimmer.check,
        )
        self._telemetry = Telemetry(
            self.ledger,
            interval_seconds=config.interval_seconds,
            host=config.hostname,
            tags=config.tags,
            started=started,
        )
        self._flusher = Flusher(
            self._ingest.take_snapshot,
            destinations,
            interval_seconds=config.interval_seconds,
            wall_clock=wall_clock,
            describe_self=(
                self._telemetry.describe if config.self_metrics else _say_nothing
            ),
            report=self._warn_of_losses,
            pace=Pace(),
            on_step=trimmer.check,
            on_snapshot=self._ingest.show_snapshot,
        )

    @property
    def config(self) -> Config:
        """The configuration that it runs with, as the last reload left it."""
        return self._config

    @property
    def addresses(self) -> tuple[BoundAddress, ...]:
        """What each listener is bound to: ``(host, port)``, or the path of a socket."""
        return tuple(listener.address for listener in self._listeners)

    @property
    def udp_address(self) -> tuple[str, int]:
        """The host and port at which UDP is received, the first if there are several.

        Raises:
            LookupError: if UDP is turned off.
        """
        for listener in self._listeners:
            if isinstance(listener, UdpListener):
                return listener.address
        raise LookupError("the server does not listen on UDP: its `port` is None")

    @property
    def http_addresses(self) -> tuple[tuple[str, int], ...]:
        """Where it shows itself over HTTP; one for each address of the host."""
        names = [listener.socket.getsockname() for listener in self._http_listeners]
        return tuple((name[0], name[1]) for name in names)

    @protect_from_ki
    def ledger(self) -> Ledger:
        """Return what became of everything that was processed so far."""
        for listener in self._listeners:
            listener.refresh_counters()
        return Ledger(
            engine=self._aggregator.engine_name,
            memory=self._aggregator.memory,
            listeners=(
                *(listener.counters.freeze() for listener in self._listeners),
                self._submitted.freeze(),
            ),
            queue=QueueLedger(
                capacity=self._config.queue_size,
                used=self._queue.used,
                peak=self._queue.peak,
                dropped=self._ingest.dropped_packets,
            ),
            lines=self._lines.freeze(),
            samples=self._samples.freeze(condensed=self._aggregator.condensed),
            contexts=self._contexts.freeze(),
            sinks=tuple(
                ledger
                for destination in self._destinations
                for ledger in destination.ledgers()
            ),
            forward=(
                None if self._forwarder is None else self._forwarder.counters.freeze()
            ),
        )

    def find_unready(self) -> list[str]:
        """Tell, a line each, what keeps it from doing its work; nothing if it can."""
        return find_unready(
            self.ledger(),
            seconds_since_flush=self._flusher.measure_silence(),
            interval_seconds=self._config.interval_seconds,
        )

    def _warn_of_losses(self) -> None:
        """Log what the interval lost: before there was a line, and line by line."""
        for listener in self._listeners:
            listener.warn_of_losses()
        self._rejections.warn()

    def find_conditions(self) -> dict[str, str]:
        """Return what is wrong though it does its work, by its name.

        An additional endpoint that fails, say, or a route that does: none of it makes
        the server unready.
        """
        return find_conditions(self.ledger())

    async def rank_contexts(self) -> ContextRanking:
        """Tell which names have most contexts, and which tag keys most values."""
        ranker = self._aggregator.rank_contexts(_RANKED)
        await Pace().run(ranker.rank())
        return ranker.ranking

    async def flush(self) -> None:
        """Take what was read so far, open buckets too, and see it off.

        Returns once every sink has delivered it, queued it for another try, or
        refused it. What came after an earlier flush within the same bucket goes with
        the next bucket, since a point is never sent twice.

        Raises:
            RuntimeError: if the server has stopped, before or meanwhile; it has then
                delivered what it had, as far as `shutdown_seconds` allowed.
        """
        if not self._has_delivered:
            for listener in self._listeners:
                await listener.end_rest()
            await self._queue.wait_taken()
            await self._ingest.wait_processed(self._queue.taken)
            await self._flusher.flush(include_open=True)
        if self._has_delivered:
            raise RuntimeError(_NOTHING_LEFT)
        with trio.CancelScope() as scope:
            self._settling.add(scope)
            try:
                async with trio.open_nursery() as nursery:
                    for destination in self._destinations:
                        nursery.start_soon(destination.settle)
            finally:
                self._settling.discard(scope)
        if scope.cancelled_caught:
            raise RuntimeError(_NOTHING_LEFT)

    async def wait_sinks_ended(self) -> None:
        """Wait until no sink can ever deliver anything again.

        That is so once nobody reads the pipe that every sink writes to. The server
        runs on, and counts what it cannot deliver; whoever runs it may stop it. A
        server without sinks waits for ever.
        """
        await self._sinks_ended.wait()

    def submit(self, packet: bytes | bytearray | memoryview) -> bool:
        """Queue *packet* as if it had come from a socket; never blocks.

        Args:
            packet: bytes, or something like them, of which a copy is made.

        Returns:
            False if it was refused, which the ledger counts: the queue is full, the
            packet is longer than ``buffer_size``, or the server is stopping.

        Raises:
            TypeError: if *packet* is not like bytes; nothing is queued then.
        """
        if not isinstance(packet, bytes):
            packet = _copy_packet(packet)
        reason = self._try_submit(packet)
        if reason:
            self._submitted.refused[reason] += 1
            return False
        return True

    def _try_submit(self, packet: bytes) -> str:
        if len(packet) > self._config.buffer_size:
            return "too_long"
        try:
            self._submissions.put_nowait([Packet(packet, _IN_PROCESS)])
        except trio.WouldBlock:
            return "queue_full"
        except (trio.ClosedResourceError, trio.BrokenResourceError):
            return "stopped"
        return ""

    @contextmanager
    def watch(self, watcher: Watcher) -> Generator[None]:
        """Let *watcher* see everything that the server takes in, within a block.

        The hooks of the configuration, and what the server aggregates, stay as they
        are.

        Raises:
            RuntimeError: if somebody watches it already.
        """
        if self._is_watched:
            raise RuntimeError("somebody watches this server already; only one can")
        self._is_watched = True
        self._ingest.watch(watcher)
        try:
            yield
        finally:
            self._ingest.watch(None)
            self._is_watched = False

    @protect_from_ki
    def reload(self, config: Config) -> None:
        """Take over what can change while it runs; never blocks, and loses nothing.

        Tags, rules for names and the API key hold from the next line, and request,
        on. A series that is there keeps its tags: under its old ones it ends as any
        that goes quiet. All other fields, and an `api_key` of None, are ignored.

        Raises:
            ConfigError: with every problem of *config*; nothing has changed then.
        """
        # Where it delivers does not change, so that it needs no sink here.
        problems = find_problems(config, has_sinks=True)
        if problems:
            raise ConfigError(problems)
        running = self._config
        live = {o.name: getattr(config, o.name) for o in OPTIONS.values() if o.is_live}
        config = attrs.evolve(running, **live)
        rules = make_rules(config)
        if config.api_key is None:
            config = attrs.evolve(config, api_key=running.api_key)
        elif self._api_key is not None and config.api_key != running.api_key:
            try:
                self._api_key.replace(reveal_key(config.api_key))
            except ValueError as error:
                raise ConfigError([str(error)]) from error
        self._config = config
        _log_warnings(rules)
        self._ingest.replace_rules(rules)
        self._aggregator.replace_settings(
            tags=config.tags, is_blocked=make_series_filter(config, rules)
        )
        self._telemetry.replace_tags(config.tags)

    async def run(  # noqa: ASYNC114 - `serve` awaits it, nobody starts it
        self, task_status: trio.TaskStatus["Server"]
    ) -> NoReturn:
        """Run until cancelled; only `serve` calls this, once."""
        async with trio.open_nursery() as nursery:
            self._start_tasks(nursery)
            why = f" ({self._engine.why_plain})" if self._engine.why_plain else ""
            logger.info("the engine is %s%s", self._aggregator.engine_name, why)
            for listener in self._listeners:
                logger.info("listening on %s", listener.counters.name)
            task_status.started(self)
        raise AssertionError("the flusher runs until it is cancelled")

    # All or none: the processor ends only once every sender is closed, and one that no
    # task holds would never be.
    @protect_from_ki
    def _start_tasks(self, nursery: trio.Nursery) -> None:
        stop = nursery.cancel_scope.cancel
        nursery.start_soon(self._process_and_deliver, stop)
        for listener, channel in zip(self._listeners, self._channels, strict=True):
            nursery.start_soon(_receive, listener, channel)
        nursery.start_soon(self._flusher.run)
        nursery.start_soon(self._accept_submissions)
        if self._http_listeners:
            nursery.start_soon(serve_views, self, self._http_listeners)

    @protect_from_ki
    async def _run_destination(
        self, destination: Destination, fail: Callable[[Exception], None]
    ) -> None:
        """Deliver until the stop, or until nothing can be delivered there any more."""
        try:
            await destination.run()
        except Exception as error:  # noqa: BLE001 - whatever it is, the others go on
            fail(error)
        self._running_destinations -= 1
        if not self._running_destinations:
            self._sinks_ended.set()

    @protect_from_ki
    async def _accept_submissions(self) -> None:
        """Hold the channel open for `submit`, until cancelled."""
        with self._submissions:
            await trio.sleep_forever()

    @protect_from_ki
    async def _process_and_deliver(self, stop: Callable[[], None]) -> None:
        """Process to the end of the queue, then deliver what is left.

        Shielded: it ends because the senders closed, never in mid-work. Where a stage
        of it fails, it calls *stop*, which ends what reads, goes on to its end without
        that stage, and raises what failed then.
        """
        failures: list[Exception] = []

        def fail(error: Exception) -> None:
            logger.error("a stage of the server failed; stopping", exc_info=error)
            failures.append(error)
            stop()

        with trio.CancelScope(shield=True):
            try:
                async with trio.open_nursery() as delivery:
                    for destination in self._destinations:
                        delivery.start_soon(self._run_destination, destination, fail)
                    async with self._queue:
                        try:
                            await self._ingest.run(self._queue)
                        except Exception as error:  # noqa: BLE001 - raised again below
                            fail(error)
                            # Readers have their stop to hand on what they hold.
                            async for _ in self._queue:
                                pass
                            self._ingest.give_up(self._queue.taken)
                    try:
                        await self._flusher.flush(include_open=True, final=True)
                    except Exception as error:  # noqa: BLE001 - raised again below
                        fail(error)
                    for destination in self._destinations:
                        destination.close(self._config.shutdown_seconds)
            finally:
                # Nobody may wait for what nobody delivers any more.
                self._has_delivered = True
                for scope in self._settling:
                    scope.cancel()
                if self._forwarder is not None:
                    self._forwarder.close()
                _log_ledger(self.ledger())
        if failures:
            raise ExceptionGroup("a stage of the server failed", failures)


async def serve(  # noqa: ASYNC128 - `Server.run` calls started
    config: Config,
    *,
    sinks: Sequence[Sink] | None = None,
    wall_clock: Callable[[], float] = time.time,
    task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED,
) -> NoReturn:
    """Serve until cancelled; then drain, deliver and re-raise what stopped it.

    Trio's clock paces, *wall_clock* stamps.

    Args:
        config: what to listen to, how to aggregate, where to deliver.
        sinks: async callables taking a `Snapshot`, used instead of ``config.sinks``.
        wall_clock: unix seconds.
        task_status: gets the `Server` once every address is bound.

    Raises:
        ConfigError: with every problem of *config*, such as a missing key.
        OSError: if an address is taken or forbidden; it names the address. Nothing
            was started then.
    """
    if not config.use_dogstatsd:
        raise ConfigError(
            ["use_dogstatsd=False: the server is switched off, so do not call serve"]
        )
    problems = find_problems(config, has_sinks=sinks is not None)
    if problems:
        raise ConfigError(problems)
    engine = choose_engine(config.engine)
    wall_clock = _LastingClock(wall_clock)
    started = wall_clock()
    api_key = None
    if sinks is None:
        api_key = make_api_key(config) if "datadog" in config.sinks else None
        destinations = open_destinations(config, wall_clock, api_key)
    else:
        destinations = [
            Outlet(f"sink-{number}", sink, wall_clock=wall_clock)
            for number, sink in enumerate(sinks, 1)
        ]
    forwarder = await open_forward(config)
    http_listeners: list[trio.SocketListener] = []
    try:
        http_listeners = await bind_views(config.http)
        is_plain = engine.make is PlainEngine
        listeners = await bind_listeners(
            config, None if is_plain else find_native_receive()
        )
    except BaseException:
        for http_listener in http_listeners:
            http_listener.socket.close()
        if forwarder is not None:
            forwarder.close()
        raise
    server = Server(
        config,
        listeners,
        destinations,
        wall_clock,
        started,
        forwarder,
        http_listeners,
        api_key,
        engine,
    )
    await server.run(task_status)


class _LastingClock:
    """A clock that stands still once it has raised.

    The first time that ends the server, and the last snapshot needs a time too.
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


@protect_from_ki
async def _receive(listener: Listener, channel: PacketSendChannel) -> None:
    await listener.receive(channel)


def _copy_packet(packet: object) -> bytes:
    try:
        return memoryview(packet).tobytes()  # type: ignore[arg-type]  # it says so
    except TypeError:
        raise TypeError(
            f"submit() takes bytes, or something like them, not {type(packet).__name__}"
        ) from None


def _say_nothing(time: int) -> tuple[Series, ...]:
    del time
    return ()


def _log_warnings(rules: Rules) -> None:
    for warning in rules.warnings:
        logger.warning("%s", warning)


def _log_ledger(ledger: Ledger) -> None:
    lines, samples = ledger.lines, ledger.samples
    refused: Counter[str] = Counter()
    for listener in ledger.listeners:
        refused.update(listener.refused)
    dropped = sum(listener.kernel_dropped or 0 for listener in ledger.listeners)
    lost = [f"{dropped} dropped by the kernel"]
    lost += [f"{count} {reason}" for reason, count in sorted(refused.items())]
    dropped_bytes = sum(listener.dropped_bytes for listener in ledger.listeners)
    if dropped_bytes:
        lost.append(f"{dropped_bytes} bytes of streams left out")
    points = "; ".join(
        f"{sink.name}: {sink.delivered} of {sink.snapshotted} points delivered"
        for sink in ledger.sinks
    )
    logger.info(
        "stopped: %d packets (%s), %d lines (%d rejected), %d samples (%d dropped); %s",
        sum(listener.packets for listener in ledger.listeners),
        ", ".join(lost),
        lines.read,
        sum(lines.rejected.values()),
        samples.parsed,
        sum(samples.dropped.values()),
        points or "no sinks",
    )
