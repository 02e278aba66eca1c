from statsd_trio.engine.heads import HEAD_SECONDS, HeadCache, cut_head
from statsd_trio.engine.memory import Share


def add_text(text: bytes) -> int:
    """Stand for what takes the values of a head."""
    return text.count(b":") + 1


def offer(heads: HeadCache, *names: bytes) -> None:
    for head in names:
        if heads.is_worth_keeping(head):
            heads.keep(head, add_text)


def knows(heads: HeadCache, head: bytes) -> bool:
    return head in heads.young or heads.recall(head) is not None


def test_a_head_is_a_line_without_its_value() -> None:
    assert cut_head(b"a:1|c|#x:y|@0.5") == b"a:c|#x:y|@0.5"
    assert cut_head(b"a:1:2|c") == b"a:c"
    assert cut_head(b"a|b:1|c") == b"a|b:c"
    assert cut_head(b"a") == b"a"


def test_a_head_is_kept_from_its_second_sight() -> None:
    heads = HeadCache(8, Share())
    offer(heads, b"a:c")
    assert not knows(heads, b"a:c")
    offer(heads, b"a:c")
    assert knows(heads, b"a:c")


def test_a_new_head_in_every_line_is_never_kept() -> None:
    heads = HeadCache(1000, Share())
    offer(heads, *[b"name%d:c" % number for number in range(500)])
    assert len(heads) == 0


def test_a_full_cache_keeps_what_it_has_and_takes_no_more() -> None:
    heads = HeadCache(2, Share())
    for head in (b"a:c", b"b:c", b"c:c"):
        offer(heads, head, head)
    assert [knows(heads, head) for head in (b"a:c", b"b:c", b"c:c")] == [
        True,
        True,
        False,
    ]


def test_heads_seen_once_are_bounded_too() -> None:
    heads = HeadCache(2, Share())
    offer(heads, b"a:c", b"b:c", b"c:c", b"c:c")
    assert not knows(heads, b"c:c")


def test_an_unused_head_is_forgotten_at_the_second_rotation() -> None:
    heads = HeadCache(8, Share())
    offer(heads, b"a:c", b"a:c")
    heads.rotate()
    heads.rotate()
    assert not knows(heads, b"a:c")
    assert len(heads) == 0


def test_a_used_head_survives_rotations() -> None:
    heads = HeadCache(8, Share())
    offer(heads, b"a:c", b"a:c")
    for _ in range(3):
        heads.rotate()
        assert knows(heads, b"a:c")


def test_time_forgets_what_is_not_used() -> None:
    heads = HeadCache(8, Share())
    heads.advance(1000.0)
    offer(heads, b"a:c", b"a:c")
    heads.advance(1000.0 + HEAD_SECONDS)
    assert len(heads) == 1
    heads.advance(1000.5 + HEAD_SECONDS)
    heads.advance(1001.0 + HEAD_SECONDS)
    assert len(heads) == 1
    heads.advance(1002.0 + 2 * HEAD_SECONDS)
    assert len(heads) == 0


def test_a_clock_that_goes_back_forgets_heads_in_time() -> None:
    heads = HeadCache(8, Share())
    heads.advance(9000.0)
    offer(heads, b"a:c", b"a:c")
    heads.advance(1000.0)
    heads.advance(1001.0 + HEAD_SECONDS)
    assert len(heads) == 0


def test_clear_forgets_everything() -> None:
    heads = HeadCache(8, Share())
    offer(heads, b"a:c", b"a:c", b"b:c")
    heads.rotate()
    heads.clear()
    assert len(heads) == 0
    offer(heads, b"b:c")
    assert not knows(heads, b"b:c")


def test_what_is_forgotten_is_freed_a_part_at_a_time() -> None:
    heads = HeadCache(10_000, Share())
    offer(heads, *[b"name%d:c" % number for number in range(3000)] * 2)
    heads.clear()
    steps = 1
    while heads.free_some():
        steps += 1
    assert steps > 4
