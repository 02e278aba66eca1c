from hypothesis import given, strategies as st

from statsd_trio.aggregation.budget import divide_budget

MIB = 1024 * 1024


def test_what_is_free_is_divided_equally() -> None:
    assert divide_budget(64 * MIB, [0, 0, 0, 0]) == [16 * MIB] * 4
    assert divide_budget(64 * MIB, [24 * MIB, 4 * MIB, 4 * MIB, 0]) == [
        31 * MIB,
        11 * MIB,
        11 * MIB,
        11 * MIB,
    ]


def test_who_has_nearly_all_leaves_the_others_their_part() -> None:
    limit = 64 * MIB
    used = [0, 0, 0, 0]
    for _ in range(100):
        used[0] = divide_budget(limit, used)[0]
    others = divide_budget(limit, used)[1:]
    assert used[0] > limit - 3 * limit // 16 - 8
    assert all(limit // 16 <= other <= limit // 16 + 8 for other in others)


@given(st.integers(MIB, 10**12), st.lists(st.floats(0, 1), min_size=4, max_size=4))
def test_together_they_never_exceed_the_limit(limit: int, shares: list[float]) -> None:
    used = [0, 0, 0, 0]
    for _ in range(20):
        limits = divide_budget(limit, used)
        assert sum(limits) <= limit
        assert all(may >= has for may, has in zip(limits, used, strict=True))
        used = [int(may * share) for may, share in zip(limits, shares, strict=True)]
