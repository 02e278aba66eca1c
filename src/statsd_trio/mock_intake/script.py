"""Scripts of faults: what the intake does instead of answering as it should."""

import difflib
import enum
import json
import math
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeGuard, TypeVar, cast

import attrs

from statsd_trio.errors import ConfigError
from statsd_trio.mock_intake.received import Route

_Name = TypeVar("_Name", bound=enum.StrEnum)
_Table = dict[str, Any]


class Act(enum.StrEnum):
    """What a rule does with a request.

    Attributes:
        ACCEPT: answers as if there were no rule, after the rule's delay.
        ANSWER: answers with the rule's status, headers and body. A good payload
            counts as received if the status is a 2xx.
        HANG: never answers, and waits until the client leaves.
        RESET: resets the connection; the payload is not received.
        LOSE_ANSWER: receives the payload, then resets the connection, so that the
            client cannot know.
        HALF_ANSWER: sends the head of an answer and half of the body that it
            announces, then closes; received as for ANSWER.
        ENDLESS_ANSWER: sends the head of an answer and a body that never ends, until
            the client leaves; received as for ANSWER.
        GARBAGE: sends bytes that are not HTTP, then closes; not received.
    """

    ACCEPT = "accept"
    ANSWER = "answer"
    HANG = "hang"
    RESET = "reset"
    LOSE_ANSWER = "lose_answer"
    HALF_ANSWER = "half_answer"
    ENDLESS_ANSWER = "endless_answer"
    GARBAGE = "garbage"


def _read_route(value: object) -> Route | None:
    return None if value is None or value == "*" else _read_name(Route, value)


def _read_act(value: object) -> Act:
    return _read_name(Act, value)


def _read_name(names: type[_Name], value: Any) -> _Name:
    try:
        return names(value)
    except ValueError:
        raise ValueError(f"{value!r} is not one of {', '.join(names)}") from None


def _read_retry_after(value: Any) -> Any:
    # A number is what everybody writes.
    return str(value) if isinstance(value, int) else value


def _choose_act(rule: "Rule") -> Act:
    has_answer = rule.status is not None or rule.location or rule.retry_after
    return Act.ANSWER if has_answer else Act.ACCEPT


def _must_be(
    kind: type | tuple[type, ...],
    described: str,
    holds: Callable[[Any], bool] = lambda _: True,
) -> Callable[[Any, "attrs.Attribute[Any]", Any], None]:
    def check(_rule: Any, attribute: "attrs.Attribute[Any]", value: Any) -> None:
        is_right = isinstance(value, kind) and not isinstance(value, bool)
        if not (is_right and holds(value)):
            raise ValueError(f"{attribute.name} must be {described}, not {value!r}")

    return check


_is_text: Final = _must_be(str, "a string")
_is_count: Final = _must_be(int, "a whole number, 0 or more", lambda value: value >= 0)
_is_duration: Final = _must_be(
    (int, float),
    "a number of seconds, 0 or more",
    lambda value: value >= 0 and math.isfinite(value),
)
# A 1xx is no answer; Starlette and h11 know no others.
_is_status: Final = _must_be(
    int, "a status from 200 to 599", lambda value: 200 <= value <= 599
)
_is_header_value: Final = _must_be(
    str, "printable ASCII", lambda value: value.isascii() and value.isprintable()
)
_is_table: Final = _must_be(Mapping, "a table of strings")

# Source: RFC 9110, 5.6.2, "token".
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# The HTTP server's own; to break them, there is HALF_ANSWER.
_FRAMING: Final = frozenset({"content-length", "transfer-encoding"})


def _are_headers(_rule: Any, attribute: "attrs.Attribute[Any]", value: Any) -> None:
    _is_table(None, attribute, value)
    for name, text in value.items():
        if not (isinstance(name, str) and _HEADER_NAME.fullmatch(name)):
            raise ValueError(f"{name!r} is not the name of a header")
        if name.lower() in _FRAMING:
            raise ValueError(f"{name} cannot be set: the server writes it")
        _is_header_value(None, attribute, text)


