"""Run a child process that gets an order as JSON and answers in lines of JSON."""

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]


class ChildProcess:
    """One of our modules in its own process, which is killed if it takes too long."""

    def __init__(
        self,
        module: str,
        order: dict[str, Any],
        python: str = sys.executable,
        folder: Path = ROOT,
    ) -> None:
        self._module = module
        self._child = subprocess.Popen(
            [python, "-m", module, json.dumps(order)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=folder,
            text=True,
        )

    @property
    def pid(self) -> int:
        return self._child.pid

    def read(self, max_seconds: float) -> dict[str, Any]:
        """Wait for the child's next line."""
        assert self._child.stdout is not None
        timer = threading.Timer(max_seconds, self._child.kill)
        timer.start()
        try:
            line = self._child.stdout.readline()
        finally:
            timer.cancel()
        if not line:
            raise RuntimeError(
                f"{self._module} died, or said nothing in {max_seconds:.0f} s"
            )
        read: dict[str, Any] = json.loads(line)
        return read

    def write(self, line: str) -> None:
        """Send the child a line."""
        assert self._child.stdin is not None
        self._child.stdin.write(line)
        self._child.stdin.flush()

    def close_stdin(self) -> None:
        """Ask the child to stop."""
        assert self._child.stdin is not None
        self._child.stdin.close()

    def close(self) -> None:
        """End the child, if it has not ended."""
        self.close_stdin()
        try:
            self._child.wait(timeout=1)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        assert self._child.stdout is not None
        self._child.stdout.close()
