"""Packets with the times of their arrival, as lines of JSON.

Our capture file has one object per line: ``time`` (unix seconds), ``source`` (the
transport and, if known, the sender) and ``data`` (base64). It can be cut, joined and
filtered line by line.
"""

import base64
import json
from typing import Final, NamedTuple

import cattrs

from statsd_trio.structuring import StrictConverter, list_problems

# A UDP packet of the greatest size in base64, and room for the rest.
MAX_LINE_BYTES: Final = 128 * 1024


class CapturedPacket(NamedTuple):
    """One packet of a capture.

    Attributes:
        time: unix seconds.
        source: who sent it, as text for people.
    """

    time: float
    source: str
    data: bytes


class CaptureError(Exception):
    """A file is not a capture, or is damaged; the message says where."""


def format_packet(packet: CapturedPacket) -> str:
    """Return *packet* as one line, without its newline."""
    return json.dumps(
        {
            "time": packet.time,
            "source": packet.source,
            "data": base64.b64encode(packet.data).decode("ascii"),
        },
        separators=(",", ":"),
    )


def parse_packet(line: str | bytes) -> CapturedPacket:
    """Parse one line.

    Raises:
        CaptureError: if `format_packet` could not have written it.
    """
    try:
        packet = _CONVERTER.structure(json.loads(line), CapturedPacket)
    except UnicodeDecodeError as error:
        raise CaptureError("not a captured packet: it is not UTF-8") from error
    except (cattrs.BaseValidationError, ValueError, RecursionError) as error:
        problems = "; ".join(list_problems(error))
        raise CaptureError(f"not a captured packet: {problems}") from error
    # Also false for NaN; no clock is beyond it.
    if not 0 <= packet.time < 1e11:
        raise CaptureError(f"not a time: {packet.time}")
    return packet


def _decode(value: object, _cls: type) -> bytes:
    return base64.b64decode(_CONVERTER.structure(value, str), validate=True)


_CONVERTER: Final = StrictConverter()
_CONVERTER.register_structure_hook(bytes, _decode)