@attrs.frozen(kw_only=True)
class Rule:
    """One entry of a script: which requests, and what happens to them.

    Attributes:
        route: None for every request, also one to a path that does not exist.
        status: of ANSWER, HALF_ANSWER and ENDLESS_ANSWER; None for 307 with a
            *location*, 202 for the last two, else 503.
        location: where a redirect points.
        retry_after: seconds or an HTTP date, "" for none.
        headers: further headers of the answer.
        body: of the answer.
        act: unless given, ANSWER if there is a status, a location or a
            retry_after, else ACCEPT.
        delay_seconds: how long the answer, or the fault, waits after the request
            was read. What is received is received before the delay.
        skip: how many requests pass before the rule begins.
        times: how many requests it takes; None for all.
        after_seconds: when it begins, after the script did.
        for_seconds: how long it lasts from then; None for ever.

    Raises:
        ValueError: naming the field, if one cannot be used.
    """

    route: Route | None = attrs.field(default=None, converter=_read_route)
    status: int | None = attrs.field(
        default=None, validator=attrs.validators.optional(_is_status)
    )
    location: str = attrs.field(default="", validator=_is_header_value)
    retry_after: str = attrs.field(
        default="", converter=_read_retry_after, validator=_is_header_value
    )
    headers: Mapping[str, str] = attrs.field(
        factory=dict[str, str], validator=_are_headers
    )
    body: str = attrs.field(default="", validator=_is_text)
    act: Act = attrs.field(
        default=attrs.Factory(_choose_act, takes_self=True), converter=_read_act
    )
    delay_seconds: float = attrs.field(default=0.0, validator=_is_duration)
    skip: int = attrs.field(default=0, validator=_is_count)
    times: int | None = attrs.field(
        default=None, validator=attrs.validators.optional(_is_count)
    )
    after_seconds: float = attrs.field(default=0.0, validator=_is_duration)
    for_seconds: float | None = attrs.field(
        default=None, validator=attrs.validators.optional(_is_duration)
    )

    def describe(self) -> str:
        """Tell in a word what it does, for the attempt that it was done to."""
        if self.act is Act.ACCEPT:
            return "delay" if self.delay_seconds else ""
        return str(self.act)

    def choose_status(self) -> int:
        """Tell the status of the rule's own answer."""
        if self.status is not None:
            return self.status
        if self.location:
            return 307
        is_whole = self.act not in {Act.HALF_ANSWER, Act.ENDLESS_ANSWER}
        return 503 if is_whole else 202

    def collect_headers(self) -> dict[str, str]:
        """Tell all headers of the answer but those of its body."""
        headers = dict(self.headers)
        if self.location:
            headers["location"] = self.location
        if self.retry_after:
            headers["retry-after"] = self.retry_after
        return headers


class Script:
    """Rules with what is left of each; the first that takes a request has it."""

    def __init__(self, rules: Iterable[Rule], now: float) -> None:
        self._rules = tuple(rules)
        self._start = now
        self._skips_left = [rule.skip for rule in self._rules]
        self._times_left = [rule.times for rule in self._rules]

    def take_rule(self, route: Route | None, now: float) -> Rule | None:
        """Find the rule for a request that came at *now*, and use it up by one."""
        elapsed = now - self._start
        for place, rule in enumerate(self._rules):
            if rule.route not in (None, route):
                continue
            age = elapsed - rule.after_seconds
            if age < 0 or (rule.for_seconds is not None and age >= rule.for_seconds):
                continue
            if self._skips_left[place]:
                self._skips_left[place] -= 1
                continue
            times_left = self._times_left[place]
            if times_left == 0:
                continue
            if times_left is not None:
                self._times_left[place] = times_left - 1
            return rule
        return None


def load_script(path: Path) -> tuple[Rule, ...]:
    """Read a script: TOML with ``[[rules]]``, or JSON with a list ``rules``.

    Raises:
        OSError: if the file cannot be read.
        ConfigError: with every rule that cannot be used, by its number.
    """
    text = path.read_bytes()
    try:
        if path.suffix == ".json":
            loaded = json.loads(text)
        else:
            loaded = tomllib.loads(text.decode())
    except (ValueError, RecursionError) as error:
        # Both parsers' errors, and bytes that are not UTF-8, are ValueErrors.
        raise ConfigError([f"{path}: {error}"]) from error
    if not isinstance(loaded, dict) or list(cast("_Table", loaded)) != ["rules"]:
        raise ConfigError([f"{path}: a script holds a list, rules, and no more"])
    entries = cast("_Table", loaded)["rules"]
    if not _is_list(entries):
        raise ConfigError([f"{path}: rules must be a list of tables"])
    rules: list[Rule] = []
    problems: list[str] = []
    for number, entry in enumerate(entries, start=1):
        try:
            rules.append(_read_rule(entry))
        except ValueError as error:
            problems.append(f"{path}: rule {number}: {error}")
    if problems:
        raise ConfigError(problems)
    return tuple(rules)


_FIELDS: Final = tuple(field.name for field in attrs.fields(Rule))


def _is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _read_rule(entry: Any) -> Rule:
    if not isinstance(entry, dict):
        raise ValueError(f"{entry!r} is not a table")  # noqa: TRY004 -- of a file
    members = cast("_Table", entry)
    for name in members:
        if name not in _FIELDS:
            close = difflib.get_close_matches(name, _FIELDS, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise ValueError(f"there is no {name}{hint}")
    return Rule(**members)
