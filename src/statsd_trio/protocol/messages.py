"""The messages that a line can hold: a metric sample, an event, a service check."""

import enum

import attrs

from statsd_trio.errors import Reason


class MetricType(enum.StrEnum):
    """The type of a metric, as it is written in a line."""

    COUNTER = "c"
    GAUGE = "g"
    HISTOGRAM = "h"
    TIMER = "ms"
    SET = "s"
    DISTRIBUTION = "d"


class ServiceStatus(enum.IntEnum):
    """The status of a service check."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


@attrs.frozen
class ClientOrigin:
    """What a client says about where it runs; it is not part of the context.

    Attributes:
        container_id: from ``c:``, without its prefix.
        cgroup_inode: from ``c:in-``.
        external_data: the value of ``e:`` as sent.
        cardinality: from ``card:``, or from the tag ``dd.internal.card:`` if that field
            is missing.
        entity_id: from the tag ``dd.internal.entity_id:``.
        jmx_check_name: from the tag ``dd.internal.jmx_check_name:``; "" for a check
            without a name.
    """

    container_id: str | None = None
    cgroup_inode: int | None = None
    external_data: str | None = None
    cardinality: str | None = None
    entity_id: str | None = None
    jmx_check_name: str | None = None


# Without slots: a sample is made for every line that was not seen before, and a frozen
# class with slots takes nearly twice as long to fill (1.26 against 0.69 us for these
# nine fields).
@attrs.frozen(slots=False)
class Sample:
    """One metric line: a name, a type and the values packed into it.

    Attributes:
        values: finite numbers; for a set, the one raw string.
        sample_rate: in (0, 1]; 1 if the line had a rate out of this range where rates
            mean nothing, as on a gauge.
        tags: as sent, in order, without the reserved tags that became a field;
            ``device:`` and ``dd.internal.resource:`` stay until a series is built.
        timestamp: unix seconds from ``T``; None if the line had no timestamp.
        host: None for the server's own host, "" for no host at all.
        unknown_fields: how many fields were ignored.
        dropped: the reason for each value that is missing in *values* because it was
            NaN or infinite.
        is_repaired: whether bytes that are not UTF-8 were replaced by U+FFFD.
    """

    name: str
    type: MetricType
    values: tuple[float, ...] | tuple[str, ...]
    sample_rate: float = 1.0
    tags: tuple[str, ...] = ()
    timestamp: int | None = None
    host: str | None = None
    origin: ClientOrigin | None = None
    unknown_fields: int = 0
    dropped: tuple[Reason, ...] = ()
    is_repaired: bool = False


@attrs.frozen
class Event:
    """One event line.

    Attributes:
        timestamp: unix seconds; None for the time of arrival.
        host: None for the server's own host, "" for no host at all.
        unknown_fields: how many fields were ignored.
        is_repaired: whether bytes that are not UTF-8 were replaced by U+FFFD.
        warnings: why fields were ignored, one sentence per field.
    """

    title: str
    text: str
    timestamp: int | None = None
    host: str | None = None
    aggregation_key: str | None = None
    priority: str = "normal"
    source_type_name: str | None = None
    alert_type: str = "info"
    tags: tuple[str, ...] = ()
    origin: ClientOrigin | None = None
    unknown_fields: int = 0
    warnings: tuple[str, ...] = ()
    is_repaired: bool = False


@attrs.frozen
class ServiceCheck:
    """One service check line.

    Attributes:
        timestamp: unix seconds; None for the time of arrival.
        host: None for the server's own host, "" for no host at all.
        unknown_fields: how many fields were ignored.
        is_repaired: whether bytes that are not UTF-8 were replaced by U+FFFD.
        warnings: why fields were ignored, one sentence per field.
    """

    name: str
    status: ServiceStatus
    timestamp: int | None = None
    host: str | None = None
    message: str = ""
    tags: tuple[str, ...] = ()
    origin: ClientOrigin | None = None
    unknown_fields: int = 0
    warnings: tuple[str, ...] = ()
    is_repaired: bool = False


Message = Sample | Event | ServiceCheck
