"""Keep the latest events and service checks."""

from collections import deque
from collections.abc import Iterator
from typing import Any, Final

import attrs

from statsd_trio.protocol.messages import Event, ServiceCheck

MAX_MESSAGES: Final = 1000

# The limit for all of them together; an event is at most as large as a packet.
MAX_BYTES: Final = 8 * 1024 * 1024
_MESSAGE_BYTES: Final = 600

# Source: Datadog documentation, "Markdown events": the block begins and ends with three
# percent signs on a line of their own.
_FENCE: Final = "%%%"


@attrs.frozen
class _Kept:
    number: int
    time: float
    message: Event | ServiceCheck
    size: int


class Feed:
    """Keeps the latest messages.

    Attributes:
        events: how many events were received.
        service_checks: how many service checks were received.
        forgot: how many messages are no longer kept.
        revision: grows with each change.
    """

    def __init__(self, hostname: str, tags: tuple[str, ...]) -> None:
        """Start empty.

        Args:
            hostname: the host of messages that do not name one.
            tags: added to every message.
        """
        self._hostname = hostname
        self._tags = tags
        self._number = 0
        self.revision = 0
        self.clear()

    def clear(self) -> None:
        """Forget all messages."""
        self._kept: deque[_Kept] = deque()
        self._bytes = 0
        self.events = 0
        self.service_checks = 0
        self.forgot = 0
        self.revision += 1

    def replace_tags(self, tags: tuple[str, ...]) -> None:
        """Add *tags* to every message from now on."""
        self._tags = tags

    def add(self, message: Event | ServiceCheck, now: float) -> None:
        """Keep *message*; the oldest one makes room if necessary."""
        self._number += 1
        if isinstance(message, Event):
            self.events += 1
            size = len(message.title) + len(message.text)
        else:
            self.service_checks += 1
            size = len(message.name) + len(message.message)
        message = attrs.evolve(
            message,
            timestamp=message.timestamp or int(now),
            host=self._hostname if message.host is None else message.host,
            tags=tuple(dict.fromkeys((*message.tags, *self._tags))),
        )
        size += sum(map(len, message.tags)) + _MESSAGE_BYTES
        self._kept.append(_Kept(self._number, now, message, size))
        self._bytes += size
        while len(self._kept) > MAX_MESSAGES or self._bytes > MAX_BYTES:
            self._bytes -= self._kept.popleft().size
            self.forgot += 1
        self.revision += 1

    def describe(
        self, kind: str, query: str, limit: int, found: dict[str, Any]
    ) -> Iterator[None]:
        """Put the messages of *kind* that match *query* into *found*.

        Yields after each step.
        """
        words = query.lower().split()
        total = 0
        rows: list[dict[str, Any]] = []
        for index, kept in enumerate(list(reversed(self._kept))):
            message = kept.message
            is_event = isinstance(message, Event)
            if kind and is_event != (kind == "event"):
                continue
            if words and not all(word in _read_text(message) for word in words):
                continue
            total += 1
            if len(rows) < limit:
                rows.append(_describe(kept))
            if index % 20 == 0:
                yield
        found.update(total=total, forgot=self.forgot, rows=rows)

    def list_rows(self) -> Iterator[dict[str, Any]]:
        """Describe every message, the oldest first."""
        for kept in list(self._kept):
            yield _describe(kept)


def _read_text(message: Event | ServiceCheck) -> str:
    if isinstance(message, Event):
        texts = (message.title, message.text)
    else:
        texts = (message.name, message.message)
    return " ".join((*texts, *message.tags)).lower()


def _describe(kept: _Kept) -> dict[str, Any]:
    message = kept.message
    described: dict[str, Any] = {
        "id": kept.number,
        "time": kept.time,
        "timestamp": message.timestamp,
        "host": message.host or "",
        "tags": list(message.tags),
        "warnings": list(message.warnings),
    }
    if isinstance(message, Event):
        is_markdown, body = _read_markdown(message.text)
        return {
            **described,
            "kind": "event",
            "title": message.title,
            "text": message.text,
            "is_markdown": is_markdown,
            "body": body,
            "alert_type": message.alert_type,
            "priority": message.priority,
            "aggregation_key": message.aggregation_key or "",
            "source_type_name": message.source_type_name or "",
        }
    return {
        **described,
        "kind": "service_check",
        "name": message.name,
        "status": message.status.name.lower(),
        "message": message.message,
    }


def _read_markdown(text: str) -> tuple[bool, str]:
    """Return whether *text* is a block of Markdown, and the text without its fence."""
    inner = text.strip()
    if len(inner) < 2 * len(_FENCE) or not (
        inner.startswith(_FENCE) and inner.endswith(_FENCE)
    ):
        return False, text
    return True, inner[len(_FENCE) : -len(_FENCE)].strip()
