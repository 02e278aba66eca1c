"""Run `statsd-trio serve` with a probe that watches it from inside.

`python -m attacks.children.probe ORDER ARGUMENT...` runs ``statsd-trio serve`` with the
arguments. It writes JSON lines to a pipe: the addresses once the server runs, and at
its end the ledger, what the watch saw, and the most memory that it ever had. Nothing
of the server is replaced; the probe only stands between it and the command.
"""

import importlib
import json
import os
import resource
import sys
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final, NoReturn, Protocol

import attrs
import trio
import trio.testing

from benchmarks.watch import Watch, open_watch
from statsd_trio import Config, Server
from statsd_trio.cli import main as run_command

# The last imports happen just after the start, and are no work of a running server.
_QUIET_SECONDS: Final = 0.05


@attrs.frozen
class Order:
    """How to run the server's process.

    Attributes:
        report_descriptor: the pipe for the JSON lines.
        max_open_files: the limit RLIMIT_NOFILE; 0 leaves what there is.
        max_file_bytes: the limit RLIMIT_FSIZE, as a full disk; 0 leaves what there is.
    """

    report_descriptor: int
    max_open_files: int = 0
    max_file_bytes: int = 0


class _Serve(Protocol):
    def __call__(
        self, config: Config, /, *, task_status: trio.TaskStatus[Server]
    ) -> Awaitable[NoReturn]: ...


class _Started:
    """Passes on what `serve` reports, and starts to watch."""

    def __init__(
        self, task_status: trio.TaskStatus[Server], start: Callable[[], object]
    ) -> None:
        self._task_status = task_status
        self._start = start
        self.server: Server | None = None

    def started(self, value: Server | None = None) -> None:
        """Replace the nursery's own method."""
        assert value is not None
        self.server = value
        self._task_status.started(value)
        self._start()


async def _serve(  # noqa: ASYNC114, ASYNC128 - it hands on what *serve* reports
    serve: _Serve,
    report: Callable[[dict[str, Any]], None],
    config: Config,
    /,
    *,
    task_status: trio.TaskStatus[Server],
) -> NoReturn:
    """Run *serve*, watched."""
    watches: list[Watch] = []
    with ExitStack() as stack:

        async def watch() -> None:
            await trio.testing.wait_all_tasks_blocked(_QUIET_SECONDS)
            opened = stack.enter_context(open_watch())
            watches.append(opened)
            assert started.server is not None
            report(
                {
                    "addresses": started.server.addresses,
                    "http": started.server.http_addresses,
                }
            )
            await opened.tick()

        # A system task: it goes on during the stop, and cannot hold that up.
        started = _Started(task_status, lambda: trio.lowlevel.spawn_system_task(watch))
        try:
            await serve(config, task_status=started)
        finally:
            if started.server is not None:
                report(
                    {
                        "ledger": attrs.asdict(started.server.ledger()),
                        "watched": attrs.asdict(watches[0].tell()) if watches else None,
                        "peak_rss_bytes": read_peak_rss_bytes("self"),
                    }
                )
    raise AssertionError("a server runs until it is cancelled")


def read_peak_rss_bytes(pid: int | str) -> int:
    """Return the most memory that a process ever used; 0 if it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def _limit(which: int, value: int) -> None:
    if value:
        resource.setrlimit(which, (value, value))


def main() -> None:
    """Serve as the command line says."""
    order = Order(**json.loads(sys.argv[1]))
    _limit(resource.RLIMIT_NOFILE, order.max_open_files)
    _limit(resource.RLIMIT_FSIZE, order.max_file_bytes)
    with os.fdopen(order.report_descriptor, "w", encoding="utf-8") as pipe:

        def report(said: dict[str, Any]) -> None:
            pipe.write(json.dumps(said) + "\n")
            pipe.flush()

        command: Any = importlib.import_module("statsd_trio.cli.serve")
        command.serve = partial(_serve, command.serve, report)
        run_command(["serve", *sys.argv[2:]])


if __name__ == "__main__":
    main()
