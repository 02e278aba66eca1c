"""Make the flags of commands that take a configuration from the options of `Config`."""

import functools
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

import click
from click.shell_completion import CompletionItem

from statsd_trio.cli.dashes import DashedCommand
from statsd_trio.config import SourcedConfig, load_sourced_config
from statsd_trio.config.load import read_config
from statsd_trio.config.option import Option
from statsd_trio.config.option_types.scalars import Boolean, FilePath
from statsd_trio.config.options import FILE_VARIABLE, SECTIONS
from statsd_trio.config.parsing import parse_strings

_WHERE_FIELDS_ARE: Final = (
    "Every flag of `statsd-trio serve` can be given as well. They are listed by"
    " `statsd-trio serve --help`."
)


class ConfigCommand(DashedCommand):
    """A command with a flag for each field of `Config`.

    The help of ``serve`` lists the flags, in sections; the help of other commands says
    where to find them.
    """

    def __init__(self, *args: Any, lists_fields: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lists_fields = lists_fields
        self._sections = [
            (title, [_make_flag(option) for option in options])
            for title, options in SECTIONS.items()
        ]
        self.params += [flag for _, flags in self._sections for flag in flags]

    def format_options(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """Write the command's own flags and, if it lists them, those of the fields."""
        fields = {id(flag) for _, flags in self._sections for flag in flags}
        others = [
            param
            for param in self.get_params(ctx)
            if isinstance(param, click.Option) and id(param) not in fields
        ]
        sections: list[tuple[str, list[Any]]] = [("Options", others)]
        if self._lists_fields:
            # The headings are the same as in the documentation.
            sections += self._sections
        for title, params in sections:
            records = [
                record for param in params if (record := param.get_help_record(ctx))
            ]
            with formatter.section(title):
                formatter.write_dl(records)
        if not self._lists_fields:
            formatter.write_paragraph()
            formatter.write_text(_WHERE_FIELDS_ARE)


def config_command(
    name: str, *, lists_fields: bool = False, **settings: Any
) -> Callable[[Callable[..., Any]], ConfigCommand]:
    """Make a command that receives *config_path*, and the values of flags in *flags*.

    Args:
        name: the name of the command.
        lists_fields: whether its help lists the flags for the fields of `Config`.
        settings: arguments for `click.command`.
    """
    path = click.option(
        "--config",
        "config_path",
        metavar="PATH",
        type=click.Path(),
        envvar=FILE_VARIABLE,
        help="A TOML file, or the Agent's datadog.yaml.",
    )

    def decorate(function: Callable[..., Any]) -> ConfigCommand:
        make = click.command(
            name, cls=ConfigCommand, lists_fields=lists_fields, **settings
        )
        return make(path(function))

    return decorate


def _make_flag(option: Option) -> click.Option:
    default = _show_default(option)
    help_text = option.help if not default else f"{option.help}  [{default}]"
    if isinstance(option.type, Boolean):
        # An option whose name in a file begins with `no_` is switched off by the flag
        # without it.
        opposite = option.flag.removeprefix("no-")
        if opposite == option.flag:
            opposite = f"no-{option.flag}"
        return click.Option(
            [f"--{option.flag}/--{opposite}", option.name],
            default=None,
            help=help_text,
        )
    return click.Option(
        [f"--{option.flag}", option.name],
        metavar=option.type.metavar,
        multiple=option.type.is_list,
        help=help_text,
        shell_complete=functools.partial(_complete, option),
    )


def _complete(
    option: Option, _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the words for an option, or the files if it is the path of one."""
    if isinstance(option.type, FilePath):
        return [CompletionItem(incomplete, type="file")]
    # A list may be separated by commas; the words before the last one stay.
    before, comma, last = "", "", incomplete
    if option.type.is_list:
        before, comma, last = incomplete.rpartition(",")
    return [
        CompletionItem(f"{before}{comma}{word}")
        for word in option.type.known
        if word.startswith(last)
    ]


def _show_default(option: Option) -> str:
    value = option.default
    if isinstance(value, bool):
        return "on" if value else ""
    if isinstance(value, tuple):
        words = cast("tuple[str, ...]", value)
        # The list of names without a namespace would fill the screen.
        return ",".join(words) if len(words) < 10 else ""
    if isinstance(value, float):
        return f"{value:g}"
    return str(value) if isinstance(value, str | int) else ""


def read_from_flags(
    config_path: str | None, flags: Mapping[str, object]
) -> SourcedConfig:
    """Read the configuration, including *flags*, with all of its problems."""
    return read_config(path=config_path, flags=_join_each(flags))


def load_from_flags(
    config_path: str | None,
    flags: Mapping[str, object],
    sockets: Sequence[socket.socket] = (),
) -> SourcedConfig:
    """Load the configuration, including *flags*, for a server with *sockets*.

    Raises:
        ConfigError: with every problem.
    """
    return load_sourced_config(
        path=config_path,
        flags=_join_each(flags),
        sockets=sockets,
    )


def _join_each(flags: Mapping[str, object]) -> dict[str, object]:
    return {name: _join(raw) for name, raw in flags.items()}


def _join(raw: object) -> object:
    """Join the values of a flag that was given several times into one list."""
    if not isinstance(raw, tuple):
        return raw
    values = cast("tuple[str, ...]", raw)
    if len(values) <= 1:
        return values[0] if values else None
    texts: list[str] = []
    for value in values:
        try:
            texts += parse_strings(value)
        except ValueError:
            # It is the only value, and will be refused with the reason.
            return value
    return texts
