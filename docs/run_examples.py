"""Run what the pages show, block by block, and compare what it prints.

``python -m docs.run_examples [PAGE...]`` follows each page from top to bottom, in a
folder of the page's own, as a reader would who pastes one block after another:

* a ``python`` block is a whole program;
* a ``sh`` block is a script, which must exit with 0;
* of a ``console`` block, the lines after ``$`` are run, and the others are what each of
  them prints. What one exports the next ones have.

A comment in front of a block says where that differs. It does not show on the page.

``<!-- output -->``
    The block is what the last one printed; ``...`` stands for any text.
``<!-- background: TEXT -->``
    The block runs on; the next one waits until it has printed TEXT, or what a
    ``console`` block shows.
``<!-- background output -->``
    The block is, or will soon be, among what one in the background prints or printed.
``<!-- early in an interval -->``
    The block, and those that take the next few seconds, send in one interval of ten
    seconds.
``<!-- stop -->``
    The last one in the background gets Ctrl-C, and must end well. No block follows.
``<!-- file: NAME -->``
    The block is saved in a file of that name.
``<!-- exits with: N -->``
    The block ends with that exit code.
``<!-- not run: REASON -->``
    The block is only parsed. Each is listed, with its reason.

Blocks of other languages are parsed where Python or PyYAML can do it.

The pages use well-known ports. Here each page gets free ones in their place, so that
nothing is disturbed that runs on this machine, and several pages run at a time. A page
that fails is followed once more, alone.

A kept library would have to be bent for this: sybil and pytest-markdown-docs run Python
in their own process, and know neither a server that runs beside a client nor a file
that a later block reads.
"""

import argparse
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple

from docs.example_blocks import (
    RUNNABLE,
    Block,
    find_blocks,
    matches,
    parse,
    split_console,
)

DOCS: Final = Path(__file__).parent

# The servers of the pages listen on these, and on the next few for their views.
PORTS: Final = ("8125", "8126", "8127", "8128", "8080", "8000", "4318")

# Where `dev` shows its page: at 8129, or at the next port that is free.
_DEV_PORTS: Final = {str(port): "8129" for port in range(8130, 8140)}

# A flush comes every ten seconds; what takes longer than this hangs.
_PATIENCE_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.05
_EARLY_SECONDS: Final = 2.0

_PAGES_AT_A_TIME: Final = 4

_INTERRUPTED: Final = (0, 130, -signal.SIGINT)


class ExampleError(Exception):
    """A block did not do what the page says."""


class Program:
    """A program that a block starts; all that it prints is kept."""

    def __init__(
        self, arguments: list[str], folder: Path, environment: Mapping[str, str]
    ) -> None:
        self._log = folder / f".printed-{time.monotonic_ns()}"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own pages
                arguments,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def read(self) -> str:
        """Return what it has printed so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def wait(self) -> int:
        """Wait until it ends, and return its exit code."""
        try:
            return self._process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ExampleError(f"it did not end:\n{self.read()}") from None

    def has_ended(self) -> bool:
        """Return whether it runs no more."""
        return self._process.poll() is not None

    def stop(self) -> None:
        """Press Ctrl-C, and wait until it has ended well."""
        os.killpg(self._process.pid, signal.SIGINT)
        code = self.wait()
        if code not in _INTERRUPTED:
            raise ExampleError(f"it exited with {code}:\n{self.read()}")

    def kill(self) -> None:
        """End it and what it started, whatever they do."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self._process.wait()


class Ports:
    """Free ports in the place of those that the pages use."""

    def __init__(self) -> None:
        self._chosen = dict(zip(PORTS, _find_free_ports(len(PORTS)), strict=True))

    def replace(self, text: str) -> str:
        """Return *text* with free ports instead of those of the page."""
        return _replace_words(text, self._chosen)

    def restore(self, text: str) -> str:
        """Return what was printed with the ports of the page."""
        originals = {chosen: port for port, chosen in self._chosen.items()}
        return _replace_words(text, originals | _DEV_PORTS)

    def __getitem__(self, port: str) -> str:
        return self._chosen[port]


def _find_free_ports(count: int) -> list[str]:
    """Find ports that are free for UDP and TCP at the same time."""
    held: list[socket.socket] = []
    ports: list[str] = []
    try:
        while len(ports) < count:
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            held += [udp, tcp]
            udp.bind(("127.0.0.1", 0))
            port: int = udp.getsockname()[1]
            try:
                tcp.bind(("127.0.0.1", port))
            except OSError:
                continue
            ports.append(str(port))
    finally:
        for one in held:
            one.close()
    return ports


def _replace_words(text: str, replacements: Mapping[str, str]) -> str:
    return re.sub(r"(?<!\d)\d{4,5}(?!\d)", lambda m: replacements.get(m[0], m[0]), text)


