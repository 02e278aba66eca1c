"""A script that runs a server stops on Ctrl-C with everything delivered."""

import signal
import socket
import subprocess
import sys
from functools import partial
from typing import Any

import pytest
import trio

from statsd_trio import Config, Server, Snapshot, serve
from statsd_trio.protocol import Sample
from statsd_trio.transports.udp import UdpListener

SCRIPT = """
import sys
import trio
from statsd_trio import Config, serve


class Started:
    def started(self, server=None):
        server.submit(b"page.views:3|c")
        print("started", flush=True)


async def show(snapshot):
    for series in snapshot.series:
        print(series.name, series.points[0].value * series.interval_seconds)


async def main():
    config = Config(host="127.0.0.1", port=0, self_metrics=False)
    await serve(config, sinks=[show], task_status=Started())


try:
    trio.run(main)
except* KeyboardInterrupt:
    print("stopped")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT")
def test_interrupted_script_delivers_what_it_has() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as script:
        assert script.stdout is not None
        assert script.stdout.readline() == "started\n"
        script.send_signal(signal.SIGINT)
        output, errors = script.communicate(timeout=30)
    assert (output, errors) == ("page.views 3.0\nstopped\n", "")
    assert script.returncode == 0


@pytest.mark.parametrize("moment", ["read", "processed", "delivered"])
def test_interrupt_in_mid_work_loses_nothing(
    moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupts: list[str] = []
    snapshots: list[Snapshot] = []
    servers: list[Server] = []

    def interrupt(where: str) -> None:
        if where == moment and not interrupts:
            interrupts.append(where)
            signal.raise_signal(signal.SIGINT)

    def on_sample(sample: Sample) -> Sample:
        interrupt("processed")
        return sample

    async def sink(snapshot: Snapshot) -> None:
        interrupt("delivered")
        snapshots.append(snapshot)

    identify = UdpListener._identify

    def identify_and_interrupt(*arguments: Any) -> Any:
        interrupt("read")
        return identify(*arguments)

    monkeypatch.setattr(UdpListener, "_identify", identify_and_interrupt)

    async def main() -> None:
        config = Config(host="127.0.0.1", port=0, on_sample=on_sample)
        async with trio.open_nursery() as nursery:
            server: Server = await nursery.start(partial(serve, config, sinks=[sink]))
            servers.append(server)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.sendto(b"page.views:1|c\npage.views:2|c", server.addresses[0])
            while not snapshots:
                await server.flush()

    with pytest.RaisesGroup(
        KeyboardInterrupt, allow_unwrapped=True, flatten_subgroups=True
    ):
        trio.run(main)
    assert interrupts == [moment]
    (listener, _) = servers[0].ledger().listeners
    assert listener.packets == 1
    assert servers[0].ledger().samples.aggregated == 2
    assert sum(
        point.value * series.interval_seconds
        for snapshot in snapshots
        for series in snapshot.series
        if series.name == "page.views"
        for point in series.points
    ) == pytest.approx(3)
