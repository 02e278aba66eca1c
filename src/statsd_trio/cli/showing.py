"""Run ``statsd-trio dev``; this module needs the extra ``http``."""

import errno
import itertools
import shlex
import sys
import webbrowser
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Final, Literal

import click
import trio

from statsd_trio.cli.collector import spare_full_collections
from statsd_trio.cli.signals import catch_stop_signal, ignore_hangups
from statsd_trio.config import Config
from statsd_trio.config.parsing import split_address
from statsd_trio.dev import DevPage, open_dev_page
from statsd_trio.dev.port_owner import find_port_owner
from statsd_trio.dev.program import make_environment, run_program
from statsd_trio.errors import ConfigError
from statsd_trio.ledger import Ledger
from statsd_trio.plural import describe_count
from statsd_trio.printable import escape
from statsd_trio.server import Server, serve

_NOT_FOUND_EXIT: Final = 127
_NOT_EXECUTABLE_EXIT: Final = 126
_CATCH_UP_SECONDS: Final = 2.0
_SHOWN_WORDS: Final = 3


async def show(
    config: Config,
    page: str | None,
    program: Sequence[str],
    *,
    environment: Mapping[str, str],
    is_opened: bool,
) -> tuple[int, str]:
    """Serve *config*, show it on a page, and run *program* if there is one.

    Returns:
        The exit code, and the last message, which is printed after the log is written;
        "" for none.

    Raises:
        ConfigError: if the configuration, or the page's address, cannot be used.
        OSError: if an address is taken or forbidden; the message says what to do.
    """
    if page is not None:
        try:
            split_address(page)
        except ValueError as error:
            raise ConfigError([f"--page {page}: {error}"]) from error
    failure: Exception | None = None
    code, last_line = 0, ""
    async with trio.open_nursery() as nursery:
        try:
            server: Server = await nursery.start(serve, config)
        # Inside the nursery, the error would be raised in a group.
        except (ConfigError, OSError) as error:
            failure = error
        else:
            try:
                code, last_line = await _show_server(
                    server, page, program, environment, is_opened=is_opened
                )
            except OSError as error:
                failure = error
            except ExceptionGroup as group:
                failure = _find_os_error(group)
                if failure is None:
                    raise
        nursery.cancel_scope.cancel(reason="the page is closed")
    if isinstance(failure, OSError):
        raise _explain_taken(failure, config, page)
    if failure is not None:
        raise failure
    return code, last_line


async def _show_server(
    server: Server,
    page: str | None,
    program: Sequence[str],
    environment: Mapping[str, str],
    *,
    is_opened: bool,
) -> tuple[int, str]:
    """Show *server* until it should end; return the exit code, and the last message."""
    async with open_dev_page(server, page) as shown, trio.open_nursery() as nursery:
        spare_full_collections()
        # Signals are caught before anybody can read how to end the command.
        stopping = nullcontext() if program else catch_stop_signal(with_hangup=True)
        with stopping as stop:
            _announce(server, shown, is_program=bool(program))
            if is_opened:
                nursery.start_soon(_open_browser, shown.url)
            code, last_line = 0, ""
            if stop is None:
                code, last_line = await _run_program(
                    server, shown, program, environment
                )
            else:
                await stop.wait()
        nursery.cancel_scope.cancel(reason="the page is closed")
    return code, last_line


async def _open_browser(url: str) -> None:
    await trio.to_thread.run_sync(webbrowser.open, url, abandon_on_cancel=True)


async def _run_program(
    server: Server,
    shown: DevPage,
    program: Sequence[str],
    environment: Mapping[str, str],
) -> tuple[int, str]:
    words = name_program(program)
    before = server.ledger()
    # While the program runs, signals are passed on to it. A terminal that is closed may
    # send several, and there is still a message to print after the program's end.
    ignore_hangups()

    named = words

    def note_start(pid: int) -> None:
        nonlocal named
        named = f"{words} (pid {pid})"
        shown.note_program(words, pid)

    def note_asked(signal_name: str, left: int) -> None:
        more = "one more signal kills it" if left == 1 else f"{left} more kill it"
        # The terminal may be gone.
        with suppress(OSError):
            click.echo(
                f"statsd-trio dev: {named} was sent {signal_name}; {more}", err=True
            )

    try:
        code = await run_program(
            program,
            make_environment(environment, shown.client),
            note_start,
            note_asked,
        )
    except OSError as error:
        return _explain_failure(program[0], error)
    shown.note_program_end(code)
    await _catch_up(server)
    return code, describe_program(words, before, server.ledger(), shown)


