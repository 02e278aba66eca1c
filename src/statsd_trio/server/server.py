"""A running server, as its user holds it, and `serve`, which makes it."""

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

# As many names, and tag keys of each, as fit on a screen.
_RANKED: Final = 20

_IN_PROCESS: Final = Origin(transport="inproc", listener="submit")


class Server:
    """A running server. `serve` makes it."""

    def __init__(
        self, config: Config, pipeline: Pipeline, runner: PipelineRunner
    ) -> None:
        self._config = config
        self._pipeline = pipeline
        self._runner = runner
        self._is_watched = False

    @property
    def config(self) -> Config:
        """The configuration that it runs with, as the last reload left it."""
        return self._config

    @property
    def addresses(self) -> tuple[BoundAddress, ...]:
        """The ``(host, port)`` of each listener, or the path of a Unix socket."""
        return tuple(listener.address for listener in self._pipeline.listeners)

    @property
    def udp_address(self) -> tuple[str, int]:
        """The host and port at which UDP is received, the first if there are several.

        Raises:
            LookupError: if UDP is turned off.
        """
        for listener in self._pipeline.listeners:
            if isinstance(listener, UdpListener):
                return listener.address
        raise LookupError("the server does not listen on UDP: its `port` is None")

    @property
    def http_addresses(self) -> tuple[tuple[str, int], ...]:
        """Where it shows itself over HTTP; one for each address of the host."""
        names = [
            listener.socket.getsockname() for listener in self._pipeline.http_listeners
        ]
        return tuple((name[0], name[1]) for name in names)

    def ledger(self) -> Ledger:
        """Return what became of everything that was processed so far."""
        return self._pipeline.ledger_source.read()

    def find_unready(self) -> list[str]:
        """Tell, a line each, what keeps it from doing its work; nothing if it can."""
        return find_unready(
            self.ledger(),
            seconds_since_flush=self._pipeline.flusher.measure_silence(),
            interval_seconds=self._config.interval_seconds,
        )

    def find_conditions(self) -> dict[str, str]:
        """Return what is wrong though it does its work, by its name.

        An additional endpoint that fails, say, or a route that does: none of it makes
        the server unready.
        """
        return find_conditions(self.ledger())

    async def rank_contexts(self) -> ContextRanking:
        """Tell which names have most contexts, and which tag keys most values."""
        ranker = self._pipeline.aggregator.rank_contexts(_RANKED)
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
        await self._runner.flush()

    async def wait_sinks_ended(self) -> None:
        """Wait until no sink can ever deliver anything again.

        That is so once nobody reads the pipe that every sink writes to. The server
        runs on, and counts what it cannot deliver; whoever runs it may stop it. A
        server without sinks waits for ever.
        """
        await self._runner.wait_sinks_ended()

    def submit(self, packet: bytes | bytearray | memoryview) -> bool:
        """Queue *packet* as if it had come from a socket; never blocks.

        Args:
            packet: bytes, or something like them, of which a copy is made.

        Returns:
            False if it was refused because the queue is full, the packet is longer than
            ``buffer_size``, or the server is stopping. The ledger counts it by reason.

        Raises:
            TypeError: if *packet* is not like bytes; nothing is queued then.
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
        """Let *watcher* see everything that the server takes in, within a block.

        The hooks of the configuration, and what the server aggregates, stay as they
        are.

        Raises:
            RuntimeError: if somebody watches it already.
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
            f"submit() takes bytes, or something like them, not {type(packet).__name__}"
        ) from None