class PageRun:
    """One page, followed from top to bottom in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = Ports()
        self._environment = _make_environment(folder, self._ports)
        self._exported = folder / ".exported"
        self._exported.touch()
        self._printed = ""
        self._beside: list[Program] = []
        self._running: list[Program] = []

    def follow(self, block: Block) -> None:
        """Do what *block* asks for.

        Raises:
            ExampleError: if that is not what the page says.
            ValueError: if it is not run, and cannot be parsed.
        """
        if block.word == "output":
            if not matches(block.code, self._printed):
                raise ExampleError(_compare(block.code, self._printed))
        elif block.word == "background output":
            self._wait_for(block.code, self._beside)
        elif block.word == "stop":
            self._running.pop().stop()
        elif block.word == "file":
            parse(block)
            self._save(block)
        elif block.word == "not run" or block.language not in RUNNABLE:
            parse(block)
        else:
            if block.word == "early in an interval":
                while time.time() % 10 > _EARLY_SECONDS:
                    time.sleep(_POLL_SECONDS)
            self._start_or_run(block)

    def _save(self, block: Block) -> None:
        path = self._folder / block.value
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self._ports.replace(block.code), encoding="utf-8")

    def _start_or_run(self, block: Block) -> None:
        if block.word == "background":
            self._start_beside(block)
        elif block.language == "console":
            for command in split_console(block.code):
                self._run(block, "sh", command.text)
                if command.shown and not matches(command.shown, self._printed):
                    raise ExampleError(_compare(command.shown, self._printed))
        else:
            self._run(block, block.language, block.code)

    def close(self) -> None:
        """End what still runs."""
        for program in self._running:
            program.kill()

    def _start(self, language: str, code: str) -> Program:
        code = self._ports.replace(code)
        if language == "python":
            path = self._folder / f"example_{time.monotonic_ns()}.py"
            path.write_text(code, encoding="utf-8")
            # As a reader has it, whose exported variables hold for Python as well.
            code = f"exec python {path.name}"
        exported = shlex.quote(str(self._exported))
        script = (
            f"set -euo pipefail; . {exported}\n{code}\n{{ export -p > {exported}; }}"
        )
        return Program(["bash", "-c", script], self._folder, self._environment)

    def _run(self, block: Block, language: str, code: str) -> None:
        program = self._start(language, code)
        try:
            exit_code = program.wait()
        finally:
            self._printed = self._ports.restore(program.read())
        expected = int(block.value) if block.word == "exits with" else 0
        if exit_code != expected:
            raise ExampleError(f"it exited with {exit_code}:\n{self._printed}")

    def _start_beside(self, block: Block) -> None:
        language, code, shown = block.language, block.code, block.value
        if language == "console":
            commands = split_console(code)
            language, code = "sh", "".join(command.text for command in commands)
            shown = shown or "".join(command.shown for command in commands)
        program = self._start(language, code)
        self._beside.append(program)
        self._running.append(program)
        if shown:
            self._wait_for(shown, [program])

    def _wait_for(self, shown: str, programs: list[Program]) -> None:
        """Wait until one of *programs* has printed what is *shown*."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        is_last_look = False
        while True:
            printed = [self._ports.restore(one.read()) for one in programs]
            if any(matches(shown, text, is_part=True) for text in printed):
                return
            if is_last_look:
                raise ExampleError(_compare(shown, "\nand\n".join(printed)))
            time.sleep(_POLL_SECONDS)
            is_last_look = time.monotonic() > deadline or all(
                one.has_ended() for one in programs
            )


def _make_environment(folder: Path, ports: Ports) -> dict[str, str]:
    """Make the environment of a reader who has installed statsd-trio and set nothing.

    But for the port, at which clients and servers look for each other.
    """
    foreign = ("DD_", "STATSD", "OTEL_", "PYTEST_", "COVERAGE_", "XDG_", "FORCE_COLOR")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(foreign) and name.lower() not in _PROXIES
    }
    programs = Path(sys.executable).parent
    return kept | {
        # What would leave the machine goes nowhere.
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "DD_DOGSTATSD_PORT": ports["8125"],
        "HOME": str(folder),
        "NO_COLOR": "1",
        "PATH": f"{programs}{os.pathsep}{kept['PATH']}",
        "PYTHONUNBUFFERED": "1",
    }


_PROXIES: Final = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def _compare(shown: str, printed: str) -> str:
    return f"the page shows\n{shown}\nit printed\n{printed}"


class Result(NamedTuple):
    """What became of a page: how many blocks ran, which did not, and what failed."""

    page: Path
    run: int
    left: list[Block]
    failure: str


def run_page(page: Path) -> Result:
    """Follow *page* until its end, or until the first block that is wrong."""
    blocks = list(find_blocks(page.read_text(encoding="utf-8")))
    left = [block for block in blocks if block.word == "not run"]
    count = sum(
        block.language in RUNNABLE and block.word not in ("not run", "output", "file")
        for block in blocks
    )
    # The folder is made where names are short, since Unix sockets are made in it.
    with tempfile.TemporaryDirectory(prefix="page-") as folder:
        run = PageRun(Path(folder))
        try:
            for block in blocks:
                try:
                    run.follow(block)
                except (ExampleError, ValueError) as error:
                    return Result(page, 0, left, f"{page}:{block.line}: {error}")
        finally:
            run.close()
    return Result(page, count, left, "")


def main() -> None:
    """Run the pages that are named, or all of them."""
    parser = argparse.ArgumentParser(description="Run what the pages show.")
    parser.add_argument("pages", nargs="*", type=Path)
    pages: list[Path] = parser.parse_args().pages or [
        DOCS.parent / "README.md",
        *sorted(DOCS.rglob("*.md")),
    ]
    # In the background of a script Ctrl-C is ignored, and programs inherit that; some
    # blocks are stopped by it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with ThreadPoolExecutor(_PAGES_AT_A_TIME) as pool:
        results = list(pool.map(run_page, pages))
    # On a busy machine two commands may miss the interval that they are to share.
    results = [run_page(one.page) if one.failure else one for one in results]
    for result in results:
        if result.failure:
            print(result.failure)
            continue
        print(f"{result.page.name}: {result.run} run, {len(result.left)} not run")
        for block in result.left:
            print(f"  line {block.line}: {block.value}")
    failures = sum(bool(result.failure) for result in results)
    print(
        f"{sum(result.run for result in results)} blocks run, {failures} pages failed"
    )
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