async def _catch_up(server: Server) -> None:
    """Process what the program sent last, which may still wait to be read."""
    seen = -1
    # Other programs may go on sending.
    with trio.move_on_after(_CATCH_UP_SECONDS):
        while (packets := _count_packets(server.ledger())) != seen:
            seen = packets
            await server.flush()


def _count_packets(ledger: Ledger) -> int:
    return sum(listener.packets for listener in ledger.listeners)


def _explain_failure(name: str, error: OSError) -> tuple[int, str]:
    """Return a shell's exit code for a program that cannot be started, and why."""
    shown = shlex.quote(escape(name))
    why = error.strerror or str(error)
    if isinstance(error, FileNotFoundError):
        if not Path(name).exists():
            return _NOT_FOUND_EXIT, f"statsd-trio dev: there is no program {shown}"
        why = "its interpreter is missing"
    return _NOT_EXECUTABLE_EXIT, f"statsd-trio dev: {shown} cannot be run: {why}"


def name_program(program: Sequence[str]) -> str:
    """Name *program* in a few words, up to the first one that may be secret.

    A command line may contain keys, and everybody at this machine can see the page.
    """
    shown = list(
        itertools.takewhile(
            lambda word: not word.startswith("-") and "=" not in word, program
        )
    )
    words = escape(shlex.join(shown[:_SHOWN_WORDS]))
    return words if len(shown[:_SHOWN_WORDS]) == len(program) else f"{words} ..."


def describe_program(words: str, before: Ledger, after: Ledger, shown: DevPage) -> str:
    """Describe in one line what the program sent, and what of it was rejected."""
    lines = after.lines.read - before.lines.read
    if not lines:
        return f"statsd-trio dev: {words} sent nothing"
    rejected = sum(after.lines.rejected.values()) - sum(before.lines.rejected.values())
    sent = [
        _count(after.lines.metrics - before.lines.metrics, "metric line"),
        _count(after.lines.events - before.lines.events, "event"),
        _count(
            after.lines.service_checks - before.lines.service_checks, "service check"
        ),
    ]
    text = ", ".join(each for each in sent if each) or "no good line"
    text = f"statsd-trio dev: {words} sent {text}"
    if not rejected:
        return f"{text}; nothing was rejected"
    first = shown.describe_rejected()
    return f"{text}; {_count(rejected, 'line')} rejected, such as {first}"


def _count(count: int, what: str) -> str:
    return describe_count(count, what) if count else ""


def _announce(server: Server, shown: DevPage, *, is_program: bool) -> None:
    """Print where the page is; beside a program, separately from its output."""
    addresses = [
        listener.name
        for listener in server.ledger().listeners
        if listener.name != "submit"
    ]
    click.echo(
        f"{shown.url} shows what comes to {' and '.join(addresses)}", err=is_program
    )
    if not is_program:
        click.echo("Ctrl-C ends it.")


def _find_os_error(group: BaseExceptionGroup[BaseException]) -> OSError | None:
    """Return the system error that *group* is about; None if there is none."""
    found, others = group.split(OSError)
    if others is not None or found is None:
        return None
    error: BaseException = found
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, OSError)  # noqa: S101 -- as it was split
    return error


def _explain_taken(error: OSError, config: Config, page: str | None) -> OSError:
    """Add which process has a taken port, and what to do, to an error."""
    reason = error.strerror or str(error)
    if error.errno != errno.EADDRINUSE:
        return error
    if "udp://" in reason and config.port is not None:
        return OSError(
            error.errno,
            f"{reason}; {_describe_owner(config.port, 'udp')}, or take another port: "
            "statsd-trio dev --port __random__ takes any free one, and a program that "
            "is given after -- is told which.",
        )
    if "http://" in reason and page is not None:
        _, port = split_address(page)
        return OSError(
            error.errno,
            f"{reason}; {_describe_owner(port, 'tcp')}, or leave --page out: the page "
            "takes a free port then, and says which.",
        )
    return OSError(error.errno, f"{reason}. Choose another address.")


def _describe_owner(port: int, protocol: Literal["tcp", "udp"]) -> str:
    owner = find_port_owner(port, protocol)
    if owner is not None:
        return (
            f"port {port} is taken by pid {owner.pid} ({escape(owner.command)}). "
            f"Stop it (kill {owner.pid})"
        )
    by = "another process"
    if sys.platform == "linux":
        by = "another process, which only its user or root can see"
    return f"port {port} is taken by {by}. Stop it"
