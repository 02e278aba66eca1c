"""Build packets beforehand, for senders and engines.

Every stream is made from a seed, so that two servers get the same bytes. Each line
ends in a newline, as Datadog's own clients send it, except where a stream is about
its absence.
"""

import random
from collections.abc import Callable, Iterator
from typing import Final

import attrs

# What Datadog's clients put in one packet over UDP, and over a Unix socket.
UDP_PACKET_BYTES: Final = 1432
UNIX_PACKET_BYTES: Final = 8192

# The longest that UDP over IPv4 can carry.
LONGEST_DATAGRAM_BYTES: Final = 65_507

# The longest text of an event that the intake takes.
EVENT_TEXT_CHARACTERS: Final = 4000

# Of a name, a tag or a member: just within the buffer of a server, 8192 bytes.
LONG_TEXT_BYTES: Final = 8000

_TYPES: Final = ("c", "g", "h", "ms", "s", "d")


@attrs.frozen
class Workload:
    """Which packets to build.

    Attributes:
        stream: a key of `STREAMS`.
        lines: how many, all told; packets for a stream that has no lines.
        packet_bytes: lines are packed up to this; 0 puts each in its own packet.
        contexts: how many different series, where the stream lets one choose.
    """

    stream: str
    lines: int
    packet_bytes: int = 0
    contexts: int = 100
    seed: int = 1

    def build(self) -> list[bytes]:
        """Build the packets."""
        return STREAMS[self.stream](self)


def count_lines(packet: bytes) -> int:
    """Count lines as the ledger does, without empty ones."""
    return sum(1 for line in packet.split(b"\n") if line)


def pack(lines: Iterator[bytes], packet_bytes: int) -> list[bytes]:
    """Join *lines*, each with its newline, into packets of at most *packet_bytes*."""
    if not packet_bytes:
        return list(lines)
    packets: list[bytes] = []
    waiting: list[bytes] = []
    size = 0
    for line in lines:
        if waiting and size + len(line) > packet_bytes:
            packets.append(b"".join(waiting))
            waiting, size = [], 0
        waiting.append(line)
        size += len(line)
    if waiting:
        packets.append(b"".join(waiting))
    return packets


def _make_value(metric_type: str, rng: random.Random) -> str:
    match metric_type:
        case "c":
            return str(rng.randrange(1, 100))
        case "s":
            return f"user{rng.randrange(1000)}"
        case "g":
            return f"{rng.uniform(-1000, 1000):.2f}"
        case _:
            return f"{rng.expovariate(0.01):.3f}"


def _make_mixed(workload: Workload) -> Iterator[bytes]:
    """Lines of mixed types, without tags."""
    rng = random.Random(workload.seed)
    names = [
        (f"shop.checkout.step{number}", _TYPES[number % len(_TYPES)])
        for number in range(workload.contexts)
    ]
    for _ in range(workload.lines):
        name, metric_type = rng.choice(names)
        value = _make_value(metric_type, rng)
        yield f"{name}:{value}|{metric_type}\n".encode()


def _make_tagged(workload: Workload) -> Iterator[bytes]:
    """Lines of mixed types with random values and three tags each."""
    rng = random.Random(workload.seed)
    contexts = [
        (
            f"shop.requests.{number % 50}",
            _TYPES[number % len(_TYPES)],
            f"env:prod,zone:{number // 50},host:web-{number:04}",
        )
        for number in range(workload.contexts)
    ]
    for _ in range(workload.lines):
        name, metric_type, tags = rng.choice(contexts)
        value = _make_value(metric_type, rng)
        yield f"{name}:{value}|{metric_type}|#{tags}\n".encode()


def _make_counters(workload: Workload) -> Iterator[bytes]:
    """Counters with three tags of 12 bytes, each context in turn."""
    for number in range(workload.lines):
        context = number % workload.contexts
        yield (
            f"shop.orders:1|c|#tag_a:{context:06},tag_b:{context:06},tag_c:{context:06}\n"
        ).encode()


def _make_new_names(workload: Workload) -> Iterator[bytes]:
    """Give each line a new name."""
    for number in range(workload.lines):
        yield f"attack.{workload.seed}.{number}:1|c\n".encode()


def _make_timestamps(workload: Workload) -> Iterator[bytes]:
    """Give each line a timestamp of its own."""
    for number in range(workload.lines):
        yield f"late.orders:1|c|T{1_700_000_000 + number}\n".encode()


