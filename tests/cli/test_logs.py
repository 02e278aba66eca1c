import io
import json
import logging

import pytest

from statsd_trio.cli.logs import configure_logging, set_level


def write(log_format: str, level: str = "info") -> tuple[logging.Logger, io.StringIO]:
    stream = io.StringIO()
    configure_logging(level, log_format, stream)
    return logging.getLogger("statsd_trio.server"), stream


def test_text_is_time_level_and_message() -> None:
    logger, stream = write("text")

    logger.info("listening on %s", "x")

    time, level, *words = stream.getvalue().split()
    assert time.endswith("Z")
    assert (level, words) == ("INFO", ["listening", "on", "x"])


def test_text_steers_no_terminal() -> None:
    logger, stream = write("text")

    logger.info("%s", "a\nb\x1b[31m")

    assert stream.getvalue().endswith("a\\nb\\x1b[31m\n")
    assert stream.getvalue().count("\n") == 1


def test_json_is_one_object_a_line() -> None:
    logger, stream = write("json")

    logger.warning("a\nb")

    [line] = stream.getvalue().splitlines()
    record = json.loads(line)
    assert record.pop("time").endswith("Z")
    assert record == {
        "level": "warning",
        "logger": "statsd_trio.server",
        "message": "a\nb",
    }


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_an_exception_is_told(log_format: str) -> None:
    logger, stream = write(log_format)

    try:
        1 / 0  # noqa: B018
    except ZeroDivisionError:
        logger.exception("failed")

    assert "ZeroDivisionError" in stream.getvalue()


def test_level_holds_back_what_is_below_it() -> None:
    logger, stream = write("text", "warning")

    logger.info("a")
    logger.warning("b")

    assert stream.getvalue().endswith("b\n")
    assert len(stream.getvalue().splitlines()) == 1


def test_level_can_change() -> None:
    logger, stream = write("text", "warning")
    set_level("debug")

    logger.debug("a")

    assert stream.getvalue()


def test_off_is_off() -> None:
    logger, stream = write("text", "off")

    logger.critical("a")
    logging.getLogger("other").critical("a")

    assert stream.getvalue() == ""


def test_other_libraries_stay_quiet_at_debug() -> None:
    _, stream = write("text", "debug")

    logging.getLogger("httpx2").debug("DD-API-KEY: secret")
    logging.getLogger("httpx2").info("POST ...")

    assert stream.getvalue() == ""
