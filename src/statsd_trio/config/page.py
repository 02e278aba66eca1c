"""The options in; the tables of the documentation's page about them out.

``python -m statsd_trio.config.page docs/configuration.md`` renews them there.
"""

import json
import sys
from pathlib import Path
from typing import Final, cast

from statsd_trio.config.options import GROUPS, Group, Option
from statsd_trio.config.show import default_of

_BEGIN: Final = (
    "<!-- Options: written by `python -m statsd_trio.config.page`; do not edit. -->"
)
_END: Final = "<!-- Options end. -->"


def renew_page(page: str) -> str:
    """Put the tables as they are now into the text of the page."""
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n\n{render_tables()}\n{_END}{after}"


def render_tables() -> str:
    """Write a section with a table for each group of options."""
    return "\n".join(map(_render_group, GROUPS))


def _render_group(group: Group) -> str:
    rows = [_render_row(option) for option in group.options]
    header = "| field | environment | default | |\n|---|---|---|---|\n"
    return f"## {group.title}\n\n{header}{''.join(rows)}"


def _render_row(option: Option) -> str:
    variables = "<br>".join(f"`{variable}`" for variable in option.environ)
    help_text = option.help.replace("__random__", "`__random__`")
    live = " *Live.*" if option.is_live else ""
    kind = option.kind.words[0].upper() + option.kind.words[1:]
    return (
        f"| `{option.name}` | {variables} | {_render_default(option)}"
        f" | {help_text} {kind}.{live} |\n"
    )


def _render_default(option: Option) -> str:
    default: object = default_of(option)
    if option.name == "hostname":
        return "the system's"
    if default is None or default in ("", [], {}):
        return "none"
    if isinstance(default, list):
        return ", ".join(f"`{item}`" for item in cast("list[object]", default))
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(renew_page(path.read_text(encoding="utf-8")), encoding="utf-8")
