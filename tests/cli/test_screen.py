import io
from collections.abc import Iterator
from typing import cast

import attrs
import pytest
from rich.console import Console

from statsd_trio.cli.remote import NameUsage, Readiness, RemoteError, Usage
from statsd_trio.cli.screen import Screen, View
from statsd_trio.counters import (
    ContextCounters,
    LineCounters,
    ListenerCounters,
    SampleCounters,
)
from statsd_trio.ledger import Ledger, QueueLedger


def make_view(time: float, lines: int, name: str = "page.views") -> View:
    ledger = Ledger(
        listeners=(ListenerCounters("udp", packets=lines // 10).freeze(),),
        queue=QueueLedger(capacity=1024, used=0, peak=1),
        lines=LineCounters(read=lines).freeze(),
        samples=SampleCounters().freeze(),
        contexts=ContextCounters(current=12).freeze(),
        sinks=(),
    )
    usage = Usage((NameUsage(name, 12, {"user": 10}),), {"user": 10})
    return View(time, Readiness(ready=True, reasons=()), ledger, usage)


def show(*views: View) -> str:
    file = io.StringIO()
    console = Console(file=file, width=80)
    screen = Screen("http://127.0.0.1:8127", views[0], console)
    for view in views[1:]:
        screen.update(view)
    screen.print_once()
    return file.getvalue()


def test_rates_are_those_between_two_readings() -> None:
    shown = show(make_view(10, 1000), make_view(12, 5000))
    lines, contexts = shown.splitlines()[1:3]
    assert lines.startswith("lines    5,000 (2,000/s)  packets 500 (200/s)")
    # The columns of the two lines stand below each other.
    assert contexts.index("queue") == lines.index("packets")


def test_first_reading_and_a_restart_have_no_rate() -> None:
    assert "/s" not in show(make_view(10, 1000))
    assert "/s" not in show(make_view(10, 1000), make_view(12, 10))


def test_nothing_is_wider_than_the_terminal() -> None:
    view = make_view(10, 1000, "n" * 200)
    reasons = ("r" * 200,)
    view = attrs.evolve(view, readiness=Readiness(ready=False, reasons=reasons))
    assert max(map(len, show(view).splitlines())) <= 80


def test_names_do_not_steer_the_terminal() -> None:
    assert "\x1b" not in show(make_view(10, 1000, "a\x1b[2Jb"))


def test_names_are_no_markup() -> None:
    assert "[bold]x" in show(make_view(10, 1000, "[bold]x"))


def test_server_that_goes_away_is_awaited() -> None:
    def read_all() -> Iterator[View]:
        yield make_view(12, 2000)

    views = read_all()
    file = io.StringIO()
    console = Console(file=file, width=80, height=24, force_terminal=True)
    screen = Screen("http://127.0.0.1:8127", make_view(10, 1000), console)
    readings = iter(["away", "back", "end"])

    def read() -> View:
        match next(readings):
            case "away":
                raise RemoteError("cannot reach it")
            case "back":
                return next(views)
            case _:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        screen.show(read, lambda: False)

    away, back = file.getvalue().find("unreachable"), file.getvalue().find("(500/s)")
    assert 0 < away < back


def test_screen_ends_when_asked_to() -> None:
    console = Console(file=io.StringIO(), width=80, height=24, force_terminal=True)
    screen = Screen("http://127.0.0.1:8127", make_view(10, 1000), console)

    screen.show(lambda: make_view(12, 2000), iter([False, True]).__next__)

    assert "(500/s)" in cast("io.StringIO", console.file).getvalue()
