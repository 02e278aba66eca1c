import re
from pathlib import Path

from statsd_trio.explain.line_warnings import WarningCode
from statsd_trio.protocol import Reason

PAGE = Path(__file__).parents[2] / "docs" / "protocol.md"


def list_codes(heading: str) -> list[str]:
    page = PAGE.read_text(encoding="utf-8")
    section = page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)


def test_the_page_has_one_row_for_each_reason() -> None:
    assert list_codes("Reasons") == [reason.value for reason in Reason]


def test_the_page_has_one_row_for_each_warning() -> None:
    assert list_codes("Warnings") == [code.value for code in WarningCode]
