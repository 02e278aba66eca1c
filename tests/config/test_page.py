from pathlib import Path

from statsd_trio.config.options import OPTIONS
from statsd_trio.config.page import render_tables, renew_page

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_page_is_what_the_options_say() -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert page == renew_page(page), (
        "run: python -m statsd_trio.config.page docs/configuration.md"
    )


def test_page_has_the_tables() -> None:
    assert render_tables() in PAGE.read_text(encoding="utf-8")


def test_tables_name_every_field_and_variable() -> None:
    tables = render_tables()

    for option in OPTIONS.values():
        assert f"| `{option.name}` |" in tables
        for variable in option.environ:
            assert f"`{variable}`" in tables
