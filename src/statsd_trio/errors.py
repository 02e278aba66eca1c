"""The errors that travel: each names the one to blame."""

import enum


class Reason(enum.StrEnum):
    """Why a line was refused: stable codes, counted by the ledger."""

    TRUNCATED = "truncated"
    UNTERMINATED = "unterminated"
    NOT_UTF8 = "not_utf8"
    BAD_VALUE = "bad_value"


class ConfigError(Exception):
    """The operator's configuration cannot be used.

    Attributes:
        problems: every problem found, one line each, each naming its source.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class ParseError(Exception):
    """A client sent a line that DogStatsD does not allow.

    Attributes:
        reason: the stable code that the ledger counts by.
        column: 0-based offset, in bytes, of the first byte that is wrong.
        message: a sentence that a person can act on.
    """

    def __init__(self, reason: Reason, column: int, message: str) -> None:
        super().__init__(f"{message} (column {column})")
        self.reason = reason
        self.column = column
        self.message = message


class IntakeError(Exception):
    """Datadog, or the network on the way to it, did not take a payload.

    Attributes:
        is_retryable: whether the same payload may be sent again later.
    """

    def __init__(self, message: str, *, is_retryable: bool) -> None:
        super().__init__(message)
        self.is_retryable = is_retryable
