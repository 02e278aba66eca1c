"""Collect everything that the page shows of one server."""

import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import attrs

from statsd_trio.aggregation.snapshot import Snapshot
from statsd_trio.config import Config
from statsd_trio.dev.feed import Feed
from statsd_trio.dev.flow import count_ledger_losses, measure_stages
from statsd_trio.dev.recorder import Recorder
from statsd_trio.dev.rejected import RejectedLines
from statsd_trio.engine.engine import MakeEngine
from statsd_trio.errors import ParseError
from statsd_trio.ledger import Ledger
from statsd_trio.plural import describe_count
from statsd_trio.protocol.messages import Event, Sample, ServiceCheck
from statsd_trio.rules import Rules
from statsd_trio.transports.packet import Origin
from statsd_trio.version import __version__

# How many bytes the history of contexts, and the recent lines, may take.
HISTORY_BYTES: Final = 128 * 1024 * 1024
RECEIVED_BYTES: Final = 8 * 1024 * 1024

_MIB: Final = 1024 * 1024


class ShownServer(Protocol):
    """What the page needs from a server."""

    @property
    def config(self) -> Config:
        """The configuration that the server runs with."""
        ...

    def ledger(self) -> Ledger:
        """Return the server's ledger."""
        ...


@attrs.define
class Child:
    """A program that runs beside the server and sends to it."""

    command: str
    pid: int | None = None
    exit_code: int | None = None


