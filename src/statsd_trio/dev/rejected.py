"""Keep rejected lines; a line that is repeated takes one row."""

from collections import Counter, OrderedDict
from collections.abc import Iterator
from typing import Any, Final

import attrs

from statsd_trio.errors import ParseError
from statsd_trio.explain import explain_line
from statsd_trio.printable import escape
from statsd_trio.transports.packet import Origin

MAX_ROWS: Final = 500
MAX_LINE_BYTES: Final = 2000
_MAX_SENDERS: Final = 50
_SHOWN_SENDERS: Final = 5


@attrs.define
class RejectedLine:
    """The text of a rejected line, however often it arrived.

    Attributes:
        suggestion: what was probably meant; found when the row is first shown.
    """

    number: int
    line: bytes
    error: ParseError
    is_cut: bool
    first_seen: float
    last_seen: float
    count: int = 0
    senders: Counter[tuple[str, str]] = attrs.field(factory=Counter[tuple[str, str]])
    suggestion: str | None = None
    is_explained: bool = False


class RejectedLines:
    """Keeps the rows that were seen last.

    Attributes:
        lines: how many lines were rejected.
        forgot_rows: how many rows are no longer kept.
        forgot_lines: how many lines these rows stood for.
        revision: grows with each change.
    """

    def __init__(self) -> None:
        self.revision = 0
        self._number = 0
        self.clear()

    def clear(self) -> None:
        """Forget all rows."""
        # The row that was seen last is at the end.
        self._rows: OrderedDict[tuple[bytes, str], RejectedLine] = OrderedDict()
        self.lines = 0
        self.forgot_rows = 0
        self.forgot_lines = 0
        self.revision += 1

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, error: ParseError, line: bytes, origin: Origin, now: float) -> None:
        """Count a rejected line."""
        kept = line[:MAX_LINE_BYTES]
        key = (kept, error.reason.value)
        row = self._rows.get(key)
        if row is None:
            self._number += 1
            row = RejectedLine(
                self._number, kept, error, len(line) > len(kept), now, now
            )
            self._rows[key] = row
            if len(self._rows) > MAX_ROWS:
                _, forgotten = self._rows.popitem(last=False)
                self.forgot_rows += 1
                self.forgot_lines += forgotten.count
        else:
            self._rows.move_to_end(key)
        row.count += 1
        row.last_seen = now
        sender = (origin.sender, origin.listener)
        if sender in row.senders or len(row.senders) < _MAX_SENDERS:
            row.senders[sender] += 1
        self.lines += 1
        self.revision += 1

    def describe(
        self, query: str, offset: int, limit: int, now: float, found: dict[str, Any]
    ) -> Iterator[None]:
        """Put the rows that match *query* into *found*; yields after each step."""
        words = query.lower().split()
        matching: list[RejectedLine] = []
        for row in list(reversed(self._rows.values())):
            if words:
                text = f"{row.line.decode(errors='replace')} {row.error}".lower()
                if not all(word in text for word in words):
                    continue
            matching.append(row)
        yield
        shown: list[dict[str, Any]] = []
        for row in matching[offset : offset + limit]:
            shown.append(_describe(row, now))
            yield
        found.update(
            total=len(matching),
            lines=self.lines,
            offset=offset,
            forgot_rows=self.forgot_rows,
            forgot_lines=self.forgot_lines,
            rows=shown,
        )

    def list_rows(self, now: float) -> Iterator[dict[str, Any]]:
        """Describe every row, the oldest first."""
        for row in list(self._rows.values()):
            yield _describe(row, now)


def _describe(row: RejectedLine, now: float) -> dict[str, Any]:
    if not row.is_explained:
        row.is_explained = True
        # If a line was cut, the rest of it may even be valid.
        if not row.is_cut:
            rejection = explain_line(row.line, now=now).rejection
            if rejection is not None and rejection.suggestion is not None:
                row.suggestion = show_bytes(rejection.suggestion)
    column = min(max(row.error.column, 0), len(row.line))
    before = show_bytes(row.line[:column])
    # Separate, so that the caret is right even if the cut is within a character.
    line = before + show_bytes(row.line[column:])
    return {
        "id": row.number,
        "line": line,
        "column": len(before),
        "length": len(line),
        "reason": row.error.reason.value,
        "message": escape(row.error.message),
        "suggestion": row.suggestion,
        "senders": [
            {"sender": sender, "listener": listener, "count": count}
            for (sender, listener), count in row.senders.most_common(_SHOWN_SENDERS)
        ],
        "count": row.count,
        "first_seen": row.first_seen,
        "last_seen": row.last_seen,
        "is_cut": row.is_cut,
    }


def show_bytes(text: bytes) -> str:
    """Return the bytes of a line as text that can be shown anywhere."""
    return escape(text.decode(errors="backslashreplace"))
