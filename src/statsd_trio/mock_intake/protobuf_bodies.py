"""Read protobuf bodies of series and sketches, one item at a time.

The items come one at a time so that a caller can pause between them. Known fields are
checked more strictly than protobuf demands: a wrong wire type is an error. Unknown
fields are skipped, as in protobuf.

Source: agent-payload, proto/metrics/agent_payload.proto (MetricPayload and
SketchPayload).
"""

from collections.abc import Iterator

from statsd_trio.mock_intake.received import (
    PayloadError,
    ReceivedOrigin,
    ReceivedPoint,
    ReceivedResource,
    ReceivedSeries,
    ReceivedSketch,
    ReceivedSketchPoint,
    ReceivedType,
)
from statsd_trio.mock_intake.wire import (
    FieldValue,
    as_bytes,
    as_double,
    as_signed,
    as_text,
    as_unsigned,
    read_fields,
    read_varints,
    unzigzag,
)


def read_series_protobuf(body: bytes) -> Iterator[ReceivedSeries]:
    """Yield the series of a MetricPayload.

    Raises:
        WireError: if the bytes are not such a message.
        PayloadError: if a series is not valid.
    """
    for number, value in read_fields(body):
        if number == 1:
            yield _read_one_series(as_bytes(value, "series"))


def read_sketches_protobuf(body: bytes) -> Iterator[ReceivedSketch]:
    """Yield the sketches of a SketchPayload.

    Raises:
        WireError: if the bytes are not such a message.
        PayloadError: if a sketch is not valid.
    """
    for number, value in read_fields(body):
        if number == 1:
            yield _read_one_sketch(as_bytes(value, "sketches"))
        elif number == 2:
            # CommonMetadata: the Agent sends it empty, but it must be a message.
            for _ in read_fields(as_bytes(value, "metadata")):
                pass


def _read_one_series(data: bytes) -> ReceivedSeries:  # noqa: C901 -- a case a field
    name = unit = source_type_name = ""
    number = interval = 0
    origin: ReceivedOrigin | None = None
    resources: list[ReceivedResource] = []
    tags: list[str] = []
    points: list[ReceivedPoint] = []
    for field, value in read_fields(data):
        match field:
            case 1:
                resources.append(_read_resource(as_bytes(value, "resources")))
            case 2:
                name = as_text(value, "metric")
            case 3:
                tags.append(as_text(value, "tags"))
            case 4:
                points.append(_read_point(as_bytes(value, "points")))
            case 5:
                number = as_unsigned(value, "type")
            case 6:
                unit = as_text(value, "unit")
            case 7:
                source_type_name = as_text(value, "source_type_name")
            case 8:
                interval = as_signed(value, "interval")
            case 9:
                origin = _read_metadata(as_bytes(value, "metadata"))
            case _:
                pass
    try:
        series_type = ReceivedType.from_number(number)
    except PayloadError as error:
        raise PayloadError(f"series {name!r}: {error}") from error
    return ReceivedSeries(
        name=name,
        type=series_type,
        points=tuple(points),
        tags=tuple(tags),
        resources=tuple(resources),
        interval=interval,
        unit=unit,
        source_type_name=source_type_name,
        origin=origin,
    )


def _read_resource(data: bytes) -> ReceivedResource:
    kind = name = ""
    for field, value in read_fields(data):
        if field == 1:
            kind = as_text(value, "resource type")
        elif field == 2:
            name = as_text(value, "resource name")
    return ReceivedResource(kind, name)


def _read_point(data: bytes) -> ReceivedPoint:
    number = 0.0
    timestamp = 0
    for field, value in read_fields(data):
        if field == 1:
            number = as_double(value, "point value")
        elif field == 2:
            timestamp = as_signed(value, "point timestamp")
    return ReceivedPoint(timestamp, number)


def _read_metadata(data: bytes) -> ReceivedOrigin | None:
    origin: ReceivedOrigin | None = None
    for field, value in read_fields(data):
        if field == 1:
            origin = _read_origin(as_bytes(value, "origin"))
    return origin


def _read_origin(data: bytes) -> ReceivedOrigin:
    product = category = service = 0
    for field, value in read_fields(data):
        if field == 4:
            product = as_unsigned(value, "origin_product")
        elif field == 5:
            category = as_unsigned(value, "origin_category")
        elif field == 6:
            service = as_unsigned(value, "origin_service")
    return ReceivedOrigin(product, category, service)


def _read_one_sketch(data: bytes) -> ReceivedSketch:
    name = host = ""
    origin: ReceivedOrigin | None = None
    tags: list[str] = []
    points: list[ReceivedSketchPoint] = []
    for field, value in read_fields(data):
        match field:
            case 1:
                name = as_text(value, "metric")
            case 2:
                host = as_text(value, "host")
            case 4:
                tags.append(as_text(value, "tags"))
            case 7:
                points.append(_read_sketch_point(as_bytes(value, "dogsketches")))
            case 8:
                origin = _read_metadata(as_bytes(value, "metadata"))
            case _:
                pass
    return ReceivedSketch(
        name=name, points=tuple(points), tags=tuple(tags), host=host, origin=origin
    )


def _read_sketch_point(data: bytes) -> ReceivedSketchPoint:
    timestamp = count = 0
    # min, max, average, sum: fields 3 to 6.
    summary = [0.0, 0.0, 0.0, 0.0]
    keys: list[int] = []
    counts: list[int] = []
    for field, value in read_fields(data):
        match field:
            case 1:
                timestamp = as_signed(value, "ts")
            case 2:
                count = as_signed(value, "cnt")
            case 3 | 4 | 5 | 6:
                summary[field - 3] = as_double(value, "min, max, avg or sum")
            case 7:
                keys.extend(unzigzag(key, "k") for key in _unpack(value, "k"))
            case 8:
                counts.extend(as_unsigned(n, "n") for n in _unpack(value, "n"))
            case _:
                pass
    minimum, maximum, average, total = summary
    return ReceivedSketchPoint(
        timestamp=timestamp,
        count=count,
        min=minimum,
        max=maximum,
        average=average,
        sum=total,
        keys=tuple(keys),
        counts=tuple(counts),
    )


def _unpack(value: FieldValue, name: str) -> Iterator[int]:
    """Yield a repeated varint field, which may be packed or not."""
    if isinstance(value, int):
        return iter((value,))
    return read_varints(as_bytes(value, name))
