"""Compile regular expressions written in Go's dialect.

The Agent's profiles are written for Go's engine, which takes linear time on any name.
RE2, after which Go's engine is modelled, does so too and is used if the package
``google-re2`` is installed. Python's own engine backtracks, so how long each pattern
may take is estimated first.
"""

import importlib
import re
import warnings
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from statsd_trio.rules.backtracking import Effort, ExplosiveError, measure_effort
from statsd_trio.rules.template import Groups

# Datadog's naming policy ends at 200 characters; the Agent does not enforce it.
MAX_REGEX_NAME_LENGTH: Final = 256

# Python understands these and Go's engine refuses them. They are refused here too, so
# that a profile which works here also works in the Agent.
_PYTHON_ONLY: Final = re.compile(
    r"""
    (?P<lookaround> \(\?<?[=!] )
    | (?P<backreference> \\[1-9] | \(\?P= )
    | (?P<conditional_group> \(\?\( )
    | (?P<atomic_group> \(\?> )
    | (?P<comment> \(\?\# )
    | (?P<possessive_repeat> [*+?}]\+ )
    | (?P<flag> \(\?[a-zA-Z]*[aLuxt] )
    """,
    re.VERBOSE,
)
# Go understands these, and Python silently reads them as something else.
_POSIX_CLASS: Final = re.compile(r"\[:\^?[a-z]+:\]")
_LEADING_FLAGS: Final = re.compile(r"\(\?[ims]+\)")
_SET: Final = re.compile(r"\[\^?\]?[^\]]*\]")
_ESCAPED: Final = re.compile(r"\\[^1-9]", re.DOTALL)


class Regex(NamedTuple):
    """A compiled pattern.

    Attributes:
        match: returns the captured groups of a name, or None if it does not match.
        effort: how the time for a name grows; None if it is linear for every name.
    """

    match: Callable[[str], Groups | None]
    effort: Effort | None


def find_re2() -> Any | None:
    """Return the module of ``google-re2``, or None if it is not installed."""
    try:
        found = importlib.import_module("re2")
    except ImportError:
        return None
    # Another package on PyPI has a module with the same name.
    return found if hasattr(found, "Options") else None


def compile_regex(pattern: str) -> Regex:
    """Compile *pattern* to be matched as the Agent does: `a|b` means `^a` or `b$`.

    Raises:
        ValueError: if the pattern cannot be used; the message says why.
    """
    plain = _ESCAPED.sub("  ", pattern)
    # Escaped characters are removed first, then sets, because in `\\(\\?=` and `[*+]`
    # nothing is special.
    python_only = _PYTHON_ONLY.search(_SET.sub("[]", plain))
    if python_only is not None:
        what = str(python_only.lastgroup).replace("_", " ")
        raise ValueError(f"{pattern!r}: the Agent's engine has no {what}")
    re2 = find_re2()
    if re2 is not None:
        return Regex(_compile_with_re2(re2, pattern), None)
    if _POSIX_CLASS.search(plain):
        raise ValueError(
            f"{pattern!r} has a POSIX class; write [a-zA-Z] for [[:alpha:]], or "
            "run pip install 'statsd-trio[re2]'"
        )
    return _compile_with_python(pattern)


def _compile_with_re2(re2: Any, pattern: str) -> Callable[[str], Groups | None]:
    options = re2.Options()
    options.log_errors = False  # errors are raised instead
    try:
        compiled = re2.compile(f"^{pattern}$", options)
    except re2.error as error:
        detail = error.args[0] if error.args else error
        if isinstance(detail, bytes):
            detail = detail.decode(errors="replace")
        raise ValueError(f"{pattern!r} is not a regular expression: {detail}") from None
    return _make_match(compiled)


def _compile_with_python(pattern: str) -> Regex:
    flags = _LEADING_FLAGS.match(pattern)
    start = flags.end() if flags else 0
    try:
        with warnings.catch_warnings():
            # A future Python may read `[a||b]` differently; today it is a plain set.
            warnings.simplefilter("ignore", FutureWarning)
            # Go's character classes are ASCII only.
            compiled = re.compile(rf"{pattern[:start]}^{pattern[start:]}\Z", re.ASCII)
            effort = measure_effort(compiled)
    except re.error as error:
        raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None
    except ExplosiveError:
        raise ValueError(
            f"{pattern!r} has a repeat within a repeat, over which Python's engine "
            "could take years on a name made for it; take them apart, or run "
            "pip install 'statsd-trio[re2]', whose engine cannot"
        ) from None
    return Regex(_make_match(compiled), effort)


def _make_match(compiled: Any) -> Callable[[str], Groups | None]:
    def match(name: str) -> Groups | None:
        found = compiled.search(name)
        if found is None:
            return None
        return Groups((found[0], *found.groups("")), found.groupdict(""))

    return match
