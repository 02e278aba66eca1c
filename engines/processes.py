"""Processes that are started, stopped in the middle, started again, and ended."""

import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx2

_START_SECONDS = 30.0


def choose_port() -> int:
    """Choose a port that is free now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


class Process:
    """A program with a page that says when it is ready."""

    def __init__(
        self,
        command: Sequence[object],
        ready_url: str,
        log: Path,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._command = [str(part) for part in command]
        self._ready_url = ready_url
        self._log = log
        self._environ = environ
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start, and wait until it is ready."""
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(
                self._command, stdout=log, stderr=log, env=self._environ
            )
        end = time.monotonic() + _START_SECONDS
        while True:
            try:
                if httpx2.get(self._ready_url, timeout=1).status_code < 500:
                    return
            except httpx2.HTTPError:
                pass
            if self._child.poll() is not None or time.monotonic() > end:
                self.stop()
                raise RuntimeError(f"{self._command[0]} did not start; see {self._log}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Ask it to end, and wait."""
        if self._child is None:
            return
        self._child.terminate()
        try:
            self._child.wait(20)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child = None
