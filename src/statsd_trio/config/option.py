"""Declare options, in the metadata of the fields of `Config`."""

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
        key: its key in a ``datadog.yaml``, where a dot means a table; None if it has no
            key.
        tag: for options that are lists of tags, the name of the tag whose value is
            given.
        unit: the unit of a number given under this name, if it is not the option's own
            unit.
        counts_if_empty: whether an empty variable replaces what an earlier source says;
            otherwise it counts as not set.
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
    """A field of `Config` that also has names outside of Python.

    Attributes:
        name: the name of the field.
        default: the default of the field; None if it depends on the machine.
        default_words: a description of a default that depends on the machine.
        section: the heading under which it is documented.
        type: the type of its values.
        help: one or two sentences for the flag's help and the documentation.
        in_python: the same for programs, if it differs.
        aliases: its names outside of Python; the first one that is set counts.
        flag: its name on the command line, without dashes.
        adds_up: whether all aliases count, instead of only the first one.
        is_live: whether a running server uses a new value when it reloads.
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
    """Return the metadata that make a field an `Option`.

    Without *aliases*, its variable is ``STATSD_TRIO_`` followed by the field's name in
    capitals. Without *flag*, its flag is that name with hyphens.
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
    """Return the option of *field*; None if only a program can set the field."""
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
