from typing import Any

import attrs
from stage import UDP, Stage, open_stage

from statsd_trio.aggregation.snapshot import Snapshot
from statsd_trio.engine.engine import MakeEngine
from statsd_trio.errors import ParseError
from statsd_trio.protocol.messages import Event, Sample, ServiceCheck
from statsd_trio.rules import Namespace, Rules
from statsd_trio.transports.packet import Origin, Packet


@attrs.define
class Spectator:
    """A watcher that notes what it sees."""

    seen: list[tuple[Any, ...]] = attrs.field(factory=list[tuple[Any, ...]])

    def see_rules(self, rules: Rules) -> None:
        self.seen.append(("rules", rules))

    def see_lines(self, lines: bytes, origin: Origin) -> None:
        self.seen.append(("lines", lines, origin))

    def see_sample(self, sample: Sample) -> None:
        self.seen.append(("sample", sample.name, sample.values))

    def see_message(self, message: Event | ServiceCheck) -> None:
        self.seen.append(("message", message))

    def see_rejected(self, error: ParseError, line: bytes, origin: Origin) -> None:
        self.seen.append(("rejected", error.reason, line, origin))

    def see_snapshot(self, snapshot: Snapshot) -> None:
        self.seen.append(("snapshot", snapshot))


class Broken(Spectator):
    def see_lines(self, lines: bytes, origin: Origin) -> None:
        raise RuntimeError("the watcher is broken")


def watch(stage: Stage, watcher: Spectator | None = None) -> Spectator:
    watcher = watcher or Spectator()
    stage.ingest.watch(watcher)
    watcher.seen.clear()
    return watcher


def test_watcher_sees_every_line_also_one_that_is_known(
    make_engine: MakeEngine,
) -> None:
    stage = open_stage(make_engine)
    watcher = watch(stage)
    stage.process(*[b"page.views:1|c"] * 4)
    assert watcher.seen == [("lines", b"page.views:1|c", UDP)] * 4
    given_back: list[bytes] = []
    # The engine knows the line by now: it is parsed no more.
    assert stage.aggregator.take(b"page.views:1|c", given_back.append) == (1, 0, 1)
    assert given_back == []


def test_watcher_sees_what_is_rejected(make_engine: MakeEngine) -> None:
    stage = open_stage(make_engine, eol_required=frozenset({"udp"}))
    watcher = watch(stage)
    stage.process(b"page.views\npage.views:1|c")
    assert watcher.seen == [
        ("rejected", "unterminated", b"page.views:1|c", UDP),
        ("rejected", "no_colon", b"page.views", UDP),
        ("lines", b"page.views\n", UDP),
    ]


def test_watcher_sees_a_line_that_was_cut(make_engine: MakeEngine) -> None:
    stage = open_stage(make_engine)
    watcher = watch(stage)
    for _ in stage.ingest.process_packet(
        Packet(b"a:1|c\npage.vi", UDP, is_truncated=True)
    ):
        pass
    assert watcher.seen[0] == ("rejected", "truncated", b"page.vi", UDP)


def test_watcher_sees_messages(make_engine: MakeEngine) -> None:
    stage = open_stage(make_engine)
    watcher = watch(stage)
    stage.process(b"_e{1,1}:a|b")
    assert watcher.seen[0] == ("message", Event("a", "b"))


def test_watcher_sees_what_the_hook_made_of_a_line(make_engine: MakeEngine) -> None:
    def double(sample: Sample) -> Sample | None:
        if sample.name == "secret":
            return None
        return attrs.evolve(sample, values=(2.0,))

    stage = open_stage(make_engine, on_sample=double)
    watcher = watch(stage)
    stage.process(b"a:1|c\nsecret:1|c")
    assert [each for each in watcher.seen if each[0] == "sample"] == [
        ("sample", "a", (2.0,))
    ]


def test_watcher_sees_rules_at_once_and_at_each_reload(
    make_engine: MakeEngine,
) -> None:
    stage = open_stage(make_engine)
    watcher = Spectator()
    stage.ingest.watch(watcher)
    rules = Rules(namespace=Namespace("app"))
    stage.ingest.replace_rules(rules)
    assert [kind for kind, *_ in watcher.seen] == ["rules", "rules"]
    assert watcher.seen[-1] == ("rules", rules)


def test_watcher_sees_snapshots(make_engine: MakeEngine) -> None:
    stage = open_stage(make_engine)
    watcher = watch(stage)
    snapshot = stage.take()
    stage.ingest.show_snapshot(snapshot)
    assert watcher.seen == [("snapshot", snapshot)]


def test_watcher_that_fails_costs_nothing_and_is_counted(
    make_engine: MakeEngine,
) -> None:
    stage = open_stage(make_engine)
    watch(stage, Broken())
    stage.process(b"page.views:1|c", b"page.views:1|c")
    assert stage.lines.metrics == 2
    assert stage.lines.hook_failures == {"watcher": 2}
    stage.check()


def test_nobody_sees_anything_once_the_watching_ended(make_engine: MakeEngine) -> None:
    stage = open_stage(make_engine)
    watcher = watch(stage)
    stage.ingest.watch(None)
    stage.process(b"page.views:1|c\nbad")
    assert watcher.seen == []
