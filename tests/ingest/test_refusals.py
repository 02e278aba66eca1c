import logging

import pytest

from statsd_trio.errors import ParseError, Reason
from statsd_trio.ingest.refusals import Refusals
from statsd_trio.ledger import LineCounters
from statsd_trio.transports.packet import Origin

ORIGIN = Origin("udp", "udp://127.0.0.1:8125", "127.0.0.1:4000")
BAD = ParseError(Reason.BAD_VALUE, 2, "not a number")


def test_rejected_line_is_counted_by_reason() -> None:
    lines = LineCounters()
    Refusals(lines).reject_line(BAD, b"a:x|c", ORIGIN)
    assert lines.rejected == {Reason.BAD_VALUE: 1}


def test_late_rejection_moves_a_line_out_of_the_metrics() -> None:
    lines = LineCounters(read=1, metrics=1)
    Refusals(lines).late_rejection("a", Reason.BAD_VALUE, 1, b"x")
    assert (lines.metrics, sum(lines.rejected.values())) == (0, 1)


def test_warning_names_count_and_first_sender_once_an_interval(
    caplog: pytest.LogCaptureFixture,
) -> None:
    refusals = Refusals(LineCounters())
    refusals.reject_line(BAD, b"a:x|c", ORIGIN)
    refusals.reject_line(BAD, b"b:y|c", ORIGIN)
    refusals.warn()
    refusals.warn()
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "rejected 2 lines (bad_value)" in record.message
    assert "'a:x|c' from 127.0.0.1:4000 on udp://127.0.0.1:8125" in record.message


def test_repaired_lines_are_counted_and_warned_of_once_an_interval(
    caplog: pytest.LogCaptureFixture,
) -> None:
    lines = LineCounters()
    refusals = Refusals(lines)
    refusals.note_repair(b"a:1|c|#\xe9", ORIGIN)
    refusals.late_repair("users", b"\xe9")
    refusals.warn()
    refusals.warn()
    assert lines.repaired == 2
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "not UTF-8 in 2 lines" in record.message
    assert r"'a:1|c|#\xe9' from 127.0.0.1:4000 on udp://127.0.0.1" in record.message


def test_each_rejected_line_is_logged_at_debug(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    Refusals(LineCounters()).reject_line(BAD, b"a:x|c", ORIGIN)
    assert [record.levelno for record in caplog.records] == [logging.DEBUG]


def test_long_line_is_cut_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    refusals = Refusals(LineCounters())
    refusals.reject_line(BAD, b"x" * 100_000, ORIGIN)
    refusals.warn()
    assert len(caplog.text) < 500


def test_hook_sees_each_rejected_line() -> None:
    seen: list[tuple[ParseError, bytes, Origin]] = []
    refusals = Refusals(LineCounters(), lambda *refused: seen.append(refused))
    refusals.reject_line(BAD, b"a:x|c", ORIGIN)
    assert seen == [(BAD, b"a:x|c", ORIGIN)]
