"""Keep the events and service checks of one interval until its snapshot."""

from typing import Final, TypeVar

import attrs

from statsd_trio.aggregation.settings import AggregationSettings
from statsd_trio.counters import SampleCounters
from statsd_trio.protocol.messages import Event, ServiceCheck

# Each is at most as large as a packet.
MAX_EVENTS: Final = 10_000
MAX_SERVICE_CHECKS: Final = 10_000

_Message = TypeVar("_Message", Event, ServiceCheck)


class MessageBuffer:
    """Keeps events and service checks, up to a limit for each."""

    def __init__(self, settings: AggregationSettings, samples: SampleCounters) -> None:
        """Start empty.

        Args:
            settings: provide the hostname and the tags for the messages.
            samples: counts messages beyond a limit as ``events_dropped``.
        """
        self.settings = settings
        self._samples = samples
        self._events: list[Event] = []
        self._service_checks: list[ServiceCheck] = []

    def add_event(self, event: Event, now: float) -> None:
        """Keep *event*, which arrived at *now*; beyond the limit it is only counted."""
        if len(self._events) >= MAX_EVENTS:
            self._samples.events_dropped += 1
            return
        self._events.append(self._complete(event, now))

    def add_service_check(self, check: ServiceCheck, now: float) -> None:
        """Keep *check*, which arrived at *now*; beyond the limit it is only counted."""
        if len(self._service_checks) >= MAX_SERVICE_CHECKS:
            self._samples.events_dropped += 1
            return
        self._service_checks.append(self._complete(check, now))

    def take(self) -> tuple[list[Event], list[ServiceCheck]]:
        """Return everything and start empty again."""
        taken = self._events, self._service_checks
        self._events, self._service_checks = [], []
        return taken

    def _complete(self, message: _Message, now: float) -> _Message:
        """Return *message* with the time, the host and the tags that it lacks."""
        host = self.settings.hostname if message.host is None else message.host
        tags = tuple(dict.fromkeys((*message.tags, *self.settings.tags)))
        timestamp = message.timestamp or int(now)
        return attrs.evolve(message, timestamp=timestamp, host=host, tags=tags)