class PageModel:
    """Watches a server, and keeps what the page shows of it.

    Attributes:
        boot: differs from one start to the next, so that a browser notices a restart.
        recorder: keeps the metrics.
        feed: keeps events and service checks.
        rejected: keeps rejected lines.
        snapshot: the last snapshot of the server's own flushes; None before the first
            one.
        child: the program that runs beside the server; None if there is none.
        url: the address of the page.
        client: environment variables for a program that sends to the server.
    """

    def __init__(
        self,
        server: ShownServer,
        make_engine: MakeEngine,
        wall_clock: Callable[[], float],
        *,
        history_bytes: int = HISTORY_BYTES,
        received_bytes: int = RECEIVED_BYTES,
    ) -> None:
        """Start without any records.

        Args:
            server: the server to show.
            make_engine: makes the engines that measure.
            wall_clock: returns unix seconds.
            history_bytes: how much memory the history of contexts may take.
            received_bytes: how much memory the recent lines may take.
        """
        config = server.config
        self.server = server
        self.wall_clock = wall_clock
        self.boot = secrets.token_hex(3)
        self.started = wall_clock()
        self.recorder = Recorder(
            make_engine,
            hostname=config.hostname,
            tags=config.tags,
            wall_clock=wall_clock,
            limit_bytes=history_bytes,
            received_bytes=received_bytes,
            use_timestamps=config.no_aggregation_pipeline,
            is_exact=config.on_sample is not None,
        )
        self.feed = Feed(config.hostname, config.tags)
        self.rejected = RejectedLines()
        self.snapshot: Snapshot | None = None
        self.snapshots = 0
        self.child: Child | None = None
        self.url = ""
        self.client: Mapping[str, str] = {}
        self.paused_at: float | None = None
        self._paused_ledger: Ledger | None = None
        self._changes = 0
        self._ledger = server.ledger()
        self._rates: dict[str, float] = {}
        self._measured = measure_stages(self._ledger)

    @property
    def now(self) -> float:
        """The time that views refer to, in unix seconds.

        It stands still during a pause.
        """
        return self.wall_clock() if self.paused_at is None else self.paused_at

    @property
    def config(self) -> Config:
        """The server's configuration."""
        return self.server.config

    @property
    def rates(self) -> Mapping[str, float]:
        """How much arrived in the last second, by stage of the flow."""
        return self._rates

    def see_rules(self, rules: Rules) -> None:
        """Use the server's rules and tags from the next line on."""
        self.recorder.replace_rules(rules)
        self.recorder.replace_tags(self.server.config.tags)
        self.feed.replace_tags(self.server.config.tags)

    def see_lines(self, lines: bytes, origin: Origin) -> None:
        """Measure *lines*."""
        self.recorder.take(lines, origin)

    def see_sample(self, sample: Sample) -> None:
        """Measure what a hook returned for a line."""
        self.recorder.take_sample(sample)

    def see_message(self, message: Event | ServiceCheck) -> None:
        """Keep an event or a service check."""
        if self.paused_at is None:
            self.feed.add(message, self.wall_clock())

    def see_rejected(self, error: ParseError, line: bytes, origin: Origin) -> None:
        """Keep a line that was rejected."""
        if self.paused_at is None:
            self.rejected.add(error, line, origin, self.wall_clock())

    def see_snapshot(self, snapshot: Snapshot) -> None:
        """Keep the snapshot that was flushed last."""
        if self.paused_at is None and (snapshot.series or snapshot.sketches):
            self.snapshot = snapshot
            self.snapshots += 1
            self.recorder.touch()

    def pause(self) -> None:
        """Stop recording, and keep all figures as they are."""
        if self.paused_at is None:
            self.paused_at = self.wall_clock()
            self._paused_ledger = self.server.ledger()
            self._changes += self.recorder.missed_lines + 1
            self.recorder.missed_lines = 0
            self.recorder.is_paused = True

    def resume(self) -> None:
        """Record again."""
        if self.paused_at is not None:
            self.paused_at = None
            self._paused_ledger = None
            self.recorder.is_paused = False
            self._touch()

    def clear(self) -> None:
        """Forget all that is shown, except for the ledger, which is the server's."""
        self._changes += self.recorder.missed_lines
        self.recorder.clear()
        self.feed.clear()
        self.rejected.clear()
        self.snapshot = None
        self._touch()

    def tick(self) -> None:
        """Note what the stages received since the last call, a second ago."""
        if self.paused_at is not None:
            return
        self._ledger = self.server.ledger()
        measured = measure_stages(self._ledger)
        self._rates = {
            stage: float(max(count - self._measured.get(stage, 0), 0))
            for stage, count in measured.items()
        }
        self._rates["contexts"] = 0.0
        self._measured = measured
        self._changes += 1

    def read_ledger(self) -> Ledger:
        """Return the server's ledger, as it was when the page was paused if it is."""
        return self._paused_ledger or self.server.ledger()

    def count_changes(self, view: str) -> int:
        """Return a number that grows whenever *view* may look different."""
        match view:
            case "feed":
                return self.feed.revision
            case "rejected":
                return self.rejected.revision
            case "flow":
                return self._changes + self.feed.revision + self.rejected.revision
            case "state":
                # While the page is paused, only the count of what it misses changes.
                return self.count_changes("flow") + self.recorder.missed_lines
            case "metrics" | "metric":
                # Rates fall and charts move on even if nothing arrives.
                return self.recorder.revision + self._changes
            case _:
                return self.recorder.revision

    def describe_state(self) -> dict[str, Any]:
        """Describe the server, and what is recorded of it."""
        recorder, memory = self.recorder, self.recorder.memory
        ledger = self.read_ledger()
        config = self.config
        return {
            "boot": self.boot,
            "version": __version__,
            "now": self.now,
            "started": self.started,
            "page": self.url,
            "addresses": [
                each.name for each in ledger.listeners if each.name != "submit"
            ],
            "client": dict(self.client),
            "engine": ledger.engine,
            "interval_seconds": config.interval_seconds,
            "hostname": config.hostname,
            "tags": list(config.tags),
            "sinks": [sink.name for sink in ledger.sinks],
            "paused": self.paused_at is not None,
            "paused_at": self.paused_at,
            "missed_lines": recorder.missed_lines,
            "unmeasured_lines": recorder.unmeasured_lines,
            "names": len(recorder.metrics),
            "contexts": recorder.contexts,
            "lines": recorder.lines,
            "lines_per_second": float(recorder.lines_last_second),
            "events": self.feed.events,
            "service_checks": self.feed.service_checks,
            "rejected_lines": self.rejected.lines,
            "rejected_rows": len(self.rejected),
            "lost": count_ledger_losses(ledger),
            "history": {
                "used_bytes": memory.used,
                "limit_bytes": memory.limit,
                "forgot_contexts": memory.forgot,
                "forgot_at": memory.forgot_at,
                "untracked_lines": recorder.untracked_lines,
                "forgot": _describe_forgotten(memory.forgot, memory.limit),
            },
            "child": None if self.child is None else attrs.asdict(self.child),
        }

    def _touch(self) -> None:
        self._changes += 1
        self.recorder.touch()
        self.feed.revision += 1
        self.rejected.revision += 1


def _describe_forgotten(contexts: int, limit: int) -> str:
    if not contexts:
        return ""
    return (
        f"Forgot the history of {describe_count(contexts, 'context')}, the oldest and "
        f"least active first, to stay within {limit / _MIB:.4g} MiB."
    )
