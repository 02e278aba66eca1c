"""Write the lines of a snapshot to an output, without holding up the event loop."""

from collections.abc import Iterable
from functools import partial
from typing import Final

import trio

from statsd_trio.output import LineOutput, OutputError
from statsd_trio.pace import Pace
from statsd_trio.sinks.sink import SinkError

_PIECE_BYTES: Final = 64 * 1024


async def write_lines(
    output: LineOutput, lines: Iterable[bytes], *, is_line_a_point: bool
) -> None:
    """Encode *lines*, in slices, and write them in a worker thread.

    Args:
        output: the output to write to.
        lines: lines with their line ends; each is written completely or not at all.
        is_line_a_point: whether each line that was written counts as a delivered point.

    Raises:
        SinkError: if not all lines could be written.
    """
    pieces, piece, pace = list[bytes](), bytearray(), Pace()
    for line in lines:
        piece += line
        if len(piece) >= _PIECE_BYTES:
            pieces.append(bytes(piece))
            piece.clear()
        if pace.is_over():
            await pace.rest()
    pieces.append(bytes(piece))
    try:
        # Whoever reads the other end of a pipe may never do so.
        await trio.to_thread.run_sync(
            partial(output.write, pieces), abandon_on_cancel=True
        )
    except OutputError as error:
        raise SinkError(
            str(error),
            reason=error.reason,
            delivered=error.lines if is_line_a_point else 0,
            is_final=error.is_gone,
        ) from error
