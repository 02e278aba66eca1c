r"""A message in, its line out: the other direction of the parser.

``parse_message(format_message(message)) == message`` for every message that the
wire can carry; for the others `ValueError` says which part it cannot carry.
"""

from statsd_trio.protocol.messages import (
    ClientOrigin,
    Event,
    Message,
    MetricType,
    Sample,
    ServiceCheck,
)


def format_message(message: Message) -> bytes:
    """Write *message* as one line, without a newline.

    ``unknown_fields`` and ``warnings`` say how a line was read and are not written.

    Raises:
        ValueError: if the protocol has no way to write some part of *message*.
    """
    if isinstance(message, Sample):
        parts = _format_sample(message)
    elif isinstance(message, Event):
        parts = _format_event(message)
    else:
        parts = _format_service_check(message)
    line = "|".join(parts)
    # An empty field at the end keeps the parser from dropping what belongs to the
    # last one.
    return (f"{line}|" if line.endswith("\r") else line).encode()


def _format_sample(sample: Sample) -> list[str]:
    _refuse(sample.name, ":|\n", "the name")
    if not sample.name or sample.name.startswith(("_e{", "_sc")):
        raise ValueError(f"a metric cannot have the name {sample.name!r}")
    if sample.type is MetricType.SET:
        if len(sample.values) != 1 or not sample.values[0]:
            raise ValueError("a set has exactly one value, which is not empty")
        value = str(sample.values[0])
        _refuse(value, "|\n", "the value")
    else:
        value = ":".join([_format_number(value) for value in sample.values])
        if not value:
            raise ValueError("there is no value")
    parts = [f"{sample.name}:{value}", sample.type.value]
    if sample.sample_rate != 1.0:
        parts.append(f"@{_format_number(sample.sample_rate)}")
    parts += _format_tags(sample.tags, sample.host, sample.origin)
    if sample.timestamp is not None:
        parts.append(f"T{sample.timestamp}")
    return parts + _format_origin(sample.origin)


def _format_event(event: Event) -> list[str]:
    title, text = _escape(event.title, "title"), _escape(event.text, "text")
    lengths = f"{len(title.encode())},{len(text.encode())}"
    parts = [f"_e{{{lengths}}}:{title}", text]
    if event.timestamp is not None:
        parts.append(f"d:{event.timestamp}")
    if event.host:
        parts.append(_checked(f"h:{event.host}"))
    if event.aggregation_key is not None:
        parts.append(_checked(f"k:{event.aggregation_key}"))
    if event.priority != "normal":
        parts.append(_checked(f"p:{event.priority}"))
    if event.source_type_name is not None:
        parts.append(_checked(f"s:{event.source_type_name}"))
    if event.alert_type != "info":
        parts.append(_checked(f"t:{event.alert_type}"))
    no_host = "" if event.host == "" else None
    parts += _format_tags(event.tags, no_host, event.origin)
    return parts + _format_origin(event.origin)


def _format_service_check(check: ServiceCheck) -> list[str]:
    _refuse(check.name, "|\n", "the name")
    if not check.name:
        raise ValueError("a service check needs a name")
    parts = ["_sc", check.name, str(check.status.value)]
    if check.timestamp is not None:
        parts.append(f"d:{check.timestamp}")
    if check.host:
        parts.append(_checked(f"h:{check.host}"))
    no_host = "" if check.host == "" else None
    parts += _format_tags(check.tags, no_host, check.origin)
    parts += _format_origin(check.origin)
    if check.message:
        # Last, as the documentation asks of clients.
        parts.append(_checked(f"m:{check.message}"))
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
        # "#" alone means no tags; a reserved tag that says nothing keeps the empty
        # tag one of two.
        items.append("dd.internal.card:")
    for item in items:
        _refuse(item, ",|\n", "a tag")
    return ["#" + ",".join(items)] if items else []


def _format_origin(origin: ClientOrigin | None) -> list[str]:
    if origin is None:
        return []
    local_data: list[str] = []
    if origin.container_id is not None:
        _refuse(origin.container_id, ",|\n", "the container id")
        local_data.append(f"ci-{origin.container_id}")
    if origin.cgroup_inode is not None:
        local_data.append(f"in-{origin.cgroup_inode}")
    parts = ["c:" + ",".join(local_data)] if local_data else []
    if origin.external_data is not None:
        parts.append(_checked(f"e:{origin.external_data}"))
    if origin.cardinality is not None:
        parts.append(_checked(f"card:{origin.cardinality}"))
    return parts


def _escape(text: str, what: str) -> str:
    if "\\n" in text:
        raise ValueError(rf"the {what} holds a backslash and an n: read as a newline")
    return text.replace("\n", "\\n")


def _checked(field: str) -> str:
    _refuse(field, "|\n", "a field")
    return field


def _refuse(text: str, characters: str, what: str) -> None:
    for character in characters:
        if character in text:
            raise ValueError(f"{what} cannot hold {character!r}: {text!r}")
