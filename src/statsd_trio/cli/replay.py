"""``statsd-trio replay``: send a capture again."""

import itertools
import math
from pathlib import Path

import click
import trio

from statsd_trio.cli.messages import fail
from statsd_trio.cli.progress import Progress
from statsd_trio.errors import describe_os_error
from statsd_trio.replay.capture import CaptureError
from statsd_trio.replay.files import read_capture
from statsd_trio.replay.sending import open_sender, replay
from statsd_trio.transports.addresses import Address, parse_address


def _parse_speed(_ctx: click.Context, _param: click.Parameter, value: str) -> float:
    """Parse a number or ``max``, which is infinite."""
    try:
        speed = math.inf if value == "max" else float(value)
    except ValueError:
        speed = 0.0
    if not (0 < speed < 1e9 or value == "max"):
        raise click.BadParameter(f"{value!r} is neither max nor a number above 0")
    return speed


@click.command(
    "replay",
    short_help="Send the packets of a capture again.",
    epilog="Example: statsd-trio replay monday.jsonl --to udp://localhost:8125",
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--to",
    "url",
    required=True,
    help="Where to send them, such as udp://localhost:8125.",
)
@click.option(
    "--speed",
    callback=_parse_speed,
    metavar="N|max",
    default="1",
    show_default=True,
    help="How many times as fast as they came; max is as fast as possible.",
)
@click.option(
    "--loop",
    "loops",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="How many times to send them; 0 is without end.",
)
def command(file: Path, url: str, speed: float, loops: int) -> None:
    """Send the packets of FILE to an address again, with their timing.

    FILE is what `statsd-trio capture` wrote or a capture of the Datadog Agent (.dog),
    compressed with zstd or not.
    """
    try:
        address = parse_address(url)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--to") from error
    progress = Progress("sent")
    try:
        trio.run(_replay, file, address, speed, loops, progress)
    except KeyboardInterrupt:
        progress.finish()
        raise
    except CaptureError as error:
        fail(f"{file}: {error}")
    except OSError as error:
        fail(describe_os_error(error))
    progress.finish()


async def _replay(
    file: Path, address: Address, speed: float, loops: int, progress: Progress
) -> None:
    async with open_sender(address) as send:
        for _ in range(loops) if loops else itertools.count():
            await replay(
                read_capture(file),
                send,
                lambda packet: progress.add(packet.data),
                speed=speed,
            )
            if not progress.packets:
                raise CaptureError("it holds no packets")
