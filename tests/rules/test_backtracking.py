import re
from collections.abc import Callable, Iterator

import pytest
from hypothesis import assume, given, settings, strategies as st

from statsd_trio.rules.backtracking import Effort, ExplosiveError, measure_effort


def measure(pattern: str) -> Effort:
    return measure_effort(re.compile(rf"^{pattern}\Z", re.ASCII))


@pytest.mark.parametrize(
    ("pattern", "repeats"),
    [
        ("abc", 0),
        # Ends in one place only: before what it cannot be itself.
        (r"a\.([^.]+)\.([^.]+)", 0),
        (r"([a-z]+\.)*[0-9]", 0),
        (r"([0-9]{1,3}\.){3}[0-9]+", 0),
        ("(ab|ac)*", 0),
        (r"\d+[^\d]", 0),
        ("[^_]+_", 0),
        # Upper bounds: a flag may say that case does not count, and all characters
        # that are not ASCII are taken for one.
        ("[^a]+a", 1),
        ("[^é]+é", 1),
        ("(.*)", 0),
        (r"(.*)\.x", 1),
        (r"([a-z]+\.)*count", 1),
        ("[a-z]+[A-Z]", 1),
        ("[^a]+A", 1),
        (r"\w+[^.]", 1),
        ("a{2,9}a", 1),
        ("a{3}a", 0),
        ("(.*?)x", 1),
        # The last one is walked through for each end of the first.
        (r"(.+)\.([^.]+)", 2),
        (r"(.+)(.+)(.+)(.+)x", 4),
        (r"x(.*)(\.(.*))?y", 2),
        # Tried from each character on.
        (r"a|.*b", 2),
        ("(ab.*){3}x", 3),
    ],
)
def test_repeats_that_may_end_anywhere_are_counted(pattern: str, repeats: int) -> None:
    assert measure(pattern).repeats == repeats


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+",
        "(a*)*",
        "(a|a)*",
        "(a?)*",
        "(a|b|ab)*c",
        r"([a-z]+\.?)*",
        r"(\w+\s?)*",
        "(.*[^.])*",
        "((a+)b?)+",
        "(a+){17,}",
        "(a{1,20}){1,20}",
    ],
)
def test_repeats_within_repeats_explode(pattern: str) -> None:
    with pytest.raises(ExplosiveError):
        measure(pattern)


def test_choices_multiply() -> None:
    assert measure("(a?){10}a").ways == 1024
    assert measure("(a|a)(b|b|b)").ways == 6
    assert measure("(a|b)(c|d)").ways == 1


def test_longest_name_is_the_last_within_the_steps() -> None:
    effort = measure("(.+)(.+)(.+)x")
    longest = effort.find_longest(10_000, 256)
    assert effort.count_steps(longest) <= 10_000 < effort.count_steps(longest + 1)
    assert effort.find_longest(10**9, 256) == 256
    assert Effort(40, 10**9).find_longest(10_000, 256) == 0


# A backtracking engine that counts its steps, as the judge of the bound.
Rest = Callable[[int], Iterator[None]]
Node = tuple[str, ...] | tuple[str, "Node"] | tuple[str, "Node", "Node"]


class Counter:
    def __init__(self, name: str, limit: int) -> None:
        self.name = name
        self.left = limit

    def match(self, node: tuple, start: int) -> Iterator[int]:  # type: ignore[type-arg]  # a tree
        """Go through every end of a match of *node*, in any order."""
        self.left -= 1
        if self.left < 0:
            raise TimeoutError
        kind = node[0]
        if kind == "set":
            if start < len(self.name) and re.match(node[1], self.name[start]):
                yield start + 1
        elif kind == "sequence":
            for end in self.match(node[1], start):
                yield from self.match(node[2], end)
        elif kind == "either":
            yield from self.match(node[1], start)
            yield from self.match(node[2], start)
        else:
            yield from self.repeat(node[1], node[2], node[3], start)

    def repeat(
        self,
        node: tuple,  # type: ignore[type-arg]  # as above
        least: int,
        most: int,
        start: int,
    ) -> Iterator[int]:
        if most:
            for end in self.match(node, start):
                if end > start:  # as engines do, lest they go on for ever
                    yield from self.repeat(node, max(0, least - 1), most - 1, end)
                elif least > 1:
                    yield end
        if not least:
            yield start


def write(node: tuple) -> str:  # type: ignore[type-arg]  # as above
    if node[0] == "set":
        return str(node[1])
    if node[0] == "sequence":
        return write(node[1]) + write(node[2])
    if node[0] == "either":
        return f"(?:{write(node[1])}|{write(node[2])})"
    most = "" if node[3] > 99 else node[3]
    return f"(?:{write(node[1])}){{{node[2]},{most}}}"


NODES = st.recursive(
    st.tuples(st.just("set"), st.sampled_from(["a", "b", "[.]", ".", "[^.]", "[ab]"])),
    lambda nodes: st.one_of(
        st.tuples(st.just("sequence"), nodes, nodes),
        st.tuples(st.just("sequence"), nodes, nodes),
        st.tuples(st.just("either"), nodes, nodes),
        st.tuples(
            st.just("repeat"), nodes, st.integers(0, 2), st.sampled_from([2, 3, 100])
        ),
        st.tuples(st.just("repeat"), nodes, st.just(0), st.just(1)),
    ),
    max_leaves=7,
)
NAMES = st.builds(
    lambda part, times: part * times,
    st.text("ab.", min_size=1, max_size=4),
    st.integers(1, 24),
).map(lambda name: name[:24])


@settings(max_examples=400)
@given(NODES, NAMES)
def test_no_name_takes_more_than_was_measured(node: tuple, name: str) -> None:  # type: ignore[type-arg]  # as above
    pattern = write(node)
    try:
        # What follows fits nowhere, so that everything is tried.
        effort = measure(f"{pattern}Z")
    except ExplosiveError:
        assume(False)
        return
    limit = 40 * len(pattern) * effort.count_steps(len(name))
    counter = Counter(name, limit)
    for end in counter.match(node, 0):
        assert end <= len(name)
