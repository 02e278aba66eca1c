"""`serve`, and the `Server` that it gives to its caller."""

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Final, NoReturn

import attrs
import trio

from statsd_trio.aggregation.ranking import ContextRanking
from statsd_trio.config import Config, find_problems
from statsd_trio.config.options import OPTIONS
from statsd_trio.errors import ConfigError
from statsd_trio.ingest import Watcher
from statsd_trio.ki import protect_from_ki
from statsd_trio.ledger import Ledger
from statsd_trio.operating.health import find_conditions, find_unready
from statsd_trio.pace import Pace
from statsd_trio.server.destinations import reveal_key
from statsd_trio.server.pipeline import Pipeline, log_warnings, open_pipeline
from statsd_trio.server.runner import PipelineRunner
from statsd_trio.server.settings import make_rules, make_series_filter
from statsd_trio.sinks.sink import Sink
from statsd_trio.transports.listener import BoundAddress
from statsd_trio.transports.packet import Origin, Packet
from statsd_trio.transports.udp import UdpListener

# As many names, with as many tag keys, as fit on a screen.
_RANKED: Final = 20

_IN_PROCESS: Final = Origin(transport="inproc", listener="submit")


class Server:
    """A running server, made by `serve`."""

    def __init__(
        self, config: Config, pipeline: Pipeline, runner: PipelineRunner
    ) -> None:
        self._config = config
        self._pipeline = pipeline
        self._runner = runner
        self._is_watched = False

    @property
    def config(self) -> Config:
        """The configuration in use, including the last reload."""
        return self._config

    @property
    def addresses(self) -> tuple[BoundAddress, ...]:
        """The ``(host, port)`` of each listener, or the path of a Unix socket."""
        return tuple(listener.address for listener in self._pipeline.listeners)

    @property
    def udp_address(self) -> tuple[str, int]:
        """The host and port for UDP; the first ones if there are several.

        Raises:
            LookupError: if UDP is turned off.
        """
        for listener in self._pipeline.listeners:
            if isinstance(listener, UdpListener):
                return listener.address
        raise LookupError("the server does not listen on UDP: its `port` is None")

    @property
    def http_addresses(self) -> tuple[tuple[str, int], ...]:
        """The addresses of the HTTP views, one for each address of the host."""
        names = [
            listener.socket.getsockname() for listener in self._pipeline.http_listeners
        ]
        return tuple((name[0], name[1]) for name in names)

    def ledger(self) -> Ledger:
        """Return what became of everything that was processed so far."""
        return self._pipeline.ledger_source.read()

    def find_unready(self) -> list[str]:
        """Return the reasons why the server is not ready, one line per reason.

        An empty list means that it is ready.
        """
        return find_unready(
            self.ledger(),
            seconds_since_flush=self._pipeline.flusher.measure_silence(),
            interval_seconds=self._config.interval_seconds,
        )

    def find_conditions(self) -> dict[str, str]:
        """Return problems that do not make the server unready, by name.

        Examples are an additional endpoint that fails, or a single route.
        """
        return find_conditions(self.ledger())

    async def rank_contexts(self) -> ContextRanking:
        """Return the names with most contexts, and the tag keys with most values."""
        ranker = self._pipeline.aggregator.rank_contexts(_RANKED)
        await Pace().run(ranker.rank())
        return ranker.ranking

    async def flush(self) -> None:
        """Send what was received so far, including open buckets, to every sink.

        This returns when every sink has delivered it, queued it for another try, or
        refused it. What arrived after an earlier flush in the same bucket is sent with
        the next bucket, because a point is never sent twice.

        Raises:
            RuntimeError: if the server has stopped, before the call or during it. It
                has then delivered what it had, as far as `shutdown_seconds` allowed.
        """
        await self._runner.flush()

    async def wait_sinks_ended(self) -> None:
        """Wait until no sink can ever deliver anything again.

        This happens if every sink writes to a pipe that nobody reads any more. The
        server keeps running, and counts what it cannot deliver; whoever runs it may
        stop it. On a server without sinks this waits forever.
        """
        await self._runner.wait_sinks_ended()

    def submit(self, packet: bytes | bytearray | memoryview) -> bool:
        """Queue *packet* as if it had arrived at a socket; this never blocks.

        Args:
            packet: a bytes-like object, which is copied.

        Returns:
            False if it was refused because the queue is full, the packet is longer than
            ``buffer_size``, or the server is stopping. The ledger counts it by reason.

        Raises:
            TypeError: if *packet* is not bytes-like; nothing is queued then.
        """
        if not isinstance(packet, bytes):
            packet = _copy_packet(packet)
        reason = self._try_submit(packet)
        if reason:
            self._pipeline.submissions.counters.refused[reason] += 1
            return False
        return True

    def _try_submit(self, packet: bytes) -> str:
        if len(packet) > self._config.buffer_size:
            return "too_long"
        try:
            self._pipeline.submissions.put_nowait([Packet(packet, _IN_PROCESS)])
        except trio.WouldBlock:
            return "queue_full"
        except (trio.ClosedResourceError, trio.BrokenResourceError):
            return "stopped"
        return ""

    @contextmanager
    def watch(self, watcher: Watcher) -> Generator[None]:
        """Let *watcher* see everything that the server receives, within a block.

        The hooks of the configuration, and what the server aggregates, stay the same.

        Raises:
            RuntimeError: if the server has a watcher already.
        """
        if self._is_watched:
            raise RuntimeError("somebody watches this server already; only one can")
        self._is_watched = True
        self._pipeline.ingest.watch(watcher)
        try:
            yield
        finally:
            self._pipeline.ingest.watch(None)
            self._is_watched = False

    @protect_from_ki
    def reload(self, config: Config) -> None:
        """Apply what can change in a running server; this never blocks or loses data.

        New tags, rules for names, and API key apply from the next line and request on.
        An existing series keeps its tags, and ends like any series that gets no more
        values. All other fields, and an `api_key` of None, are ignored.

        Raises:
            ConfigError: with every problem of *config*; nothing has changed then.
        """
        # The destinations do not change, so no sink is needed here.
        problems = find_problems(config, has_sinks=True)
        if problems:
            raise ConfigError(problems)
        running = self._config
        live = {o.name: getattr(config, o.name) for o in OPTIONS.values() if o.is_live}
        config = attrs.evolve(running, **live)
        rules = make_rules(config)
        if config.api_key is None:
            config = attrs.evolve(config, api_key=running.api_key)
        elif self._pipeline.api_key is not None and config.api_key != running.api_key:
            try:
                self._pipeline.api_key.replace(reveal_key(config.api_key))
            except ValueError as error:
                raise ConfigError([str(error)]) from error
        self._config = config
        log_warnings(rules)
        self._pipeline.ingest.replace_rules(rules)
        self._pipeline.aggregator.replace_settings(
            tags=config.tags, is_blocked=make_series_filter(config, rules)
        )
        self._pipeline.telemetry.replace_tags(config.tags)


