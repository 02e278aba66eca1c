"""Write the options into the documentation's page about the configuration.

To update the page, run ``python -m statsd_trio.config.page docs/configuration.md``.
"""

import json
import sys
from pathlib import Path
from typing import Final, cast

from statsd_trio.config.option import Option
from statsd_trio.config.options import SECTIONS
from statsd_trio.config.show import to_json

_BEGIN: Final = (
    "<!-- Options: written by `python -m statsd_trio.config.page`; do not edit. -->"
)
_END: Final = "<!-- Options end. -->"


def renew_page(page: str) -> str:
    """Return the text of the page with the current options."""
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n\n{render_options()}\n{_END}{after}"


def render_options() -> str:
    """Return a part of the page for each section of options."""
    return "\n".join(
        _render_section(title, options) for title, options in SECTIONS.items()
    )


def _render_section(title: str, options: list[Option]) -> str:
    return f"## {title}\n\n" + "\n".join(map(_render_option, options))


def _render_option(option: Option) -> str:
    help_text = option.help.replace("__random__", "`__random__`")
    words = option.type.words[0].upper() + option.type.words[1:]
    variables = " or ".join(f"`{variable}`" for variable in option.environ)
    live = " *Live.*" if option.is_live else ""
    # A heading, so that other pages can link to it.
    return (
        f"### `{option.name}`\n\n{help_text}\n\n"
        f"{words}. Default: {_render_default(option)}. "
        f"Flag: `--{option.flag}`. Environment: {variables}.{live}\n"
    )


def _render_default(option: Option) -> str:
    if option.default_words:
        return option.default_words
    default: object = to_json(option.default)
    if default is None or default in ("", [], {}):
        return "none"
    if isinstance(default, list):
        return ", ".join(f"`{item}`" for item in cast("list[object]", default))
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(renew_page(path.read_text(encoding="utf-8")), encoding="utf-8")
