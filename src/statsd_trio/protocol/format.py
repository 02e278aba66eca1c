"""Format a message as a line, which is the reverse of parsing it.

A program can build a message that the protocol cannot carry: with a comma in a tag, for
example, or a rate of 2. Instead of a rule for each such case, the finished line is
parsed again and must give the same message.
"""

import attrs

from statsd_trio.errors import ParseError
from statsd_trio.protocol.messages import (
    ClientOrigin,
    Event,
    Message,
    MetricType,
    Sample,
    ServiceCheck,
)
from statsd_trio.protocol.parser import parse_message


def format_message(message: Message) -> bytes:
    """Return *message* as one line, without a newline.

    The fields ``unknown_fields``, ``is_repaired``, ``dropped`` and ``warnings``
    describe how a line was parsed and are not written. Apart from them,
    ``parse_message(format_message(message)) == message``.

    Raises:
        ValueError: if the protocol has no way to write *message*.
    """
    if isinstance(message, Sample):
        parts = _format_sample(message)
    elif isinstance(message, Event):
        parts = _format_event(message)
    else:
        parts = _format_service_check(message)
    text = "|".join(parts)
    # The parser drops a trailing ``\r``; an empty last field keeps it from dropping one
    # that belongs to the message.
    line = (f"{text}|" if text.endswith("\r") else text).encode()
    _check_read_back(line, message)
    return line


def _check_read_back(line: bytes, message: Message) -> None:
    if b"\n" in line:
        raise ValueError(f"no line can carry the newline in {message!r}")
    try:
        reread = parse_message(line)
    except ParseError as error:
        raise ValueError(f"no line can carry {message!r}: {error.message}") from error
    if type(reread) is not type(message):
        raise ValueError(f"no line can carry {message!r}: it reads as {reread!r}")
    for field in attrs.fields(type(message)):
        if field.name in {"unknown_fields", "is_repaired", "dropped", "warnings"}:
            continue
        wanted, got = getattr(message, field.name), getattr(reread, field.name)
        if wanted != got:
            raise ValueError(
                f"no line can carry {field.name}={wanted!r}: it reads as {got!r}"
            )


def _format_sample(sample: Sample) -> list[str]:
    if sample.type is MetricType.SET:
        value = "".join(map(str, sample.values))
    else:
        value = ":".join([_format_number(value) for value in sample.values])
    parts = [f"{sample.name}:{value}", sample.type.value]
    if sample.sample_rate != 1.0:
        parts.append(f"@{_format_number(sample.sample_rate)}")
    parts += _format_tags(sample.tags, sample.host, sample.origin)
    if sample.timestamp is not None:
        parts.append(f"T{sample.timestamp}")
    return parts + _format_origin(sample.origin)


def _format_event(event: Event) -> list[str]:
    title = event.title.replace("\n", "\\n")
    text = event.text.replace("\n", "\\n")
    lengths = f"{len(title.encode())},{len(text.encode())}"
    parts = [f"_e{{{lengths}}}:{title}", text]
    if event.timestamp is not None:
        parts.append(f"d:{event.timestamp}")
    if event.host:
        parts.append(f"h:{event.host}")
    if event.aggregation_key is not None:
        parts.append(f"k:{event.aggregation_key}")
    if event.priority != "normal":
        parts.append(f"p:{event.priority}")
    if event.source_type_name is not None:
        parts.append(f"s:{event.source_type_name}")
    if event.alert_type != "info":
        parts.append(f"t:{event.alert_type}")
    no_host = "" if event.host == "" else None
    parts += _format_tags(event.tags, no_host, event.origin)
    return parts + _format_origin(event.origin)


def _format_service_check(check: ServiceCheck) -> list[str]:
    parts = ["_sc", check.name, str(check.status.value)]
    if check.timestamp is not None:
        parts.append(f"d:{check.timestamp}")
    if check.host:
        parts.append(f"h:{check.host}")
    no_host = "" if check.host == "" else None
    parts += _format_tags(check.tags, no_host, check.origin)
    parts += _format_origin(check.origin)
    if check.message:
        # The message comes last, as Datadog's documentation asks of clients.
        parts.append(f"m:{check.message}")
    return parts


def _format_number(number: float | str) -> str:
    return repr(float(number)).removesuffix(".0")


def _format_tags(
    tags: tuple[str, ...], host: str | None, origin: ClientOrigin | None
) -> list[str]:
    items = list(tags)
    if host is not None:
        items.append(f"host:{host}")
    if origin is not None and origin.entity_id is not None:
        items.append(f"dd.internal.entity_id:{origin.entity_id}")
    if origin is not None and origin.jmx_check_name is not None:
        items.append(f"dd.internal.jmx_check_name:{origin.jmx_check_name}")
    if items == [""]:
        # "#" alone means no tags at all, so a reserved tag without a meaning is added
        # to keep a single empty tag.
        items.append("dd.internal.entity_id:")
    return ["#" + ",".join(items)] if items else []


def _format_origin(origin: ClientOrigin | None) -> list[str]:
    if origin is None:
        return []
    local_data: list[str] = []
    if origin.container_id is not None:
        local_data.append(f"ci-{origin.container_id}")
    if origin.cgroup_inode is not None:
        local_data.append(f"in-{origin.cgroup_inode}")
    parts = ["c:" + ",".join(local_data)] if local_data else []
    if origin.external_data is not None:
        parts.append(f"e:{origin.external_data}")
    if origin.cardinality is not None:
        parts.append(f"card:{origin.cardinality}")
    return parts
