"""`statsd-trio dev` as a process, and the browser that looks at it."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from datadog.dogstatsd.base import DogStatsd
from playwright.sync_api import Browser, Page, sync_playwright

_ANNOUNCEMENT = re.compile(r"(http://\S+:(\d+)/) shows what comes to udp://\S+:(\d+)")


@contextlib.contextmanager
def open_browser(chromium: str) -> Iterator[Browser]:
    # Chromium's own sandbox does not run as root.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


class Show:
    """A running `statsd-trio dev`, on free ports that it keeps over a restart."""

    def __init__(self, output: Path) -> None:
        self._output = output
        self._process: subprocess.Popen[bytes] | None = None
        self._clients: list[DogStatsd] = []
        self.url = ""
        self.port = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for client in self._clients:
            client.close_socket()
        self.stop()

    def start(self) -> None:
        page = self.url.removeprefix("http://").rstrip("/") or "127.0.0.1:0"
        command = [sys.executable, "-u", "-m", "statsd_trio", "dev", f"--page={page}"]
        command.append(f"--port={self.port or '__random__'}")
        with self._output.open("ab") as output:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=output)
        self._process = process
        assert process.stdout is not None
        line = process.stdout.readline().decode()
        found = _ANNOUNCEMENT.match(line)
        if not found:
            process.communicate()
            raise AssertionError(line + self._output.read_text())
        self.url = found[1]
        self.port = int(found[3])

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        assert process.returncode == 0, self._output.read_text()

    def make_client(self) -> DogStatsd:
        client = DogStatsd(
            host="127.0.0.1",
            port=self.port,
            disable_telemetry=True,
            disable_buffering=True,
            disable_aggregation=True,
        )
        self._clients.append(client)
        return client

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.url}api/{path}") as answer:
            return json.load(answer)

    def read_cpu_seconds(self) -> float:
        """Return the time that the server's process has used of a processor."""
        assert self._process is not None
        stat = Path(f"/proc/{self._process.pid}/stat").read_text()
        fields = stat.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def open(self, page: Page, query: str = "") -> None:
        page.goto(self.url + query)
        page.wait_for_selector("main[aria-busy=false]")
