"""The table of the documentation is written between its marks."""

from pathlib import Path

import pytest

from attacks.finding import Finding
from attacks.table import write_page

MARKS = "<!-- Table of attacks begins. -->\nSTALE\n<!-- Table of attacks ends. -->"


def test_table_is_replaced_between_its_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{MARKS}\nafter\n")
    write_page(page, "a machine", [Finding("flood", load="much", is_judged=True)])
    text = page.read_text()
    assert text.startswith("before\n<!--")
    assert text.endswith("-->\nafter\n")
    assert "STALE" not in text
    assert "| flood | much |" in text


def test_page_without_marks_is_not_touched(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("no marks")
    with pytest.raises(ValueError, match="no marks"):
        write_page(page, "a machine", [])
    assert page.read_text() == "no marks"
