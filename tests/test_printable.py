import pytest

from statsd_trio.printable import escape, measure_width


def test_printable_text_stays_as_it_is() -> None:
    assert escape("größe 名 \\n") == "größe 名 \\n"


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a\nb", r"a\nb"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x9b2J", r"\x9b2J"),  # the same, in one character
        ("\u202eright to left", r"\u202eright to left"),
    ],
)
def test_what_steers_a_terminal_is_escaped(text: str, escaped: str) -> None:
    assert escape(text) == escaped


def test_width_counts_cells_not_characters() -> None:
    assert measure_width("名e\N{COMBINING ACUTE ACCENT}") == 3
