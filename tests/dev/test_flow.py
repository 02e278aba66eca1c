"""The losses that the flow shows, each once and where it happened."""

import attrs
from dev_bench import LISTENER, open_bench
from stage import UDP

from statsd_trio.engine.engine import MakeEngine
from statsd_trio.transports.packet import Packet


def test_a_truncated_packet_is_one_loss(make_engine: MakeEngine) -> None:
    bench = open_bench(make_engine)
    bench.stage.process_packet(
        Packet(b"page.views:1|c\npage.vie", UDP, is_truncated=True)
    )
    bench.send(b"page.views|c")
    bench.server.listener = attrs.evolve(LISTENER, packets=2, truncated=1)
    document = bench.read("flow")
    losses = {
        loss["reason"]: loss["count"]
        for stage in document["stages"]
        for loss in stage["losses"]
        if loss["count"]
    }
    assert losses == {"truncated": 1, "rejected": 1}
    assert document["lost"] == bench.read("state")["lost"] == 2
