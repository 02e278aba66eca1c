from statsd_trio.engine.deferred_free import DeferredFree


def test_what_is_done_with_is_freed_a_part_at_a_time() -> None:
    garbage = DeferredFree()
    for size in (100, 50):
        garbage.add(dict.fromkeys(range(size)))
        garbage.add(set(range(size)))
    sizes = [len(garbage)]
    while garbage.free(100):
        sizes.append(len(garbage))
    assert sizes == [300, 200, 100]
    assert len(garbage) == 0


def test_what_is_empty_is_not_kept() -> None:
    garbage = DeferredFree()
    garbage.add({})
    assert not garbage.free(1)
