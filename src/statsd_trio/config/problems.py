"""Find what is wrong with a `Config`, with one line for each problem."""

import enum
from collections.abc import Callable, Collection
from typing import Any, Final, NamedTuple, cast

from statsd_trio.config.config import Config
from statsd_trio.config.option import Option
from statsd_trio.config.options import OPTIONS
from statsd_trio.config.secret import Secret, mask_urls, strip_credentials
from statsd_trio.errors import ConfigError

_PORTS: Final = "port 0 turns UDP off, __random__ takes any free port"


class Wording(enum.Enum):
    """How a problem names fields, depending on who can solve it."""

    PYTHON = "a program that makes a Config"
    ENVIRONMENT = "a program that has one loaded"
    SHELL = "a person at the command line"


class Contradiction(NamedTuple):
    """Fields that contradict each other."""

    fields: frozenset[str]
    problem: str


def find_problems(config: Config, *, has_sinks: bool = False) -> list[str]:
    """Return every reason why a server cannot run with *config*.

    Args:
        config: a configuration made by a program.
        has_sinks: whether the program passes sinks of its own, so that those named in
            *config* are not used.
    """
    problems: list[str] = []
    bad: set[str] = set()
    for option in OPTIONS.values():
        value = getattr(config, option.name)
        lines = check_value(option, value)
        if lines:
            bad.add(option.name)
            shown = show_value(value, option.type.mask)
            problems += [f"{option.name}={shown}: {line}" for line in lines]
    return problems + find_contradictions(config, has_sinks=has_sinks, bad=bad)


def check_value(option: Option, value: Any) -> list[str]:
    """Return what is wrong with the *value* of one field."""
    try:
        option.type.check(value)
    except ConfigError as error:
        return error.problems
    except ValueError as error:
        return [str(error)]
    except (TypeError, AttributeError):
        return [f"{type(value).__name__} is the wrong type"]
    return []


def find_contradictions(
    config: Config,
    *,
    has_sinks: bool = False,
    bad: Collection[str] = (),
    wording: Wording = Wording.PYTHON,
) -> list[str]:
    """Return which fields contradict each other, except those already *bad*."""
    found = [
        contradiction
        for find in _FINDERS
        if (contradiction := find(config, wording)) is not None
        and not (has_sinks and "sinks" in contradiction.fields)
    ]
    return [each.problem for each in found if each.fields.isdisjoint(bad)]


def _find_no_listener(config: Config, wording: Wording) -> Contradiction | None:
    names = ("port", "socket_path", "stream_socket_path", "tcp_port", "pipe_name")
    if config.sockets or any(getattr(config, name) is not None for name in names):
        return None
    listed = ", ".join(names)
    hint = {
        Wording.PYTHON: f"set one of {listed} and sockets (port=0 takes any free port)",
        Wording.ENVIRONMENT: f"set one of {listed} ({_PORTS})",
        Wording.SHELL: f"set one of {listed} ({_PORTS})",
    }
    return Contradiction(frozenset(names), f"nothing to listen on: {hint[wording]}")


def _find_no_key(config: Config, wording: Wording) -> Contradiction | None:
    if "datadog" not in config.sinks or config.api_key is not None:
        return None
    hint = {
        Wording.PYTHON: (
            "pass Config(api_key=...), name sinks that need none, as in"
            ' Config(sinks=["console"]), or hand over your own with sinks=[...]'
        ),
        Wording.ENVIRONMENT: (
            "set DD_API_KEY, or choose sinks that need none:"
            " STATSD_TRIO_SINKS=otlp, console, jsonl or none"
        ),
        Wording.SHELL: (
            "set DD_API_KEY, or choose sinks that need none:"
            " --sink otlp, --sink console, --sink jsonl or --sink none"
        ),
    }
    return Contradiction(
        frozenset({"api_key", "sinks"}),
        f"no API key for the datadog sink: {hint[wording]}",
    )


def _find_half_a_spool(config: Config, _wording: Wording) -> Contradiction | None:
    if config.spool_path is None or config.spool_max_bytes:
        return None
    return Contradiction(
        frozenset({"spool_path", "spool_max_bytes"}),
        "spool_path is set without spool_max_bytes, so nothing could be spooled",
    )


def _find_half_a_forward(config: Config, _wording: Wording) -> Contradiction | None:
    if (config.forward_host is None) == (config.forward_port is None):
        return None
    return Contradiction(
        frozenset({"forward_host", "forward_port"}),
        "forward_host and forward_port must be set together",
    )


def _find_routes_of_none(config: Config, _wording: Wording) -> Contradiction | None:
    known = {strip_credentials(url) for url in config.additional_endpoints}
    for url in config.additional_routes:
        if strip_credentials(url) not in known:
            return Contradiction(
                frozenset({"additional_routes", "additional_endpoints"}),
                f"additional_routes has {url}, which is not among"
                " additional_endpoints; the main intake's are routes",
            )
    return None


def _find_shared_path(config: Config, _wording: Wording) -> Contradiction | None:
    if config.socket_path is None or config.socket_path != config.stream_socket_path:
        return None
    return Contradiction(
        frozenset({"socket_path", "stream_socket_path"}),
        f"socket_path and stream_socket_path are both {config.socket_path}",
    )


_FINDERS: tuple[Callable[[Config, Wording], Contradiction | None], ...] = (
    _find_no_listener,
    _find_no_key,
    _find_half_a_spool,
    _find_half_a_forward,
    _find_routes_of_none,
    _find_shared_path,
)


def show_value(raw: object, mask: Callable[[str], str] = mask_urls) -> str:
    """Return *raw* as one short line, with its secret parts hidden by *mask*."""
    if isinstance(raw, list):
        # In the form used in a variable or a flag.
        raw = ",".join(map(str, cast("list[object]", raw)))
    text = str(raw) if raw is None or isinstance(raw, Secret) else mask(str(raw))
    if len(text) > 60:
        text = f"{text[:57]}..."
    return text if text.isprintable() else repr(text)
