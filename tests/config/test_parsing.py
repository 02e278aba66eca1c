import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given, strategies as st

from statsd_trio.config import parsing
from statsd_trio.config.option_types.amounts import Bytes, Seconds, WholeSeconds
from statsd_trio.config.option_types.scalars import Boolean, Integer, Port


@pytest.mark.parametrize(
    ("raw", "size"),
    [
        (8192, 8192),
        ("8192", 8192),
        ("8MiB", 8 * 1024 * 1024),
        ("8 mib", 8 * 1024 * 1024),
        ("10Mb", 10_000_000),
        ("1.5kB", 1500),
        ("1GiB", 1024**3),
        ("7B", 7),
    ],
    ids=repr,
)
def test_sizes(raw: object, size: int) -> None:
    assert Bytes().parse(raw) == size


@pytest.mark.parametrize(
    ("raw", "seconds"),
    [
        (10, 10),
        (0.5, 0.5),
        ("10", 10),
        ("10s", 10),
        ("500ms", 0.5),
        ("5m", 300),
        ("5 min", 300),
        ("1h", 3600),
        ("1d", 86400),
    ],
    ids=repr,
)
def test_durations(raw: object, seconds: float) -> None:
    assert Seconds().parse(raw) == seconds


@pytest.mark.parametrize("raw", [True, "1", "t", "TRUE", "yes", "on", 1], ids=repr)
def test_true(raw: object) -> None:
    assert Boolean().parse(raw) is True


@pytest.mark.parametrize("raw", [False, "0", "F", "false", "No", "off", 0], ids=repr)
def test_false(raw: object) -> None:
    assert Boolean().parse(raw) is False


@pytest.mark.parametrize(
    ("raw", "strings"),
    [
        ("a:1 b:2", ("a:1", "b:2")),
        ("a:1, b:2,", ("a:1", "b:2")),
        ("a b, c", ("a b", "c")),
        ('["a, b", 1]', ("a, b", "1")),
        (["a, b", 0.95], ("a, b", "0.95")),
        ("", ()),
        ([], ()),
    ],
    ids=repr,
)
def test_lists(raw: object, strings: tuple[str, ...]) -> None:
    assert parsing.parse_strings(raw) == strings


@pytest.mark.parametrize(
    ("raw", "port"),
    [(8125, 8125), ("8125", 8125), (0, None), ("0", None), ("__random__", 0)],
    ids=repr,
)
def test_ports(raw: object, port: int | None) -> None:
    assert Port().parse(raw) == port


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("0.0.0.0:80", ("0.0.0.0", 80)),
        (":80", ("127.0.0.1", 80)),
        ("80", ("127.0.0.1", 80)),
        ("[::1]:80", ("::1", 80)),
        ("localhost:0", ("localhost", 0)),
    ],
    ids=repr,
)
def test_addresses(address: str, expected: tuple[str, int]) -> None:
    assert parsing.split_address(address) == expected


@pytest.mark.parametrize(
    ("parse", "raw", "words"),
    [
        (parsing.parse_text, True, "not text"),
        (parsing.parse_text, None, "not text"),
        (Integer().parse, "1_000", "not a whole number"),
        (Integer().parse, "\uff11", "not a whole number"),
        (Integer().parse, 1.5, "not a whole number"),
        (Integer().parse, True, "not a whole number"),
        (Integer().parse, "9" * 5000, "not a whole number"),
        (Boolean().parse, "maybe", "neither true nor false"),
        (Boolean().parse, 2, "neither true nor false"),
        (Boolean().parse, [], "neither true nor false"),
        (Bytes().parse, "8 apples", "unknown unit 'apples'; known are B, kB"),
        (Bytes().parse, "1.5", "not a whole number of bytes"),
        (Bytes().parse, "-1", "not a size"),
        (Bytes().parse, True, "not a size"),
        (Bytes().parse, float("inf"), "not a size"),
        (Seconds().parse, "soon", "not a duration"),
        (Seconds().parse, "5 MiB", "unknown unit 'MiB'; known are ms, s"),
        (Seconds().parse, float("nan"), "not a duration"),
        (WholeSeconds().parse, "500ms", "not a whole number of seconds"),
        (parsing.parse_strings, 5, "not a list"),
        (parsing.parse_strings, [["a"]], "not text"),
        (parsing.parse_strings, "[1", "not JSON"),
        (parsing.parse_strings, "[" * 100_000, "not JSON"),
        (Port().parse, "eighty", "not a port"),
        (parsing.split_address, "::1:80", "needs brackets"),
        (parsing.split_address, "host", "not HOST:PORT"),
        (parsing.split_address, "host:65536", "not HOST:PORT"),
        (parsing.split_address, "host:", "not HOST:PORT"),
    ],
    ids=lambda value: getattr(value, "__name__", repr(value)[:20]),
)
def test_refusals_say_why(
    parse: Callable[[object], object], raw: object, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        parse(raw)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(ANYTHING)
def test_nothing_but_value_errors_leaves(raw: object) -> None:
    for parse in (
        parsing.parse_text,
        Integer().parse,
        Boolean().parse,
        Bytes().parse,
        Seconds().parse,
        WholeSeconds().parse,
        parsing.parse_strings,
        Port().parse,
    ):
        with contextlib.suppress(ValueError):
            parse(raw)


def test_a_fraction_becomes_whole_percent() -> None:
    # Source: datadog-agent, pkg/metrics/histogram_test.go.
    fractions = ["0.28", "0.57", "0.58", "0.95", "0.96", "0", "1"]
    percent = [parsing.parse_percentile(fraction) for fraction in fractions]
    assert percent == [28, 57, 58, 95, 96, 0, 100]


@pytest.mark.parametrize("fraction", ["test", "0.12test", "200", "-50", "nan"])
def test_what_is_not_a_fraction_is_refused(fraction: str) -> None:
    with pytest.raises(ValueError, match="is not a percentile"):
        parsing.parse_percentile(fraction)
