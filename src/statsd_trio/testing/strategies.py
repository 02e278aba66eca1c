"""Hypothesis strategies for messages of the protocol and for their lines.

`messages` generates what the protocol can carry, so formatting never fails. `lines`
generates everything from valid lines to noise, most of it nearly valid, because pure
noise never gets past the first check. `packets` and `streams` consist of such lines.
"""

import math
from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from statsd_trio.protocol.format import format_message
from statsd_trio.protocol.messages import (
    ClientOrigin,
    Event,
    Message,
    MetricType,
    Sample,
    ServiceCheck,
    ServiceStatus,
)

_RESERVED_TAGS: Final = (
    "host:",
    "dd.internal.entity_id:",
    "dd.internal.card:",
    "dd.internal.jmx_check_name:",
)
_MAX_INT64: Final = 2**63 - 1

# Characters that have a meaning somewhere in a line.
_FRAGMENTS: Final = (
    *"|:,#@T_.+-0159 \r\0{}",
    "_e{",
    "_sc",
    "_sc|",
    "5,4}",
    "title",
    "text",
    *("|c", "|g", "|h", "|ms", "|s", "|d"),
    *("c:", "e:", "card:", "d:", "h:", "k:", "p:", "s:", "t:", "m:"),
    *("ci-", "in-", "host:", "dd.internal.card:"),
    *("nan", "inf", "1e999", "0x1", "1_0", "1:nan", "\uff11", "ü"),
)


def texts(without: str = "", *, min_size: int = 0) -> SearchStrategy[str]:
    """Text that UTF-8 can carry, without newlines and the characters in *without*."""
    characters = st.characters(codec="utf-8", exclude_characters=without + "\n")
    return st.text(characters, min_size=min_size, max_size=30)


def names() -> SearchStrategy[str]:
    """Names of metrics, most of them plain."""
    plain = st.from_regex(r"[a-z]{1,8}(\.[a-z_]{1,8}){0,3}", fullmatch=True)
    odd = texts(":|", min_size=1)
    return st.one_of(plain, odd).filter(
        lambda name: not name.startswith(("_e{", "_sc"))
    )


def tags() -> SearchStrategy[tuple[str, ...]]:
    """Tags that are not reserved, including repeated and empty ones."""
    plain = st.builds(
        "{}:{}".format,
        st.sampled_from(["env", "service", "device", "dd.internal.resource"]),
        st.sampled_from(["prod", "web-1", "a:b", ""]),
    )
    tag = st.one_of(plain, texts("|,")).filter(
        lambda text: not text.startswith(_RESERVED_TAGS)
    )
    return st.lists(tag, max_size=6).map(tuple)


def origins() -> SearchStrategy[ClientOrigin | None]:
    """What a client may say about where it runs."""
    part = st.none() | texts("|,", min_size=1)
    origin = st.builds(
        ClientOrigin,
        container_id=part,
        cgroup_inode=st.none() | st.integers(1, 2**64 - 1),
        external_data=st.none() | texts("|", min_size=1),
        cardinality=st.none() | texts("|", min_size=1),
        entity_id=part,
        jmx_check_name=part,
    )
    return st.none() | origin.filter(lambda each: each != ClientOrigin())


def numbers() -> SearchStrategy[float]:
    """Every number that a sample may have."""
    return st.floats(allow_nan=False, allow_infinity=False)


def sample_rates() -> SearchStrategy[float]:
    """Every sample rate that is accepted."""
    usual = st.sampled_from([1.0, 0.5, 0.25, 0.1, 0.01])
    return usual | st.floats(0, 1, exclude_min=True).filter(
        lambda rate: 1.0 / rate != math.inf
    )


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    """Samples of every type, as a parser returns them."""
    metric_type = draw(st.sampled_from(MetricType))
    values: tuple[float, ...] | tuple[str, ...]
    if metric_type is MetricType.SET:
        values = (draw(texts("|", min_size=1)),)
    else:
        values = tuple(draw(st.lists(numbers(), min_size=1, max_size=5)))
    has_timestamp = metric_type in {MetricType.COUNTER, MetricType.GAUGE}
    timestamps = st.integers(1, _MAX_INT64) if has_timestamp else st.none()
    return Sample(
        name=draw(names()),
        type=metric_type,
        values=values,
        sample_rate=draw(sample_rates()),
        tags=draw(tags()),
        timestamp=draw(st.none() | timestamps),
        host=draw(st.none() | texts("|,")),
        origin=draw(origins()),
    )


