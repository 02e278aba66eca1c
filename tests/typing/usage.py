"""A user's program, to be read by type checkers and never run.

mypy and pyright of today read it, and mypy 1.10 with trio-typing's plugin and
stubs. What a user gets wrong stands here too: an ignore that a checker does not
need is an error in strict mode, so a checker that stops noticing fails.
"""

import trio

from statsd_trio import Config, ConfigError, IntakeError, Ledger, ParseError, Reason


def configure() -> Config:
    return Config(host="127.0.0.1", port=0, namespace="shop", interval_seconds=1)


async def count_rejected(ledger: Ledger, reason: Reason) -> int:
    await trio.lowlevel.checkpoint()
    return ledger.lines.rejected.get(reason, 0)


def blame(error: ConfigError | IntakeError | ParseError) -> str:
    match error:
        case ConfigError():
            return "; ".join(error.problems)
        case IntakeError():
            return "retry" if error.is_retryable else "give up"
        case ParseError():
            return f"{error.reason} at {error.column}"


def run(ledger: Ledger) -> int:
    return trio.run(count_rejected, ledger, Reason.NOT_UTF8)


def run_with_wrong_arguments(ledger: Ledger) -> int:
    return trio.run(count_rejected, ledger, 1)  # type: ignore[arg-type]
