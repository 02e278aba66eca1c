"""Convert tags to attributes of points and of the resource.

``key:value`` becomes an attribute with that text. A tag without a value becomes an
attribute that is `True`: to Prometheus an empty text is the same as no attribute, so
two series that differ only in such a tag would become one. Tags with the same key
become one attribute, because a key may only be used once: their values, in the order of
the tags, separated by commas.

Source: opentelemetry-specification, common/README.md, Attribute; OpenTelemetry's
semantic conventions, resource/service.md, resource/host.md,
resource/deployment-environment.md.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import attrs
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

SERVICE_NAME: Final = "service.name"
INSTANCE_ID: Final = "service.instance.id"
HOST_NAME: Final = "host.name"

# Datadog's unified service tags, with their names in the conventions.
_RESOURCE_TAGS: Final[Mapping[str, str]] = {
    "service": SERVICE_NAME,
    "env": "deployment.environment.name",
    "version": "service.version",
}

# The name that the specification wants if a resource has none.
_UNKNOWN_SERVICE: Final = "unknown_service:statsd-trio"

# Names and values that differ from the defaults of a server.
Resource = tuple[tuple[str, str], ...]


@attrs.frozen
class Labels:
    """The attributes made from the tags of one series.

    Attributes:
        attributes: the attributes of its points.
        resource: what its tags and its host say about the resource.
        joined: how many tags have the same key as another one.
    """

    attributes: tuple[KeyValue, ...]
    resource: Resource
    joined: int


def find_resource(tags: Iterable[str], host: str) -> Resource:
    """Return what *tags* and *host* say about the resource.

    A tag that is repeated, or has no value, does not describe the resource.
    """
    found: dict[str, str] = {HOST_NAME: host}
    for tag in tags:
        key, _, value = tag.partition(":")
        name = _RESOURCE_TAGS.get(key)
        if name is not None:
            found[name] = "" if name in found else value
    return tuple([(name, value) for name, value in found.items() if value])


def read_labels(
    tags: Sequence[str], host: str, extra: Iterable[tuple[str, str]] = ()
) -> Labels:
    """Return the attributes for *tags*.

    Args:
        tags: sorted tags.
        host: "" for no host.
        extra: further attributes.

    Raises:
        ValueError: if a text is not valid Unicode, such as a lone surrogate.
    """
    resource = find_resource(tags, host)
    for _, text in resource:
        text.encode()
    names = {name for name, _ in resource}
    values: dict[str, list[str | bool]] = {}
    for tag in tags:
        key, colon, value = tag.partition(":")
        if colon and key:
            values.setdefault(key, []).append(value)
        else:
            values.setdefault(tag, []).append(True)
    for key, name in _RESOURCE_TAGS.items():
        if name in names:
            del values[key]
    for key, value in extra:
        values.setdefault(key, []).append(value)
    joined = sum(map(len, values.values())) - len(values)
    return Labels(
        tuple([_describe(key, found) for key, found in values.items()]),
        resource,
        joined,
    )


def describe_text(key: str, text: str) -> KeyValue:
    """Return one attribute."""
    return KeyValue(key=key, value=AnyValue(string_value=text))


def complete_resource(
    resource: Resource, defaults: Mapping[str, str]
) -> dict[str, str]:
    """Return all attributes of *resource*.

    What the tags and the host say takes precedence over *defaults*. If there is no
    instance of the service, the host's name is used for it. Otherwise, two hosts that
    run the same service would have the same series in Prometheus.
    """
    complete = {SERVICE_NAME: _UNKNOWN_SERVICE, **defaults, **dict(resource)}
    if HOST_NAME in complete:
        complete.setdefault(INSTANCE_ID, complete[HOST_NAME])
    return complete


def _describe(key: str, values: list[str | bool]) -> KeyValue:
    if values == [True]:
        return KeyValue(key=key, value=AnyValue(bool_value=True))
    texts = ["true" if value is True else str(value) for value in values]
    return describe_text(key, ",".join(texts))
