"""A script that runs a server stops on Ctrl-C with everything delivered."""

import signal
import subprocess
import sys

import pytest

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
