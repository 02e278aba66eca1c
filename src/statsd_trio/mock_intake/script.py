"""Scripts of faults: what the intake does instead of its normal answers."""

import enum
import json
import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, TypeVar

import attrs
import cattrs
from attrs.validators import ge, instance_of, le, lt, optional

from statsd_trio.errors import ConfigError
from statsd_trio.mock_intake.received import Route
from statsd_trio.structuring import StrictConverter, list_problems


class Fault(enum.StrEnum):
    """What a rule does with a request.

    Attributes:
        ACCEPT: answers as if there were no rule, after the rule's delay.
        ANSWER: answers with the rule's status, headers and body. A good payload counts
            as received if the status is a 2xx.
        HANG: never answers, and waits until the client leaves.
        RESET: resets the connection; the payload is not received.
        LOSE_ANSWER: receives the payload, then resets the connection, so that the
            client cannot know.
        HALF_ANSWER: sends the head of an answer and half of its body, then closes;
            received as for ANSWER.
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


_Name = TypeVar("_Name", bound=enum.StrEnum)

# Source: RFC 9110, 5.6.2, "token".
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE: Final = re.compile(r"[ -~]*")
# Headers that the HTTP server sets itself; use HALF_ANSWER to send wrong ones.
_FRAMING: Final = frozenset({"content-length", "transfer-encoding"})


def _read_route(value: Route | str | None) -> Route | None:
    return None if value is None or value == "*" else _read_name(Route, value)


def _read_fault(value: Fault | str) -> Fault:
    return _read_name(Fault, value)


def _read_name(names: type[_Name], value: str) -> _Name:
    try:
        return names(value)
    except ValueError:
        raise ValueError(f"{value!r} is not one of {', '.join(names)}") from None


def _read_retry_after(value: object) -> str:
    # This is the form that everybody uses.
    if not isinstance(value, str | int):
        raise TypeError(f"retry_after must be seconds or a date, not {value!r}")
    return str(value)


def _choose_fault(rule: "Rule") -> Fault:
    has_answer = rule.status is not None or rule.location or rule.retry_after
    return Fault.ANSWER if has_answer else Fault.ACCEPT


def _check_headers(
    _rule: "Rule",
    _attribute: "attrs.Attribute[Mapping[str, str]]",
    headers: Mapping[str, str],
) -> None:
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not the name of a header")
        if name.lower() in _FRAMING:
            raise ValueError(f"{name} cannot be set: the server writes it")
        if not _HEADER_VALUE.fullmatch(value):
            raise ValueError(f"the value of {name} must be printable ASCII")


def _check_header_value(
    _rule: "Rule", attribute: "attrs.Attribute[str]", value: str
) -> None:
    if not _HEADER_VALUE.fullmatch(value):
        raise ValueError(f"{attribute.name} must be printable ASCII, not {value!r}")


_COUNT: Final = (instance_of(int), ge(0))
_DURATION: Final = (instance_of((int, float)), ge(0.0), lt(math.inf))
# A 1xx does not end an answer, and Starlette and h11 allow none beyond 599.
_STATUS: Final = (instance_of(int), ge(200), le(599))


@attrs.frozen(kw_only=True)
class Rule:
    """One entry of a script: which requests, and what happens to them.

    Attributes:
        route: None for every request, including those to paths that do not exist.
        status: the status for ANSWER, HALF_ANSWER and ENDLESS_ANSWER; None means 307
            with a *location*, 202 for the last two faults, and 503 otherwise.
        location: where a redirect points.
        retry_after: seconds or an HTTP date; "" for none.
        headers: further headers of the answer.
        body: the body of the answer.
        fault: by default ANSWER if there is a status, a location or a retry_after, and
            ACCEPT otherwise.
        delay_seconds: how long the answer, or the fault, waits after the request was
            read. What is received is received before the delay.
        skip: how many requests pass before the rule begins.
        times: how many requests it applies to; None for all.
        after_seconds: when it begins, after the start of the script.
        for_seconds: how long it lasts from then on; None for no end.

    Raises:
        TypeError: if a value has the wrong type.
        ValueError: if a value cannot be used.
    """

    route: Route | None = attrs.field(default=None, converter=_read_route)
    status: int | None = attrs.field(default=None, validator=optional(_STATUS))
    location: str = attrs.field(default="", validator=_check_header_value)
    retry_after: str = attrs.field(
        default="", converter=_read_retry_after, validator=_check_header_value
    )
    headers: Mapping[str, str] = attrs.field(
        factory=dict[str, str], validator=_check_headers
    )
    body: str = attrs.field(default="", validator=instance_of(str))
    fault: Fault = attrs.field(
        default=attrs.Factory(_choose_fault, takes_self=True), converter=_read_fault
    )
    delay_seconds: float = attrs.field(default=0.0, validator=_DURATION)
    skip: int = attrs.field(default=0, validator=_COUNT)
    times: int | None = attrs.field(default=None, validator=optional(_COUNT))
    after_seconds: float = attrs.field(default=0.0, validator=_DURATION)
    for_seconds: float | None = attrs.field(default=None, validator=optional(_DURATION))

    def describe(self) -> str:
        """Return in one word what it does, for the attempt that it was applied to."""
        if self.fault is Fault.ACCEPT:
            return "delay" if self.delay_seconds else ""
        return str(self.fault)

    def choose_status(self) -> int:
        """Return the status of the rule's own answer."""
        if self.status is not None:
            return self.status
        if self.location:
            return 307
        is_cut = self.fault in {Fault.HALF_ANSWER, Fault.ENDLESS_ANSWER}
        return 202 if is_cut else 503

    def collect_headers(self) -> dict[str, str]:
        """Return all headers of the answer except those about its body."""
        headers = dict(self.headers)
        if self.location:
            headers["location"] = self.location
        if self.retry_after:
            headers["retry-after"] = self.retry_after
        return headers


class Script:
    """Rules, with how often each still applies; the first that matches is used."""

    def __init__(self, rules: Iterable[Rule], now: float) -> None:
        self._rules = tuple(rules)
        self._start = now
        self._skips_left = [rule.skip for rule in self._rules]
        self._times_left = [rule.times for rule in self._rules]

    def take_rule(self, route: Route | None, now: float) -> Rule | None:
        """Return the rule for a request that arrived at *now*, and count its use."""
        elapsed = now - self._start
        for number, rule in enumerate(self._rules):
            if rule.route not in (None, route):
                continue
            age = elapsed - rule.after_seconds
            if age < 0 or (rule.for_seconds is not None and age >= rule.for_seconds):
                continue
            if self._skips_left[number]:
                self._skips_left[number] -= 1
                continue
            times_left = self._times_left[number]
            if times_left == 0:
                continue
            if times_left is not None:
                self._times_left[number] = times_left - 1
            return rule
        return None


def load_script(path: Path) -> tuple[Rule, ...]:
    """Load a script: TOML with ``[[rules]]``, or JSON with a list ``rules``.

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
        # The errors of both parsers, and of bytes that are not UTF-8, are ValueErrors.
        raise ConfigError([f"{path}: {error}"]) from error
    try:
        return _CONVERTER.structure(loaded, _ScriptFile).rules
    except (cattrs.BaseValidationError, ValueError) as error:
        raise ConfigError(
            [f"{path}: {problem}" for problem in list_problems(error)]
        ) from error


@attrs.frozen
class _ScriptFile:
    rules: tuple[Rule, ...]


_CONVERTER: Final = StrictConverter(
    forbid_extra_keys=True, prefer_attrib_converters=True
)
