"""The exceptions of this package; each one shows who is to blame."""

import enum
from collections.abc import Generator
from contextlib import contextmanager


class Reason(enum.StrEnum):
    """Why a line was rejected: stable codes, by which the ledger counts.

    The documentation of the protocol has a row for each.
    """

    TRUNCATED = "truncated"
    UNTERMINATED = "unterminated"
    NOT_UTF8 = "not_utf8"
    EMPTY_LINE = "empty_line"

    NO_COLON = "no_colon"
    EMPTY_NAME = "empty_name"
    EMPTY_VALUE = "empty_value"
    NO_VALUE = "no_value"
    BAD_VALUE = "bad_value"
    HEX_VALUE = "hex_value"
    NAN = "nan"
    INFINITY = "infinity"
    OVERFLOW = "overflow"
    NO_TYPE = "no_type"
    UNKNOWN_TYPE = "unknown_type"
    BAD_RATE = "bad_rate"
    RATE_OUT_OF_RANGE = "rate_out_of_range"
    BAD_TIMESTAMP = "bad_timestamp"
    TIMESTAMP_ON_TYPE = "timestamp_on_type"

    EVENT_HEADER = "event_header"
    EVENT_LENGTH = "event_length"
    EVENT_EMPTY_TITLE = "event_empty_title"
    EVENT_TOO_SHORT = "event_too_short"

    SERVICE_CHECK_FORMAT = "service_check_format"
    SERVICE_CHECK_EMPTY_NAME = "service_check_empty_name"
    SERVICE_CHECK_STATUS = "service_check_status"

    ENGINE_FAILED = "engine_failed"


def describe_os_error(error: OSError) -> str:
    """Return the system's message and the file concerned, without the error number."""
    reason = error.strerror or str(error) or type(error).__name__
    name = error.filename
    if name is None or str(name) in reason:
        return reason
    return f"{name}: {reason}"


def describe_missing_extra(what: str, error: ModuleNotFoundError, extra: str) -> str:
    """Return that *what* needs a package, and which extra to install for it."""
    package = (error.name or "").partition(".")[0]
    return (
        f"{what} needs {package}, which is not installed;"
        f" run pip install 'statsd-trio[{extra}]'"
    )


@contextmanager
def explain_os_error(attempt: str, hint: str) -> Generator[None]:
    """Add what was attempted, and what to check, to an `OSError` of the block.

    ``explain_os_error("read the CA file /ca.pem", "Check ca_file.")`` makes it ``could
    not read the CA file /ca.pem: No such file or directory. Check ca_file.``
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        message = f"could not {attempt}: {reason}. {hint}"
        raise OSError(error.errno, message) from error


class ConfigError(Exception):
    """The operator's configuration cannot be used.

    Attributes:
        problems: one line for each problem, which names its source.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class ParseError(Exception):
    """A client sent a line that DogStatsD does not allow.

    Attributes:
        reason: the stable code by which the ledger counts.
        column: the offset of the first wrong byte, in bytes and counted from 0.
        message: a sentence that tells a person what to do.
    """

    def __init__(self, reason: Reason, column: int, message: str) -> None:
        super().__init__(f"{message} (column {column})")
        self.reason = reason
        self.column = column
        self.message = message
