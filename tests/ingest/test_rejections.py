import logging

import pytest

from statsd_trio.counters import LineCounters
from statsd_trio.errors import ParseError, Reason
from statsd_trio.ingest.rejections import Rejections
from statsd_trio.transports.packet import Origin

ORIGIN = Origin("udp", "udp://127.0.0.1:8125", "127.0.0.1:4000")
BAD = ParseError(Reason.BAD_VALUE, 2, "not a number")


def test_rejected_line_is_counted_by_reason() -> None:
    lines = LineCounters()
    Rejections(lines).reject_line(BAD, b"a:x|c", ORIGIN)
    assert lines.rejected == {Reason.BAD_VALUE: 1}


def test_warning_names_count_and_first_sender_once_an_interval(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rejections = Rejections(LineCounters())
    rejections.reject_line(BAD, b"a:x|c", ORIGIN)
    rejections.reject_line(BAD, b"b:y|c", ORIGIN)
    rejections.warn()
    rejections.warn()
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "rejected 2 lines (bad_value)" in record.message
    assert "'a:x|c' from 127.0.0.1:4000 on udp://127.0.0.1:8125" in record.message


def test_repaired_lines_are_counted_and_warned_of_once_an_interval(
    caplog: pytest.LogCaptureFixture,
) -> None:
    lines = LineCounters()
    rejections = Rejections(lines)
    rejections.note_repair(b"a:1|c|#\xe9", ORIGIN)
    rejections.note_repair(b"users:\xe9|s", ORIGIN)
    rejections.warn()
    rejections.warn()
    assert lines.repaired == 2
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "not UTF-8 in 2 lines" in record.message
    assert r"'a:1|c|#\xe9' from 127.0.0.1:4000 on udp://127.0.0.1" in record.message


def test_each_rejected_line_is_logged_at_debug(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    Rejections(LineCounters()).reject_line(BAD, b"a:x|c", ORIGIN)
    assert [record.levelno for record in caplog.records] == [logging.DEBUG]


def test_long_line_is_cut_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    rejections = Rejections(LineCounters())
    rejections.reject_line(BAD, b"x" * 100_000, ORIGIN)
    rejections.warn()
    assert len(caplog.text) < 500


def test_hook_sees_each_rejected_line() -> None:
    seen: list[tuple[ParseError, bytes, Origin]] = []
    rejections = Rejections(LineCounters(), lambda *refused: seen.append(refused))
    rejections.reject_line(BAD, b"a:x|c", ORIGIN)
    assert seen == [(BAD, b"a:x|c", ORIGIN)]
