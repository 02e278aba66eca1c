"""Print the table of results on a terminal, and write it to the documentation."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from attacks.finding import HEADER, Finding

_BEGIN: Final = "<!-- Table of attacks begins. -->"
_END: Final = "<!-- Table of attacks ends. -->"


def write_page(page: Path, machine: str, findings: Iterable[Finding]) -> None:
    """Replace the table between the marks of *page*.

    Raises:
        ValueError: if the marks are not there.
    """
    text = page.read_text(encoding="utf-8")
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not (begin and end):
        raise ValueError(f"{page} has no marks for the table")
    rows = [HEADER, ("---",) * len(HEADER)]
    rows += [finding.format_row() for finding in findings]
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    page.write_text(
        f"{before}{begin}\n\n{machine}.\n\n{table}\n\n{end}{after}", encoding="utf-8"
    )