async def serve(  # noqa: ASYNC128 - `Server.run` calls started
    config: Config,
    *,
    sinks: Sequence[Sink] | None = None,
    wall_clock: Callable[[], float] = time.time,
    task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED,
) -> NoReturn:
    """Serve until cancelled; then drain, deliver and re-raise what stopped it.

    Trio's clock decides when to flush, and *wall_clock* the timestamps.

    Args:
        config: where to listen, how to aggregate, where to deliver.
        sinks: async callables that take a `Snapshot`, used instead of ``config.sinks``.
        wall_clock: returns unix seconds.
        task_status: receives the `Server` when every address is bound.

    Raises:
        ConfigError: with every problem of *config*, such as a missing key.
        OSError: if an address is taken or forbidden; the message names it, and nothing
            was started.
    """
    if not config.use_dogstatsd:
        raise ConfigError(
            ["use_dogstatsd=False: the server is switched off, so do not call serve"]
        )
    problems = find_problems(config, has_sinks=sinks is not None)
    if problems:
        raise ConfigError(problems)
    pipeline = await open_pipeline(config, sinks=sinks, wall_clock=wall_clock)
    runner = PipelineRunner(pipeline, shutdown_seconds=config.shutdown_seconds)
    server = Server(config, pipeline, runner)
    await runner.run(server, lambda: task_status.started(server))
    raise AssertionError("the flusher runs until it is cancelled")


def _copy_packet(packet: object) -> bytes:
    try:
        return memoryview(packet).tobytes()  # type: ignore[arg-type]  # it says so
    except TypeError:
        raise TypeError(
            f"submit() takes a bytes-like object, not {type(packet).__name__}"
        ) from None
