"""Normalize metric names as Datadog stores them.

Datadog rewrites names when they arrive: for example, any character but a letter, a
digit or a dot becomes an underscore. An operator who wants to drop a metric copies its
name from Datadog, so names are compared in the form in which they are stored there.

Source: datadog-agent, pkg/util/metricname/normalize.go (2026).
"""

import re
from typing import Final

# In bytes. Datadog refuses longer names; it does not cut them.
MAX_BYTES: Final = 350

_USUAL: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9.]*+")
_LETTER: Final = re.compile(r"[a-zA-Z]")
_REWRITTEN: Final = re.compile(r"[^a-zA-Z0-9.]++")
_DOT: Final = re.compile(r"_?\._?")


def normalize_name(name: str) -> str | None:
    """Return *name* as Datadog stores it; None if Datadog would refuse it."""
    prefix = normalize_prefix(name)
    return None if prefix is None else prefix.removesuffix("_")


def normalize_prefix(prefix: str) -> str | None:
    """Return the start that all stored names share if they were sent with *prefix*.

    Unlike in a whole name, an underscore at the end stays: ``service_`` is the start of
    ``service_requests`` and not of ``services``.
    """
    if len(prefix.encode(errors="surrogatepass")) > MAX_BYTES:
        return None
    if _USUAL.fullmatch(prefix):
        return prefix
    letter = _LETTER.search(prefix)
    if letter is None:
        return None
    return _DOT.sub(".", _REWRITTEN.sub("_", prefix[letter.start() :]))
