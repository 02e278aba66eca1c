from typing import Any

import pytest
from dev_bench import open_bench
from stage import EPOCH

from statsd_trio.engine.engine import MakeEngine
from statsd_trio.protocol.messages import Sample


def test_every_name_is_listed_with_what_is_known_of_it(
    make_engine: MakeEngine,
) -> None:
    bench = open_bench(make_engine)
    bench.send(*[b"page.views:2|c|#env:prod"] * 3, b"load:5|g", b"page.views:1|c")
    bench.pass_seconds()
    document = bench.read("metrics")
    load, views = document["rows"]
    assert load["name"] == "load"
    assert (load["types"], load["last"], load["last_kind"]) == (["gauge"], 5, "value")
    assert views["name"] == "page.views"
    assert (views["contexts"], views["lines"]) == (2, 4)
    assert views["lines_per_second"] == pytest.approx(4)
    assert views["first_seen"] == EPOCH
    assert document["total"] == document["all"] == 2


def test_known_lines_are_measured_as_well_as_new_ones(make_engine: MakeEngine) -> None:
    bench = open_bench(make_engine)
    for _ in range(5):
        bench.send(*[b"page.views:1|c"] * 10)
        bench.pass_seconds()
    document = bench.read("metric", name="page.views", minutes=1)
    counts = document["chart"]["series"][0]["count"]
    assert counts[-5:] == [10.0] * 5
    assert set(counts[:-5]) == {None}
    assert document["chart"]["end"] == EPOCH + 5


def test_last_of_a_counter_is_the_total_of_its_contexts(
    make_engine: MakeEngine,
) -> None:
    bench = open_bench(make_engine)
    for _ in range(2):
        bench.send(b"page.views:2|c|#env:prod", b"page.views:3|c|#env:staging")
        bench.pass_seconds()
    (views,) = bench.read("metrics")["rows"]
    assert (views["last"], views["last_kind"]) == (5, "count")


def test_state_changes_with_each_line_that_a_pause_misses(
    make_engine: MakeEngine,
) -> None:
    bench = open_bench(make_engine)
    for _ in range(2):
        bench.model.pause()
        before = bench.read("state")
        assert before["missed_lines"] == 0
        bench.send(b"page.views:1|c\n")
        after = bench.read("state")
        assert after["missed_lines"] == 1
        assert after["revision"] != before["revision"]
        bench.model.resume()


@pytest.mark.parametrize("has_hook", [False, True])
def test_lines_that_a_pause_and_that_an_overload_keep_out_are_counted_apart(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch, *, has_hook: bool
) -> None:
    monkeypatch.setattr("statsd_trio.dev.recorder.MAX_WAITING_BYTES", 0)
    hook: dict[str, Any] = {"on_sample": _keep} if has_hook else {}
    bench = open_bench(make_engine, stage=hook, **hook)
    bench.send(b"page.views:1|c", b"page.views:1|c\npage.views:1|c")
    state = bench.read("state")
    # One is measured when there is time; two are not.
    assert (state["missed_lines"], state["unmeasured_lines"]) == (0, 2)
    bench.model.pause()
    bench.send(b"page.views:1|c")
    bench.model.resume()
    state = bench.read("state")
    assert (state["missed_lines"], state["unmeasured_lines"]) == (1, 2)
    bench.pass_seconds()
    assert bench.read("metrics")["rows"][0]["last"] == 1


def _keep(sample: Sample) -> Sample:
    return sample


def test_an_assertion_leaves_out_what_it_does_not_know(make_engine: MakeEngine) -> None:
    bench = open_bench(make_engine)
    bench.send(b"page.views:2|c|#env:prod", b"page.views:2|c|#env:prod,page:home")
    bench.pass_seconds()
    document = bench.read("metric", name="page.views")
    assert document["assertion"] == (
        'dogstatsd.assert_counter("page.views", tags=["env:prod"])'
    )
    assert {row["assertion"] for row in document["contexts"]["rows"]} == {
        'dogstatsd.assert_counter("page.views", 2, tags=["env:prod"])',
        'dogstatsd.assert_counter("page.views", 2, tags=["env:prod", "page:home"])',
    }


def test_a_list_changes_while_nothing_comes(make_engine: MakeEngine) -> None:
    bench = open_bench(make_engine)
    bench.send(b"page.views:1|c")
    bench.pass_seconds(2)
    before = bench.read("metrics")
    assert before["rows"][0]["lines_per_second"] > 0
    bench.pass_seconds(12)
    after = bench.read("metrics")
    assert after["rows"][0]["lines_per_second"] == 0
    assert after["revision"] != before["revision"]
