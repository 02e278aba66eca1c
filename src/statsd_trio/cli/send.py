"""``statsd-trio send``: send lines to a server without another tool."""

import itertools
import os
from collections.abc import Callable, Iterator, Sequence

import click
import trio

from statsd_trio.cli.dashes import DashedCommand
from statsd_trio.cli.messages import fail
from statsd_trio.cli.number import FiniteNumber
from statsd_trio.cli.progress import Progress
from statsd_trio.errors import describe_os_error
from statsd_trio.replay.sending import Send, open_sender
from statsd_trio.transports.addresses import Address, parse_address

_NUMBER = b"{i}"


@click.command(
    "send",
    cls=DashedCommand,
    dash_hint="If it is a LINE, put -- before ADDRESS.",
    epilog="""Example: statsd-trio send udp://localhost:8125 'page.views:1|c|#env:dev'

    A load: statsd-trio send unix:///run/dsd.socket 'load:{i}|g' --count 5000 --rate 500

    Exit codes: 0 if all was sent, 1 if it could not be, 2 for an address that cannot be
    used.
    """,
)
@click.argument("address", metavar="ADDRESS")
@click.argument("lines", metavar="LINE...", nargs=-1, required=True)
@click.option(
    "--count",
    type=click.IntRange(min=0),
    help="How often to send each LINE, in which {i} becomes 0, 1, 2 and so on. 0 is"
    " without end.",
)
@click.option(
    "--rate",
    type=FiniteNumber(min=0, min_open=True),
    metavar="R",
    help="Packets per second. By default as fast as possible.",
)
def command(
    address: str, lines: tuple[str, ...], count: int | None, rate: float | None
) -> None:
    """Send each LINE to ADDRESS as a packet of its own.

    ADDRESS is udp://HOST:PORT, tcp://HOST:PORT, unix:///PATH (datagrams),
    unixstream:///PATH or pipe://PATH; HOST:PORT alone is UDP. A LINE is sent as it
    is; `statsd-trio explain` says what it means.
    """
    try:
        target = parse_address(address)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="ADDRESS") from error
    if "" in lines:
        raise click.BadParameter("an empty line says nothing", param_hint="LINE")
    # Arguments that are not UTF-8 arrive as surrogates, and are encoded the same way.
    packets = repeat_lines([os.fsencode(line) for line in lines], count)
    progress = Progress("sent")
    try:
        trio.run(_send, target, packets, progress.add, rate)
    except OSError as error:
        progress.finish()
        fail(describe_os_error(error))
    except KeyboardInterrupt:
        progress.finish()
        raise
    progress.finish()


def repeat_lines(lines: Sequence[bytes], count: int | None) -> Iterator[bytes]:
    """Yield *lines* once, or *count* times with their number.

    0 repeats them forever.
    """
    if count is None:
        yield from lines
        return
    for number in range(count) if count else itertools.count():
        text = str(number).encode()
        for line in lines:
            yield line.replace(_NUMBER, text)


async def send_paced(
    packets: Iterator[bytes],
    send: Send,
    report: Callable[[bytes], None],
    *,
    rate: float | None,
) -> None:
    """Send *packets*, at most *rate* of them per second, and *report* each."""
    started = trio.current_time()
    for number, packet in enumerate(packets):
        if rate is not None:
            await trio.sleep_until(started + number / rate)
        await send(packet)
        report(packet)


async def _send(
    target: Address,
    packets: Iterator[bytes],
    report: Callable[[bytes], None],
    rate: float | None,
) -> None:
    async with open_sender(target) as send:
        await send_paced(packets, send, report, rate=rate)