def events() -> SearchStrategy[Event]:
    r"""Events whose title and text may have newlines, but no literal ``\n``."""
    body = st.text(st.characters(codec="utf-8"), max_size=60).filter(
        lambda text: "\\n" not in text
    )
    return st.builds(
        Event,
        title=body.filter(bool),
        text=body,
        timestamp=_optional_timestamps(),
        host=_hosts(),
        aggregation_key=st.none() | texts("|", min_size=1),
        priority=st.sampled_from(["normal", "low"]),
        source_type_name=st.none() | texts("|", min_size=1),
        alert_type=st.sampled_from(["error", "warning", "info", "success"]),
        tags=tags(),
        origin=origins(),
        unknown_fields=st.just(0),
        warnings=st.just(()),
    )


def service_checks() -> SearchStrategy[ServiceCheck]:
    """Service checks of every status."""
    return st.builds(
        ServiceCheck,
        name=texts("|", min_size=1),
        status=st.sampled_from(ServiceStatus),
        timestamp=_optional_timestamps(),
        host=_hosts(),
        message=texts("|"),
        tags=tags(),
        origin=origins(),
        unknown_fields=st.just(0),
        warnings=st.just(()),
    )


def messages() -> SearchStrategy[Message]:
    """Any message that the protocol can carry."""
    return st.one_of(samples(), events(), service_checks())


def valid_lines() -> SearchStrategy[bytes]:
    """Lines that are accepted, without their newline."""
    return messages().map(format_message)


def lines() -> SearchStrategy[bytes]:
    """Lines without a newline: valid, nearly valid, and noise."""
    nearly = st.lists(st.sampled_from(_FRAGMENTS), max_size=20).map("".join)
    headed = st.builds(
        "{}{}".format,
        st.sampled_from(["a:1|c|", "a:1:2|g|", "_e{5,4}:title|text|", "_sc|a|0|"]),
        nearly,
    )
    # Lengths that are wrong, and lengths that end within characters.
    misled = st.builds(
        "_e{{{},{}{}:{}{}".format,
        st.integers(0, 9),
        st.integers(0, 9),
        st.sampled_from("}ü"),
        st.text("aü|\\n", max_size=9),
        nearly,
    )
    noise = st.binary(max_size=60).map(lambda raw: raw.replace(b"\n", b""))
    return st.one_of(
        valid_lines(),
        nearly.map(str.encode),
        headed.map(str.encode),
        misled.map(str.encode),
        noise,
        st.builds(_damage, valid_lines(), st.integers(0), st.binary(max_size=2)),
    )


def packets(max_bytes: int = 8192) -> SearchStrategy[bytes]:
    """Datagrams of several lines, the last with or without its newline.

    Args:
        max_bytes: the greatest size of a packet.
    """
    joined = st.builds(
        _join, st.lists(lines(), max_size=5), st.sampled_from([b"", b"\n"])
    )
    return joined.filter(lambda packet: len(packet) <= max_bytes)


def streams() -> SearchStrategy[tuple[list[bytes], bytes]]:
    """Packets, with the bytes that carry them over a Unix stream socket.

    Each packet follows its length, a little-endian uint32. You may cut the bytes
    anywhere.
    """
    return st.lists(packets(), max_size=5).map(_frame)


def _join(lines: list[bytes], end: bytes) -> bytes:
    return b"\n".join(lines) + end


def _frame(packets: list[bytes]) -> tuple[list[bytes], bytes]:
    frames = [len(packet).to_bytes(4, "little") + packet for packet in packets]
    return packets, b"".join(frames)


def _damage(line: bytes, position: int, replacement: bytes) -> bytes:
    position %= len(line)
    damaged = line[:position] + replacement + line[position + 1 :]
    return damaged.replace(b"\n", b"")


def _optional_timestamps() -> SearchStrategy[int | None]:
    timestamps = st.integers(-_MAX_INT64 - 1, _MAX_INT64)
    return st.none() | timestamps.filter(bool)


def _hosts() -> SearchStrategy[str | None]:
    # A host is written in the field h:, but "no host" can only be written as a tag.
    return st.none() | texts("|")
