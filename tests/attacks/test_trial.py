"""A trial notes each bound that is broken, and each identity that is off."""

from pathlib import Path
from typing import Any

import attrs
import pytest

from attacks.server import Stopped
from attacks.trial import Bounds, Trial
from benchmarks.watch import Watched
from statsd_trio.counters import (
    ContextCounters,
    LineCounters,
    ListenerCounters,
    SampleCounters,
    SinkCounters,
)
from statsd_trio.ledger import Ledger, QueueLedger

BOUNDS = Bounds()


def make_ledger(*, delivered: int = 3, read: int = 4) -> Ledger:
    return Ledger(
        listeners=(ListenerCounters("udp://127.0.0.1:8125", packets=4).freeze(),),
        queue=QueueLedger(capacity=1024, used=0, peak=1),
        lines=LineCounters(read=read, metrics=4).freeze(),
        samples=SampleCounters(parsed=4, aggregated=4).freeze(),
        contexts=ContextCounters().freeze(),
        sinks=(SinkCounters("x", snapshotted=3, delivered=delivered).freeze(),),
    )


def make_watched(longest_cpu: float) -> Watched:
    return Watched(
        longest_wall=longest_cpu,
        longest_cpu=longest_cpu,
        longest_task="reader",
        gc_pauses=0,
        gc_longest=0.0,
        gc_total=0.0,
        lateness=(0.0, 0.0, 0.0),
    )


GOOD = Stopped(
    exit_code=0,
    stop_seconds=0.1,
    ledger=make_ledger(),
    watched=make_watched(0.001),
    peak_rss_bytes=2**20,
    longest_answer_seconds=0.01,
    log=("2026-01-01T00:00:00.000Z INFO     stopped",),
)


def test_what_holds_breaks_nothing(tmp_path: Path) -> None:
    trial = Trial("quiet", tmp_path)
    trial.judge(GOOD)
    finding = trial.close()
    assert finding.broken == []
    assert finding.identity == "holds"
    assert finding.format_row()[-1] == "holds"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"exit_code": 1}, "the exit code is 1"),
        ({"watched": make_watched(2 * BOUNDS.stretch_seconds)}, "a stretch of 100 ms"),
        ({"longest_answer_seconds": BOUNDS.answer_seconds + 1}, "/healthz took 3.0 s"),
        ({"peak_rss_bytes": BOUNDS.rss_bytes + 2**20}, "257 MiB"),
        ({"stop_seconds": BOUNDS.stop_seconds + 1}, "the stop took 11.0 s"),
        ({"log": ("Traceback (most recent call last):",)}, "has a traceback"),
        (
            {"log": ("2026-01-01T00:00:00.000Z WARNING  x",) * (BOUNDS.warnings + 1)},
            "21 warnings",
        ),
    ],
)
def test_each_bound_that_is_broken_is_said(
    change: dict[str, Any], said: str, tmp_path: Path
) -> None:
    trial = Trial("loud", tmp_path)
    trial.judge(attrs.evolve(GOOD, **change))
    (broken,) = trial.finding.broken
    assert said in broken
    assert trial.finding.format_row()[-1] == "broken"


@pytest.mark.parametrize(
    ("ledger", "what"),
    [
        (make_ledger(delivered=1), "points for x"),
        (make_ledger(read=6), "lines read"),
    ],
)
def test_identity_that_is_off_is_said(
    ledger: Ledger, what: str, tmp_path: Path
) -> None:
    trial = Trial("leaky", tmp_path)
    trial.judge(attrs.evolve(GOOD, ledger=ledger))
    assert trial.finding.off_by == {what: 2}
    assert trial.finding.identity == "off by 2"
    assert trial.finding.broken


def test_server_without_a_ledger_is_not_judged(tmp_path: Path) -> None:
    trial = Trial("killed", tmp_path)
    with pytest.raises(RuntimeError, match="without a ledger"):
        trial.judge(attrs.evolve(GOOD, ledger=None))
    assert trial.finding.identity == "-"
