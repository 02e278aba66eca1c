import io
import json
import logging
from functools import partial

import pytest

from statsd_trio.cli.logs import open_logging, set_level
from statsd_trio.cli.writer import BackgroundWriter


class Log:
    """What a block of `open_logging` wrote."""

    def __init__(self, log_format: str = "text", level: str = "info") -> None:
        self._stream = io.StringIO()
        self._logging = open_logging(level, log_format, self._stream)

    def __enter__(self) -> logging.Logger:
        self._logging.__enter__()
        return logging.getLogger("statsd_trio.server")

    def __exit__(self, *error: object) -> None:
        self._logging.__exit__(None, None, None)

    @property
    def text(self) -> str:
        return self._stream.getvalue()


def test_text_is_time_level_and_message() -> None:
    log = Log()
    with log as logger:
        logger.info("listening on %s", "x")

    time, level, *words = log.text.split()
    assert time.endswith("Z")
    assert (level, words) == ("INFO", ["listening", "on", "x"])


def test_text_steers_no_terminal() -> None:
    log = Log()
    with log as logger:
        logger.info("%s", "a\nb\x1b[31m")

    assert log.text.endswith("a\\nb\\x1b[31m\n")
    assert log.text.count("\n") == 1


def test_json_is_one_object_a_line() -> None:
    log = Log("json")
    with log as logger:
        logger.warning("a\nb")

    [line] = log.text.splitlines()
    record = json.loads(line)
    assert record.pop("time").endswith("Z")
    assert record == {
        "level": "warning",
        "logger": "statsd_trio.server",
        "message": "a\nb",
    }


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_an_exception_is_told_and_steers_no_terminal(log_format: str) -> None:
    log = Log(log_format)
    with log as logger:
        logger.error("failed", exc_info=ZeroDivisionError("\x1b[31m"))

    assert "ZeroDivisionError" in log.text
    assert "\x1b" not in log.text


def test_level_holds_back_what_is_below_it() -> None:
    log = Log(level="warning")
    with log as logger:
        logger.info("a")
        logger.warning("b")

    assert log.text.endswith("b\n")
    assert len(log.text.splitlines()) == 1


def test_level_can_change() -> None:
    log = Log(level="warning")
    with log as logger:
        set_level("debug")
        logger.debug("a")

    assert log.text


def test_off_is_off() -> None:
    log = Log(level="off")
    with log as logger:
        logger.critical("a")
        logging.getLogger("other").critical("a")

    assert log.text == ""


def test_other_libraries_stay_quiet_at_debug() -> None:
    log = Log(level="debug")
    with log:
        logging.getLogger("httpx2").debug("DD-API-KEY: secret")
        logging.getLogger("httpx2").info("POST ...")

    assert log.text == ""


def test_record_that_cannot_be_formatted_ends_nothing() -> None:
    log = Log()
    with log as logger:
        logger.info("%d lines", "many")
        logger.info("after")

    assert "cannot format a log record of statsd_trio.server" in log.text
    assert log.text.endswith("after\n")


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_dropped_lines_are_told_in_the_format_of_the_log(
    log_format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_room = partial(BackgroundWriter, max_waiting_bytes=0)
    monkeypatch.setattr("statsd_trio.cli.logs.BackgroundWriter", without_room)
    log = Log(log_format)
    with log as logger:
        logger.info("a")
        logger.info("b")

    assert "dropped 2 lines of the log here" in log.text
    if log_format == "json":
        assert json.loads(log.text)["level"] == "warning"
