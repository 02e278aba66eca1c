from hypothesis import given, strategies as st

from statsd_trio.aggregation.ranking import (
    SLICE_CONTEXTS,
    ContextRanker,
    ContextRanking,
)
from statsd_trio.engine.context import GAUGE, Context


def rank(contexts: list[Context], limit: int) -> ContextRanking:
    ranker = ContextRanker(contexts, limit)
    for _ in ranker.rank():
        pass
    return ranker.ranking


def make_context(name: str, *tags: str) -> Context:
    return Context((name, GAUGE, "", tags))


def test_names_and_tag_keys_with_most_come_first() -> None:
    contexts = [
        make_context("a", "user:1", "env:x"),
        make_context("b", "user:2", "env:x"),
        make_context("b", "user:3", "bare"),
    ]
    ranking = rank(contexts, 2)
    assert ranking.names == (("b", 2), ("a", 1))
    assert ranking.tag_keys == (("user", 3), ("bare", 1))


def test_each_name_that_ranks_has_its_own_tag_keys() -> None:
    contexts = [
        make_context("a", "user:1", "env:x"),
        make_context("b", "user:2", "env:x"),
        make_context("b", "user:3", "env:x"),
        make_context("b", "user:3", "bare"),
        make_context("a", "user:1", "zone:1"),
        make_context("c", "user:9"),
    ]
    ranking = rank(contexts, 2)
    assert ranking.names == (("b", 3), ("a", 2))
    assert ranking.tag_keys_of_names == (
        (("user", 2), ("bare", 1)),
        (("env", 1), ("user", 1)),
    )


def test_work_is_cut_into_steps() -> None:
    contexts = [make_context(f"m{i}") for i in range(10 * SLICE_CONTEXTS)]
    ranker = ContextRanker(contexts, 5)
    assert sum(1 for _ in ranker.rank()) > 10


@given(st.lists(st.sampled_from("abcdefgh")), st.integers(1, 9))
def test_ranks_are_those_of_a_full_sort(names: list[str], limit: int) -> None:
    counts = {name: names.count(name) for name in names}
    wanted = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:limit]
    assert rank([make_context(n) for n in names], limit).names == tuple(wanted)
