from pathlib import Path

from statsd_trio.config.options import OPTIONS
from statsd_trio.config.page import render_options, renew_page

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_page_is_what_the_options_say() -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert page == renew_page(page), (
        "run: python -m statsd_trio.config.page docs/configuration.md"
    )


def test_page_has_the_options() -> None:
    assert render_options() in PAGE.read_text(encoding="utf-8")


def test_options_have_a_heading_a_flag_and_every_variable() -> None:
    text = render_options()

    for option in OPTIONS.values():
        assert f"\n### `{option.name}`\n" in text
        assert f"`--{option.flag}`" in text
        for variable in option.environ:
            assert f"`{variable}`" in text
