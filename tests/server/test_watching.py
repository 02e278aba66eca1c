from collections.abc import Callable
from functools import partial

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from statsd_trio import Config, Origin, ParseError, Sample, Server, Snapshot, serve
from statsd_trio.protocol import Event, ServiceCheck
from statsd_trio.rules import Rules


class Spectator:
    """A watcher that notes what it sees."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.rejected: list[bytes] = []
        self.snapshots: list[Snapshot] = []
        self.messages: list[Event | ServiceCheck] = []
        self.rules: list[Rules] = []

    def see_rules(self, rules: Rules) -> None:
        self.rules.append(rules)

    def see_lines(self, lines: bytes, origin: Origin) -> None:
        self.lines += lines.split(b"\n")

    def see_sample(self, sample: Sample) -> None:
        raise AssertionError(sample)

    def see_message(self, message: Event | ServiceCheck) -> None:
        self.messages.append(message)

    def see_rejected(self, error: ParseError, line: bytes, origin: Origin) -> None:
        self.rejected.append(line)

    def see_snapshot(self, snapshot: Snapshot) -> None:
        self.snapshots.append(snapshot)


async def test_server_is_watched_beside_the_hooks_of_its_program(
    autojump_clock: MockClock,
    nursery: trio.Nursery,
    wall_clock: Callable[[], float],
) -> None:
    rejected: list[bytes] = []
    config = Config(
        port=0, sinks=(), on_rejected=lambda _, line, __: rejected.append(line)
    )
    server: Server = await nursery.start(partial(serve, config, wall_clock=wall_clock))
    spectator = Spectator()
    with server.watch(spectator):
        assert server.submit(b"page.views:1|c\nbad\n_e{1,1}:a|b")
        await wait_all_tasks_blocked()
        await trio.sleep(11)
        server.reload(Config(port=0, namespace="app"))
    assert spectator.lines == [b"page.views:1|c", b"bad", b"_e{1,1}:a|b"]
    assert spectator.rejected == rejected == [b"bad"]
    assert spectator.messages == [Event("a", "b")]
    assert "page.views" in {s.name for s in spectator.snapshots[0].series}
    assert len(spectator.rules) == 2
    assert server.config.namespace == "app"


async def test_only_one_watches_a_server_at_a_time(nursery: trio.Nursery) -> None:
    server: Server = await nursery.start(partial(serve, Config(port=0, sinks=())))
    with (
        server.watch(Spectator()),
        pytest.raises(RuntimeError, match="only one can"),
        server.watch(Spectator()),
    ):
        pass
    with server.watch(Spectator()):
        pass
