from statsd_trio.ingest.memo import Memo, Spelling
from statsd_trio.ingest.stale import Stale

SPELLING = Spelling(0, None, 0.5)


def test_text_is_kept_from_its_second_sight() -> None:
    memo = Memo(8, Stale())
    memo.offer(b"a:c", SPELLING)
    assert memo.get(b"a:c") is None
    memo.offer(b"a:c", SPELLING)
    assert memo.get(b"a:c") == SPELLING


def test_new_text_in_every_line_is_never_kept() -> None:
    memo = Memo(1000, Stale())
    for number in range(500):
        memo.offer(b"name%d:c" % number, SPELLING)
    assert len(memo) == 0


def test_full_memo_keeps_what_it_has_and_takes_no_more() -> None:
    memo = Memo(2, Stale())
    for text in (b"a:c", b"b:c", b"c:c"):
        memo.offer(text, SPELLING)
        memo.offer(text, SPELLING)
    assert memo.get(b"a:c") == SPELLING
    assert memo.get(b"b:c") == SPELLING
    assert memo.get(b"c:c") is None


def test_texts_seen_once_are_bounded_too() -> None:
    memo = Memo(2, Stale())
    for text in (b"a:c", b"b:c", b"c:c", b"c:c"):
        memo.offer(text, SPELLING)
    assert memo.get(b"c:c") is None


def test_unused_text_is_forgotten_at_the_second_rotation() -> None:
    memo = Memo(8, Stale())
    for _ in range(2):
        memo.offer(b"a:c", SPELLING)
    memo.rotate()
    memo.rotate()
    assert memo.get(b"a:c") is None
    assert len(memo) == 0


def test_used_text_survives_rotations() -> None:
    memo = Memo(8, Stale())
    for _ in range(2):
        memo.offer(b"a:c", SPELLING)
    for _ in range(3):
        memo.rotate()
        assert memo.get(b"a:c") == SPELLING


def test_clear_forgets_everything() -> None:
    memo = Memo(8, Stale())
    for _ in range(2):
        memo.offer(b"a:c", SPELLING)
    memo.offer(b"b:c", SPELLING)
    memo.rotate()
    memo.clear()
    assert len(memo) == 0
    memo.offer(b"b:c", SPELLING)
    assert memo.get(b"b:c") is None


def test_forgotten_texts_are_thrown_away() -> None:
    stale = Stale()
    memo = Memo(1000, stale)
    for number in range(100):
        for _ in range(2):
            memo.offer(b"name%d:c" % number, SPELLING)
        memo.offer(b"once%d:c" % number, SPELLING)
    memo.rotate()
    assert len(stale) == 100  # seen once
    memo.rotate()
    assert len(stale) == 200
