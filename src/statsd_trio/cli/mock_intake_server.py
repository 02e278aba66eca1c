"""Run the server of ``statsd-trio mock-intake``; this needs the extra ``http``."""

import sys
import time
from pathlib import Path
from typing import Final

from statsd_trio.cli.signals import catch_stop_signal
from statsd_trio.cli.writer import BackgroundWriter
from statsd_trio.errors import ConfigError
from statsd_trio.mock_intake import (
    Attempt,
    ReceivedEvent,
    Rule,
    load_script,
    open_mock_intake,
)
from statsd_trio.plural import describe_count
from statsd_trio.printable import escape

# Of what an attempt brings; `series` is both.
_SINGULARS: Final = {
    "events": "event",
    "service checks": "service check",
    "sketches": "sketch",
}

# How many names are shown in one line.
_NAMES_SHOWN: Final = 3


def load_rules(script: Path | None) -> tuple[Rule, ...]:
    """Load the script, if there is one.

    Raises:
        ConfigError: if it cannot be read, or a rule in it cannot be used.
    """
    if script is None:
        return ()
    try:
        return load_script(script)
    except OSError as error:
        raise ConfigError(
            [f"could not read the script {script}: {error.strerror}. Check --script."]
        ) from error


async def run_mock_intake(
    host: str, port: int, rules: tuple[Rule, ...], max_kept: int, max_kept_bytes: int
) -> None:
    """Listen until SIGINT or SIGTERM, and print a line for every attempt.

    Printing never changes an answer: what cannot be printed is dropped.
    """
    writer = BackgroundWriter(sys.stdout, describe_dropped=_describe_dropped)

    def show(attempt: Attempt) -> None:
        writer.write_nowait(f"{describe_attempt(attempt)}\n")

    with catch_stop_signal() as stop:
        async with open_mock_intake(
            host=host,
            port=port,
            script=rules,
            max_kept=max_kept,
            max_kept_bytes=max_kept_bytes,
            on_attempt=show,
        ) as intake:
            writer.write_nowait(
                f"The mock intake listens on {intake.url}; Ctrl-C ends it.\n"
                "Point a server at it with\n"
                f"  DD_DD_URL={intake.url} DD_API_KEY=any-key statsd-trio serve\n"
            )
            await stop.wait()
    writer.close()


def _describe_dropped(count: int) -> str:
    attempts = describe_count(count, "attempt")
    return f"({attempts} not shown here: whoever reads this is too slow)\n"


def describe_attempt(attempt: Attempt) -> str:
    """Describe an attempt in one line; text from the client is made printable."""
    answer = "no answer" if attempt.status is None else str(attempt.status)
    words = [
        time.strftime("%H:%M:%S", time.localtime(attempt.time)),
        f"{attempt.method} {attempt.path}",
        answer,
    ]
    if attempt.items:
        kinds = str(attempt.route).replace("_", " ")
        kind = _SINGULARS.get(kinds, kinds)
        items = describe_count(len(attempt.items), kind, kinds)
        points = describe_count(attempt.count_points(), "point")
        words.append(f"{items}, {points}")
        words.append(_describe_names(attempt))
    if attempt.body_bytes:
        words.append(_describe_size(attempt))
    if attempt.fault:
        words.append(f"script: {attempt.fault}")
    if attempt.error:
        words.append(f"refused: {attempt.error}")
    return escape("  ".join(words))


def _describe_names(attempt: Attempt) -> str:
    names = dict.fromkeys(
        item.title if isinstance(item, ReceivedEvent) else item.name
        for item in attempt.items
    )
    shown = ", ".join(list(names)[:_NAMES_SHOWN])
    more = len(names) - _NAMES_SHOWN
    return f"({shown}, {more} more)" if more > 0 else f"({shown})"


def _describe_size(attempt: Attempt) -> str:
    encoding = attempt.encoding or "identity"
    sent = describe_count(attempt.body_bytes, "byte")
    return f"{sent} {encoding}, {attempt.raw_bytes} decoded"
