"""Metric names as Datadog stores them.

Datadog rewrites names when they arrive: what is no letter, digit or dot becomes an
underscore, and so on. Somebody who wants to drop a metric copies its name from
Datadog, so names are compared as they are stored there.

Source: datadog-agent, pkg/util/metricname/normalize.go (2026).
"""

import re
from typing import Final

# In bytes; longer names are refused by Datadog, not cut.
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
    """Return the start of all stored names whose start is *prefix*.

    An underscore at its end stays, unlike in a whole name: ``service_`` is the start of
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
