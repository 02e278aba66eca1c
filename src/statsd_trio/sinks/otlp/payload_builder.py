"""Build payloads of OTLP from data points, uncompressed and of limited size.

Protobuf messages can be concatenated, so every point is encoded once, and the messages
around the points are put together from encoded parts. A payload is closed if the next
point could make it exceed `MAX_BYTES`; the same metric continues in the next payload.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    ExponentialHistogram,
    Metric,
    Sum,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as ResourceMessage

from statsd_trio.sinks.delivery.compression import IDENTITY
from statsd_trio.sinks.delivery.payload import Dropped, Fault, Payload
from statsd_trio.sinks.delivery.protobuf import encode_field
from statsd_trio.sinks.otlp.attributes import (
    Resource,
    complete_resource,
    describe_text,
)
from statsd_trio.sinks.otlp.metric_groups import MetricKey
from statsd_trio.sinks.otlp.metrics import CUMULATIVE, DELTA, DataPoints
from statsd_trio.sinks.otlp.routes import OtlpRoute
from statsd_trio.version import __version__

# The size before compression. It is half of what nginx accepts by default, and a body
# is closed within 2 ms.
MAX_BYTES: Final = 512 * 1024

# More than the lengths and numbers of the messages around a point, a metric or a
# resource.
_OVERHEAD: Final = 32

# The numbers of fields. Source: opentelemetry-proto, metrics/v1/metrics.proto,
# logs/v1/logs.proto.
_RESOURCES: Final = 1  # of a request
_RESOURCE: Final = 1  # of ResourceMetrics and ResourceLogs
_SCOPES: Final = 2
_SCOPE: Final = 1  # of ScopeMetrics and ScopeLogs
_ITEMS: Final = 2
_POINTS: Final = 1  # of Sum, Gauge and ExponentialHistogram
_KINDS: Final[Mapping[str, int]] = {"gauge": 5, "sum": 7, "histogram": 10}


_SCOPE_FIELD: Final = encode_field(
    _SCOPE,
    InstrumentationScope(name="statsd_trio", version=__version__).SerializeToString(),
)


class MetricsBuilder:
    """Puts points into payloads; points of one metric must come one after the other."""

    def __init__(self, defaults: Mapping[str, str], max_bytes: int = MAX_BYTES) -> None:
        """Begin a payload.

        Args:
            defaults: attributes of each resource.
            max_bytes: the greatest size of a body.
        """
        self._defaults = defaults
        self._max_bytes = max_bytes
        self._payloads: list[Payload | Dropped] = []
        self._begin()

    def add(self, points: DataPoints) -> Sequence[Payload | Dropped]:
        """Add *points*; return the payloads that were closed before."""
        if (points.resource, points.metric) != (self._resource, self._metric):
            self._open(points.resource, points.metric)
        count = points.points
        size = sum(map(len, points.encoded)) + _OVERHEAD * len(points.encoded)
        if self._size + size > self._max_bytes and self._count:
            self._close()
            self._open(points.resource, points.metric)
        if self._size + size > self._max_bytes:
            self._payloads.append(
                Dropped(OtlpRoute.METRICS, points.metric.name, count, Fault.OVERSIZE)
            )
        else:
            self._points += [encode_field(_POINTS, one) for one in points.encoded]
            self._size += size
            self._count += count
        return self._take()

    def close(self) -> Sequence[Payload | Dropped]:
        """Return the last payload."""
        self._close()
        return self._take()

    def _take(self) -> Sequence[Payload | Dropped]:
        taken, self._payloads = self._payloads, []
        return taken

    def _begin(self) -> None:
        self._size = 0
        self._count = 0
        self._resource: Resource | None = None
        self._resource_data = b""
        self._metric: MetricKey | None = None
        self._points: list[bytes] = []
        self._metrics: list[bytes] = []
        self._resources: list[bytes] = []

    def _open(self, resource: Resource, metric: MetricKey) -> None:
        self._close_metric()
        if resource != self._resource:
            self._close_resource()
            self._resource = resource
            self._resource_data = encode_resource(resource, self._defaults)
            self._size += _OVERHEAD + len(self._resource_data) + len(_SCOPE_FIELD)
        self._metric = metric
        self._size += _OVERHEAD + len(metric.name.encode()) + len(metric.unit)

    def _close_metric(self) -> None:
        if self._metric is not None and self._points:
            self._metrics.append(_encode_metric(self._metric, self._points))
        self._points = []

    def _close_resource(self) -> None:
        if self._resource is not None and self._metrics:
            self._resources.append(
                encode_resource_items(self._resource_data, self._metrics)
            )
        self._metrics = []

    def _close(self) -> None:
        self._close_metric()
        self._close_resource()
        if self._resources:
            body = b"".join(self._resources)
            self._payloads.append(
                Payload(OtlpRoute.METRICS, IDENTITY, self._count, body)
            )
        self._begin()


def encode_resource(resource: Resource, defaults: Mapping[str, str]) -> bytes:
    """Encode a resource with all its attributes."""
    complete = complete_resource(resource, defaults)
    return ResourceMessage(
        attributes=[describe_text(key, value) for key, value in complete.items()]
    ).SerializeToString()


def encode_resource_items(resource: bytes, items: Sequence[bytes]) -> bytes:
    """Encode metrics or log records of one *resource*, as a part of a request."""
    scope = b"".join([_SCOPE_FIELD, *[encode_field(_ITEMS, item) for item in items]])
    return encode_field(
        _RESOURCES, encode_field(_RESOURCE, resource) + encode_field(_SCOPES, scope)
    )


def _encode_metric(metric: MetricKey, points: Sequence[bytes]) -> bytes:
    temporality = DELTA if metric.is_delta else CUMULATIVE
    rest = b""
    if metric.kind == "sum":
        rest = Sum(
            aggregation_temporality=temporality, is_monotonic=metric.is_monotonic
        ).SerializeToString()
    elif metric.kind == "histogram":
        rest = ExponentialHistogram(
            aggregation_temporality=temporality
        ).SerializeToString()
    head = Metric(name=metric.name, unit=metric.unit).SerializeToString()
    return head + encode_field(_KINDS[metric.kind], b"".join(points) + rest)
