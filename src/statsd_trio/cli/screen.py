"""The screen of ``statsd-trio top``; it needs the extra ``top``, for rich."""

import itertools
from collections.abc import Callable, Mapping, Sequence

import attrs
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from statsd_trio.cli.http_client import Remote
from statsd_trio.cli.remote import Readiness, RemoteError, Usage
from statsd_trio.ledger import Ledger
from statsd_trio.printable import escape


@attrs.frozen
class View:
    """What a server reported at one moment of a monotonic clock."""

    time: float
    readiness: Readiness
    ledger: Ledger
    usage: Usage

    @property
    def packets(self) -> int:
        """How many packets all listeners have read."""
        return sum(listener.packets for listener in self.ledger.listeners)


def read_view(remote: Remote, now: float) -> View:
    """Request everything that is shown from *remote*.

    Raises:
        RemoteError: if the server cannot be reached.
    """
    return View(now, remote.read_readiness(), remote.read_ledger(), remote.read_usage())


class Screen:
    """Shows views, and how fast their counts change."""

    def __init__(self, url: str, view: View, console: Console | None = None) -> None:
        self._url = url
        self._view = view
        self._previous: View | None = None
        self._trouble = ""
        self._console = Console() if console is None else console

    def print_once(self) -> None:
        """Print everything once, without rates, which would need two readings."""
        self._console.print(self.render(max_names=20, max_keys=20))

    def show(self, read: Callable[[], View], wait: Callable[[], bool]) -> None:
        """Fill the terminal until *wait* returns True.

        While the server cannot be reached, the last view stays, with the reason.
        """
        with Live(self._render_to_height(), console=self._console, screen=True) as live:
            while not wait():
                try:
                    self.update(read())
                except RemoteError as error:
                    self._trouble = str(error)
                live.update(self._render_to_height(), refresh=True)

    def update(self, view: View) -> None:
        """Show *view* from now on."""
        self._previous, self._view = self._view, view
        self._trouble = ""

    def render(self, *, max_names: int, max_keys: int) -> Group:
        """Return what is shown."""
        return Group(
            self._render_head(),
            Text(),
            self._render_names(max_names),
            Text(),
            self._render_keys(max_keys),
        )

    def _render_to_height(self) -> Group:
        # Two lines for the head and one for a reason; two table heads, two gaps.
        rows = max(self._console.height - 7 - len(self._view.readiness.reasons), 3)
        return self.render(max_names=rows - rows // 3, max_keys=rows // 3)

    def _render_head(self) -> Text:
        view, ledger = self._view, self._view.ledger
        head = Text(self._url, style="bold")
        reasons = view.readiness.reasons
        if self._trouble:
            head.append("  unreachable", style="red")
            reasons = (self._trouble,)
        elif view.readiness.ready:
            head.append("  ready", style="green")
        else:
            head.append("  not ready", style="red")
        for reason in reasons:
            head.append(f"\n{escape(reason)}", style="not bold red")
        counts = [
            [
                f"lines    {ledger.lines.read:,}{self._rate_lines()}",
                f"packets {view.packets:,}{self._rate_packets()}",
                f"rejected {sum(ledger.lines.rejected.values()):,}",
            ],
            [
                f"contexts {ledger.contexts.current:,}",
                f"queue   {ledger.queue.used:,} of {ledger.queue.capacity:,}",
            ],
        ]
        for line in align_columns(counts):
            head.append(f"\n{line}", style="not bold")
        head.no_wrap = True
        head.overflow = "ellipsis"
        return head

    def _rate_lines(self) -> str:
        if self._previous is None:
            return ""
        return self._rate(
            self._view.ledger.lines.read, self._previous.ledger.lines.read
        )

    def _rate_packets(self) -> str:
        if self._previous is None:
            return ""
        return self._rate(self._view.packets, self._previous.packets)

    def _rate(self, now: int, before: int) -> str:
        """Return how fast a count rises; nothing after a restart, which begins at 0."""
        if self._previous is None or now < before:
            return ""
        return f" ({(now - before) / (self._view.time - self._previous.time):,.0f}/s)"

    def _render_names(self, max_rows: int) -> Table:
        table = _make_table()
        table.add_column("Contexts", justify="right")
        table.add_column("Name", ratio=1, no_wrap=True, overflow="ellipsis")
        table.add_column("Values of its tags", ratio=1, no_wrap=True)
        for usage in self._view.usage.names[:max_rows]:
            table.add_row(
                f"{usage.contexts:,}",
                Text(escape(usage.name)),
                Text(_list_counts(usage.tag_values)),
            )
        return table

    def _render_keys(self, max_rows: int) -> Table:
        table = _make_table()
        table.add_column("Values", justify="right", min_width=8)
        table.add_column("Tag key", ratio=1, no_wrap=True, overflow="ellipsis")
        for key, count in [*self._view.usage.tag_values.items()][:max_rows]:
            table.add_row(f"{count:,}", Text(escape(key)))
        return table


def align_columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Write each row with its cells below those of the row above."""
    widths = [
        max(map(len, column)) for column in itertools.zip_longest(*rows, fillvalue="")
    ]
    return ["  ".join(map(str.ljust, row, widths[: len(row)])).rstrip() for row in rows]


def _make_table() -> Table:
    return Table(box=None, expand=True, pad_edge=False, header_style="reverse")


def _list_counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{escape(key)} {count:,}" for key, count in counts.items())
