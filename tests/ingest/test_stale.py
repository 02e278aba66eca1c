from statsd_trio.ingest.stale import FREED_AT_ONCE, Stale


def test_what_is_stale_is_freed_a_part_at_a_time() -> None:
    stale = Stale()
    for size in (FREED_AT_ONCE, FREED_AT_ONCE // 2):
        stale.throw(dict.fromkeys(range(size)))
        stale.throw(set(range(size)))
    sizes: list[int] = []
    while stale:
        sizes.append(len(stale))
        stale.free_some()
    assert sizes == [3 * FREED_AT_ONCE, 2 * FREED_AT_ONCE, FREED_AT_ONCE]


def test_what_is_empty_is_not_kept() -> None:
    stale = Stale()
    stale.throw({})
    assert stale._holders == []
