"""What a context costs, and that it costs nothing once it is gone."""

import gc
import tracemalloc

import pytest

from statsd_trio.aggregation import context_table as context_module
from tests.aggregation.conftest import Harness, MakeHarness

CONTEXTS = 4_000

# Of the 1.5 KB that a counter with three tags may cost, the rest is for the memory of
# its line. Python's own allocator is more even in large than in small, hence the size.
BYTES_PER_CONTEXT = 1100


def fill(harness: Harness, now: float) -> None:
    harness.aggregator.advance(now)
    for index in range(CONTEXTS):
        tags = (f"host:{index:07}", f"user:{index:07}", f"page:{index:07}")
        harness.put(now, f"page.views.{index % 100}", "c", 1, tags=tags)


def test_a_counter_with_three_tags_fits_and_leaves_nothing(
    make_harness: MakeHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Shared strings stay, but they are bounded by count.
    monkeypatch.setattr(context_module, "SHARED_STRINGS", 64)
    harness = make_harness(max_contexts=2 * CONTEXTS)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        fill(harness, 1000)
        gc.collect()
        full, _ = tracemalloc.get_traced_memory()
        harness.take(1010)
        harness.take(2000)
        harness.take(2010)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (full - before) / CONTEXTS < BYTES_PER_CONTEXT
    assert (after - before) / CONTEXTS < 20
