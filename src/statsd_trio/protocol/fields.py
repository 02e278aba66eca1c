"""Parse the parts that metrics, events and service checks share: tags and origin."""

from collections.abc import Iterable
from typing import Final, NamedTuple

import attrs

from statsd_trio.protocol.messages import ClientOrigin
from statsd_trio.protocol.numbers import parse_integer, quote

_HOST: Final = "host:"
_INTERNAL: Final = "dd.internal."
_ENTITY_ID: Final = "dd.internal.entity_id:"
_CARDINALITY: Final = "dd.internal.card:"
_JMX_CHECK_NAME: Final = "dd.internal.jmx_check_name:"

# Without a limit, the warnings about a message with many bad fields would be longer
# than the message.
_MAX_WARNINGS: Final = 8

_MAX_UINT64: Final = 2**64 - 1
_UINT64_DIGITS: Final = 20


class OriginFields(NamedTuple):
    """The text of the origin fields, without their prefixes."""

    local_data: str = ""
    external_data: str = ""
    cardinality: str = ""


class Tags(NamedTuple):
    """The tags of a line, and what its reserved tags said.

    Attributes:
        jmx_check_name: "" for a JMX check without a name; None if the line did not come
            from a JMX check.
    """

    tags: tuple[str, ...] = ()
    host: str | None = None
    entity_id: str = ""
    cardinality: str = ""
    jmx_check_name: str | None = None


@attrs.define
class SharedFields:
    """The optional fields that events and service checks share, collected one by one.

    If a field is repeated, the last valid one counts. A field with a bad value is
    skipped with a warning.
    """

    timestamp: int = 0
    host: str = ""
    tags: str = ""
    origin: OriginFields = attrs.field(factory=OriginFields)
    unknown_fields: int = 0
    warnings: list[str] = attrs.field(factory=list[str])

    def take(self, field: str) -> None:
        """Read *field* if it is a shared field; otherwise count it as unknown."""
        if field.startswith("d:"):
            timestamp = parse_integer(field[2:])
            if timestamp is None:
                self.warn(field, "a timestamp is whole seconds since 1970")
            else:
                self.timestamp = timestamp
        elif field.startswith("h:"):
            self.host = field[2:]
        elif field.startswith("#"):
            self.tags = field[1:]
        elif field.startswith("c:"):
            self.origin = self.origin._replace(local_data=field[2:])
        elif field.startswith("e:"):
            self.origin = self.origin._replace(external_data=field[2:])
        elif field.startswith("card:"):
            self.origin = self.origin._replace(cardinality=field[5:])
        elif field:
            self.unknown_fields += 1

    def warn(self, field: str, rule: str) -> None:
        """Add a warning that *field* was ignored because it broke *rule*."""
        if len(self.warnings) < _MAX_WARNINGS:
            self.warnings.append(f"The field {quote(field)} was ignored: {rule}.")


def has_reserved(text: str) -> bool:
    """Return whether *text*, the text of a tags field, may contain a reserved tag.

    This is a quick check: it may say True for a text without one, but never False for a
    text with one.
    """
    return _HOST in text or _INTERNAL in text


def split_tags(text: str, cardinality: str = "") -> Tags:
    """Split the text of a tags field, and take out the reserved tags.

    Reserved tags, such as ``host:``, are really fields. Empty tags stay, as in the
    Agent.

    Args:
        text: the field without its ``#``.
        cardinality: the value of the field ``card:``.
    """
    if not text:
        return Tags(cardinality=cardinality)
    tags = text.split(",")
    if not has_reserved(text):
        return Tags(tuple(tags), cardinality=cardinality)
    return take_reserved(tags, cardinality)


def take_reserved(tags: Iterable[str], cardinality: str = "") -> Tags:
    """Separate the reserved tags, which are really fields, from *tags*.

    If a reserved tag is repeated, the last one counts. The cardinality is the
    exception: the first one counts, and a further one stays an ordinary tag.

    Source: datadog-agent, comp/dogstatsd/server/impl/enrich.go, extractTagsMetadata.
    """
    kept: list[str] = []
    host = jmx_check_name = None
    entity_id = ""
    for tag in tags:
        if tag.startswith(_HOST):
            host = tag.removeprefix(_HOST)
        elif tag.startswith(_ENTITY_ID):
            entity_id = tag.removeprefix(_ENTITY_ID)
        elif tag.startswith(_CARDINALITY) and not cardinality:
            cardinality = tag.removeprefix(_CARDINALITY)
        elif tag.startswith(_JMX_CHECK_NAME):
            jmx_check_name = tag.removeprefix(_JMX_CHECK_NAME)
        else:
            kept.append(tag)
    return Tags(tuple(kept), host, entity_id, cardinality, jmx_check_name)


def read_origin(fields: OriginFields, tags: Tags) -> ClientOrigin | None:
    """Combine what the fields and the reserved tags say about the origin.

    Whatever cannot be understood is treated as missing; the line is still accepted.
    """
    container_id, cgroup_inode = _split_local_data(fields.local_data)
    origin = ClientOrigin(
        container_id=container_id,
        cgroup_inode=cgroup_inode,
        external_data=fields.external_data or None,
        cardinality=tags.cardinality or None,
        entity_id=tags.entity_id or None,
        jmx_check_name=tags.jmx_check_name,
    )
    return None if origin == ClientOrigin() else origin


def _split_local_data(text: str) -> tuple[str | None, int | None]:
    """Split the text of ``c:`` into a container's id and a cgroup's inode.

    Source: datadog-agent,
    comp/core/tagger/origindetection/origindetection.go.
    """
    if "," not in text:
        if text.startswith("in-"):
            return None, _parse_inode(text)
        container_id = text.removeprefix("ci-")
        if container_id == text:
            container_id = text.removeprefix("cid-")
        return container_id or None, None
    container_id = ""
    cgroup_inode = None
    for item in text.split(","):
        if item.startswith("ci-"):
            container_id = item.removeprefix("ci-")
        elif item.startswith("in-"):
            cgroup_inode = _parse_inode(item) or cgroup_inode
    return container_id or None, cgroup_inode


def _parse_inode(item: str) -> int | None:
    text = item.removeprefix("in-")
    if not (text.isascii() and text.isdigit()):
        return None
    # Python limits how many digits it converts, and counts leading zeros towards the
    # limit.
    digits = text.lstrip("0")
    if len(digits) > _UINT64_DIGITS:
        return None
    inode = int(digits or "0")
    # The Agent uses zero for "there is no inode".
    return inode if 0 < inode <= _MAX_UINT64 else None
