"""``statsd-trio capture``: record what arrives."""

import math
import os
from pathlib import Path
from typing import Final, TextIO, cast

import click
import trio

from statsd_trio.cli.logs import open_logging
from statsd_trio.cli.messages import fail
from statsd_trio.cli.number import FiniteNumber
from statsd_trio.cli.progress import Progress
from statsd_trio.cli.signals import catch_stop_signal
from statsd_trio.errors import describe_os_error, explain_os_error
from statsd_trio.replay.capture import CapturedPacket, format_packet
from statsd_trio.replay.recording import bind_addresses, record
from statsd_trio.transports.addresses import Address, parse_address

# What clients send may be private. The mode of an existing file is not changed.
_MODE: Final = 0o600
_CHOOSE_ANOTHER: Final = "Choose a FILE that does not exist, in a folder that does."
_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL


@click.command(
    "capture",
    short_help="Write the packets that arrive to a file.",
    epilog="Example: statsd-trio capture monday.jsonl --listen udp://localhost:8125",
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--listen",
    "urls",
    multiple=True,
    default=("udp://localhost:8125",),
    show_default=True,
    help="Where to receive: udp://, unix://, unixstream://, tcp:// or pipe://; a port"
    " alone is UDP on localhost.",
)
@click.option(
    "--seconds",
    type=FiniteNumber(min=0),
    help="How long to capture. By default until Ctrl-C.",
)
def command(file: Path, urls: tuple[str, ...], seconds: float | None) -> None:
    """Write every packet that arrives to FILE, one line of JSON each.

    Ends after --seconds, or on SIGINT or SIGTERM. An existing FILE is not written to.
    """
    try:
        addresses = [parse_address(url) for url in urls]
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--listen") from error
    limit = math.inf if seconds is None else seconds
    progress = Progress("captured")
    try:
        with explain_os_error(f"create {file}", _CHOOSE_ANOTHER):
            descriptor = os.open(file, _FLAGS, _MODE)
        with os.fdopen(descriptor, "w", encoding="ascii") as output:
            try:
                with open_logging("warning", "text"):
                    trio.run(_capture, addresses, output, limit, progress)
            except BaseException:
                if not progress.packets:
                    file.unlink()
                raise
    except OSError as error:
        fail(describe_os_error(error))
    except ExceptionGroup as group:
        failed, others = group.split(OSError)
        if others or not failed:
            raise
        first = cast("OSError", _first(failed))
        fail(describe_os_error(first))
    progress.finish()


async def _capture(
    addresses: list[Address], output: TextIO, seconds: float, progress: Progress
) -> None:
    def write(packet: CapturedPacket) -> None:
        print(format_packet(packet), file=output)
        progress.add(packet.data)

    with catch_stop_signal() as stop:
        listeners = await bind_addresses(addresses)
        names = " and ".join(listener.counters.name for listener in listeners)
        # Beside the progress, since the packets may go to standard output.
        click.echo(f"Listening on {names}. Ctrl-C ends it.", err=True)
        async with trio.open_nursery() as nursery:

            async def stop_on_signal() -> None:
                await stop.wait()
                nursery.cancel_scope.cancel()

            nursery.start_soon(stop_on_signal)
            nursery.start_soon(record, listeners, write)
            await trio.sleep(seconds)
            nursery.cancel_scope.cancel()


def _first(error: Exception) -> Exception:
    while isinstance(error, ExceptionGroup):
        error = cast("ExceptionGroup[Exception]", error).exceptions[0]
    return error