def _make_garbage(workload: Workload) -> Iterator[bytes]:
    """Random bytes without newlines, ten to sixty per line; no line is a metric."""
    rng = random.Random(workload.seed)
    for _ in range(workload.lines):
        # The first byte is not valid UTF-8, so that no line is good by chance.
        line = b"\xff" + rng.randbytes(rng.randrange(10, 60))
        yield line.replace(b"\n", b" ") + b"\n"


def _make_events(workload: Workload) -> Iterator[bytes]:
    """Events with the longest text that the intake takes."""
    text = "x" * EVENT_TEXT_CHARACTERS
    for number in range(workload.lines):
        title = f"event {number}"
        yield f"_e{{{len(title)},{len(text)}}}:{title}|{text}\n".encode()


def _make_service_checks(workload: Workload) -> Iterator[bytes]:
    for number in range(workload.lines):
        yield f"_sc|shop.alive.{number % workload.contexts}|0\n".encode()


def _make_distributions(workload: Workload) -> Iterator[bytes]:
    for number in range(workload.lines):
        yield f"shop.spread.{number % workload.contexts}:{number}|d\n".encode()


def _make_long_names(workload: Workload) -> Iterator[bytes]:
    """Names of 8000 bytes, each of them new."""
    padding = "n" * LONG_TEXT_BYTES
    for number in range(workload.lines):
        yield f"attack.{workload.seed}.{number}.{padding}:1|c\n".encode()


def _make_long_tags(workload: Workload) -> Iterator[bytes]:
    """Tags of 8000 bytes, each of them new."""
    padding = "t" * LONG_TEXT_BYTES
    for number in range(workload.lines):
        yield f"attack.tagged:1|c|#k:{workload.seed}.{number}.{padding}\n".encode()


def _make_long_members(workload: Workload) -> Iterator[bytes]:
    """Members of one set, of 8000 bytes each, each of them new."""
    padding = "m" * LONG_TEXT_BYTES
    for number in range(workload.lines):
        yield f"attack.members:{workload.seed}.{number}.{padding}|s\n".encode()


def _make_clashes(workload: Workload) -> Iterator[bytes]:
    """Names that come with two types, each of them new."""
    for number in range(workload.lines // 2):
        yield f"clash.{workload.seed}.{number}:1|c\n".encode()
        yield f"clash.{workload.seed}.{number}:1|g\n".encode()


def _make_steps(workload: Workload) -> Iterator[bytes]:
    """Names that almost fit a pattern of four groups, except for their end."""
    for number in range(workload.lines):
        yield f"job.{'a.' * 110}{number}:1|c\n".encode()


def _make_words(workload: Workload) -> Iterator[bytes]:
    """Names of one long word, which nested repeats can divide in countless ways."""
    for number in range(workload.lines):
        yield f"job.{'a' * 220}{number}:1|c\n".encode()


def _build_unterminated(workload: Workload) -> list[bytes]:
    packets = pack(_make_mixed(workload), workload.packet_bytes)
    return [packet.removesuffix(b"\n") for packet in packets]


def _build_empty(workload: Workload) -> list[bytes]:
    return [b""] * workload.lines


def _build_longest(workload: Workload) -> list[bytes]:
    """Fill the longest datagrams there are with good lines."""
    line = b"long.orders:1|c\n"
    repeats = LONGEST_DATAGRAM_BYTES // len(line) + 1
    return [(line * repeats)[:LONGEST_DATAGRAM_BYTES]] * workload.lines


def _packed(
    make: Callable[[Workload], Iterator[bytes]],
) -> Callable[[Workload], list[bytes]]:
    return lambda workload: pack(make(workload), workload.packet_bytes)


STREAMS: Final[dict[str, Callable[[Workload], list[bytes]]]] = {
    "mixed": _packed(_make_mixed),
    "tagged": _packed(_make_tagged),
    "counters": _packed(_make_counters),
    "new names": _packed(_make_new_names),
    "timestamps": _packed(_make_timestamps),
    "garbage": _packed(_make_garbage),
    "events": _packed(_make_events),
    "service checks": _packed(_make_service_checks),
    "distributions": _packed(_make_distributions),
    "long names": _packed(_make_long_names),
    "long tags": _packed(_make_long_tags),
    "long members": _packed(_make_long_members),
    "clashes": _packed(_make_clashes),
    "steps": _packed(_make_steps),
    "words": _packed(_make_words),
    "unterminated": _build_unterminated,
    "empty": _build_empty,
    "longest": _build_longest,
}
