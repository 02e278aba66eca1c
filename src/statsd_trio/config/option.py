"""How an option is declared, in the metadata of a field of `Config`."""

from typing import Any, Final

import attrs

from statsd_trio.config.option_types.base import OptionType

PREFIX: Final = "STATSD_TRIO_"
AGENT_PREFIX: Final = "DD_"


def _find_agent_key(alias: "Alias") -> str | None:
    """Return the Agent's key for a variable, which is ``DD_`` and the key in capitals.

    Source: datadog-agent, pkg/config/setup/common_settings.go.
    """
    if not alias.variable.startswith(AGENT_PREFIX):
        return None
    return alias.variable.removeprefix(AGENT_PREFIX).lower()


@attrs.frozen
class Alias:
    """A name that an option has outside of Python.

    Attributes:
        variable: the environment variable.
        key: its key in a ``datadog.yaml``, where a dot stands for a table; None if
            there is none.
        tag: the name of the tag whose value is given, where the option is a list of
            tags.
        unit: what a number there is in, where that is not the option's own unit.
        counts_if_empty: whether an empty variable replaces what an earlier source
            says, or is as good as absent.
    """

    variable: str
    key: str | None = attrs.field(
        default=attrs.Factory(_find_agent_key, takes_self=True), kw_only=True
    )
    tag: str | None = attrs.field(default=None, kw_only=True)
    unit: str = attrs.field(default="", kw_only=True)
    counts_if_empty: bool = attrs.field(default=False, kw_only=True)


@attrs.frozen(kw_only=True)
class Option:
    """A field of `Config` that has a name outside of Python too.

    Attributes:
        name: the field's.
        default: the field's; None if it depends on the machine.
        default_words: words for a default that depends on the machine.
        section: the heading under which it is documented.
        type: what it may hold.
        help: one or two sentences for a flag's help and for the page.
        in_python: the same for a program, where it differs.
        aliases: its names outside of Python; the first that is set wins.
        flag: its name on the command line, without dashes.
        adds_up: all of the aliases count rather than the first.
        is_live: a running server takes a new value when it reloads.
    """

    name: str
    default: Any
    default_words: str
    section: str
    type: OptionType
    help: str
    in_python: str
    aliases: tuple[Alias, ...]
    flag: str
    adds_up: bool
    is_live: bool

    @property
    def environ(self) -> tuple[str, ...]:
        """The names of its environment variables."""
        return tuple(alias.variable for alias in self.aliases)

    @property
    def keys(self) -> tuple[str, ...]:
        """Its keys in a ``datadog.yaml``."""
        return tuple(alias.key for alias in self.aliases if alias.key is not None)


def option(
    section: str,
    option_type: OptionType,
    *aliases: str | Alias,
    help: str,  # noqa: A002 - the word for it, as in click
    in_python: str = "",
    flag: str = "",
    default_words: str = "",
    adds_up: bool = False,
    is_live: bool = False,
) -> dict[str, object]:
    """Return the metadata that makes an `Option` of a field.

    Without *aliases* its variable is the field's name in capitals behind
    ``STATSD_TRIO_``; without *flag*, its flag is that name with hyphens.
    """
    return {
        "section": section,
        "type": option_type,
        "aliases": tuple(
            Alias(alias) if isinstance(alias, str) else alias for alias in aliases
        ),
        "help": help,
        "in_python": in_python,
        "flag": flag,
        "default_words": default_words,
        "adds_up": adds_up,
        "is_live": is_live,
    }


def for_programs(help: str) -> dict[str, object]:  # noqa: A002 - as above
    """Return the metadata of a field that only a program can set."""
    return {"help": help}


def read_option(field: "attrs.Attribute[Any]") -> Option | None:
    """Return the option that *field* is; None if only a program can set it."""
    declared = dict(field.metadata)
    if "type" not in declared:
        return None
    declared["aliases"] = declared["aliases"] or (Alias(PREFIX + field.name.upper()),)
    declared["flag"] = declared["flag"] or field.name.replace("_", "-")
    default: Any = field.default
    if declared["default_words"]:
        default = None
    elif isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        default = default.factory()
    return Option(name=field.name, default=default, **declared)
