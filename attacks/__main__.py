"""Attack a real server, by name or in every way: `python -m attacks flood`.

Each attack starts a server in a process of its own, a mock intake, and senders that
are processes too. A row of the table says what was done and what was found. The
command fails if a bound was broken, or if ten minutes were not enough.
"""

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType
from typing import Final

import attrs

from attacks import (
    answers,
    delivery,
    descriptors,
    embedding,
    lines,
    memory,
    outputs,
    pipes,
    spool,
    stops,
    streams,
    views,
)
from attacks.attack import Attack
from attacks.finding import HEADER, Finding
from attacks.table import write_page
from attacks.trial import Trial
from benchmarks.journal import Journal, describe_machine

_ATTACKS: Final[tuple[Attack, ...]] = (
    *streams.ATTACKS,
    *stops.ATTACKS,
    *delivery.ATTACKS,
    *answers.ATTACKS,
    *spool.ATTACKS,
    *views.ATTACKS,
    *descriptors.ATTACKS,
    *lines.ATTACKS,
    *memory.ATTACKS,
    *outputs.ATTACKS,
    *pipes.ATTACKS,
    *embedding.ATTACKS,
)

# Of the bounds that one attack broke.
_SHOWN: Final = 5

# No attack takes half as long, even on a busy machine.
_MAX_SECONDS_EACH: Final = 90.0


def main() -> int:
    """Run the attacks whose names contain one of the given texts, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m attacks", description=__doc__)
    parser.add_argument("name", nargs="*", help="only attacks whose name holds this")
    parser.add_argument("--list", action="store_true", help="show the names, and end")
    parser.add_argument("--scale", type=float, default=1.0, help="of the loads")
    parser.add_argument("--max-seconds", type=float, default=600.0, help="for all")
    parser.add_argument("--json", type=Path, help="add the results to this file")
    parser.add_argument("--page", type=Path, help="write the table into this page")
    options = parser.parse_args()
    chosen = [
        attack
        for attack in _ATTACKS
        if not options.name or any(text in attack.name for text in options.name)
    ]
    if options.list:
        print("\n".join(attack.name for attack in chosen))
        return 0
    if not chosen:
        names = ", ".join(attack.name for attack in _ATTACKS)
        print(f"no attack {options.name}; there are {names}", file=sys.stderr)
        return 2
    machine = describe_machine()
    journal = Journal("attacks", options, program="attacks")
    deadline = time.monotonic() + options.max_seconds
    findings: list[Finding] = []
    for number, attack in enumerate(chosen, 1):
        journal.tell(f"{number} of {len(chosen)}: {attack.name}")
        seconds = min(deadline - time.monotonic(), _MAX_SECONDS_EACH)
        finding = _run(attack, options.scale, seconds)
        findings.append(finding)
        journal.keep(attack.name, attrs.asdict(finding))
        _complain(journal, attack, finding)
    rows = [finding.format_row() for finding in findings]
    journal.print_table(f"{len(findings)} attacks", HEADER, rows)
    if options.page is not None:
        write_page(options.page, machine, findings)
    journal.close()
    return 0


def _run(attack: Attack, scale: float, max_seconds: float) -> Finding:
    if max_seconds <= 0:
        return Finding(attack.name, broken=["there was no time left for it"])
    signal.signal(signal.SIGALRM, _raise_timeout)
    with tempfile.TemporaryDirectory(prefix="attack-") as folder:
        trial = Trial(attack.name, Path(folder), scale)
        signal.setitimer(signal.ITIMER_REAL, max_seconds)
        try:
            attack.run(trial)
        except Exception as error:  # noqa: BLE001 - whatever it is, the others go on
            trial.expect(False, f"the attack itself failed: {error!r}")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            finding = trial.close()
    return finding


def _raise_timeout(_number: int, _frame: FrameType | None) -> None:
    raise TimeoutError("it took too long")


def _complain(journal: Journal, attack: Attack, finding: Finding) -> None:
    shown = finding.broken[:_SHOWN]
    if len(finding.broken) > len(shown):
        shown.append(f"and {len(finding.broken) - len(shown)} more")
    for broken in shown:
        journal.complain(f"{attack.name}: {broken}")


if __name__ == "__main__":
    sys.exit(main())
