"""The intake's process is killed and comes back on its port: nothing is lost."""

import json
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import trio

from statsd_trio import Config, Server, serve


@contextmanager
def running_intake(port: int) -> Iterator[str]:
    """A mock intake in a process of its own, killed at the end."""
    command = [sys.executable, "-m", "statsd_trio", "mock-intake", f"--port={port}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline()  # it listens
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def add_up(url: str, name: str) -> float:
    with urllib.request.urlopen(f"{url}/mock/series") as answer:
        received = json.load(answer)["series"]
    total: float = sum(
        float(value) * series["interval"]
        for series in received
        if series["name"] == name
        for _, value in series["points"]
    )
    return total


async def test_killed_and_restarted_intake_gets_everything() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = Config(
        host="127.0.0.1",
        port=0,
        api_key="key",
        dd_url=f"http://127.0.0.1:{port}",
        self_metrics=False,
        interval_seconds=1,
        # The new process may take its time to start, and the last try with it.
        shutdown_seconds=60,
    )
    async with trio.open_nursery() as nursery:
        with running_intake(port) as url:
            server: Server = await nursery.start(serve, config)
            server.submit(b"page.views:1|c")
            await server.flush()
            before = await trio.to_thread.run_sync(add_up, url, "page.views")
        server.submit(b"page.views:2|c")
        # Its bucket may be spent by the flush before: then the stop sends it.
        await server.flush()
        with running_intake(port) as url:
            nursery.cancel_scope.cancel()
            with trio.CancelScope(shield=True):
                after = 0.0
                while round(before + after, 6) < 3:
                    after = await trio.to_thread.run_sync(add_up, url, "page.views")
    (sink,) = server.ledger().sinks
    assert round(before + after, 6) == 3
    assert sink.snapshotted == sink.delivered
