import sys

import pytest

from statsd_trio.operating.heap import (
    REST_FACTOR,
    STEP_BYTES,
    HeapTrimmer,
    find_trim,
)


class Heap:
    """Memory that is in use, and what it takes to give back what is not."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.used = 0
        self.trims: list[int] = []
        self.seconds = seconds
        self.now = 0.0
        self.trimmer = HeapTrimmer(lambda: self.used, self.trim, lambda: self.now)

    def trim(self) -> None:
        self.trims.append(self.used)
        self.now += self.seconds

    def move(self, *used: int) -> None:
        for self.used in used:
            self.trimmer.check()


def test_memory_is_given_back_a_step_at_a_time() -> None:
    heap = Heap()
    heap.move(*range(0, 10 * STEP_BYTES, STEP_BYTES // 4))
    assert heap.trims == []
    heap.move(*range(10 * STEP_BYTES, -1, -STEP_BYTES // 4))
    assert heap.trims == [step * STEP_BYTES for step in range(9, -1, -1)]


def test_what_is_used_again_at_once_is_not_given_back() -> None:
    heap = Heap()
    heap.move(*[8 * STEP_BYTES, 8 * STEP_BYTES - STEP_BYTES // 2] * 20)
    assert heap.trims == []


def test_a_heap_that_takes_long_is_left_alone_for_much_longer() -> None:
    heap = Heap(seconds=0.05)
    heap.move(40 * STEP_BYTES, 30 * STEP_BYTES, 20 * STEP_BYTES)
    assert heap.trims == [30 * STEP_BYTES]
    heap.now += REST_FACTOR * 0.05 - 0.01
    heap.move(10 * STEP_BYTES)
    assert len(heap.trims) == 1
    heap.now += 0.02
    # What came free meanwhile is given back, though nothing more does.
    heap.move(10 * STEP_BYTES, 10 * STEP_BYTES)
    assert heap.trims == [30 * STEP_BYTES, 10 * STEP_BYTES]


def test_where_nothing_can_be_given_back_nothing_is_read() -> None:
    HeapTrimmer(pytest.fail, None).check()


@pytest.mark.skipif(sys.platform != "linux", reason="glibc stands on Linux")
def test_glibc_has_something_for_it() -> None:
    trim = find_trim()
    if trim is None:
        pytest.skip("the C library is not glibc")
    assert trim() in {0, 1}
