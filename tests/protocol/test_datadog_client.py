"""What Datadog's own Python client sends, read back with every field."""

import socket
from collections.abc import Iterator

import pytest
from datadog.dogstatsd.base import DogStatsd

from statsd_trio.protocol import (
    ClientOrigin,
    Event,
    Message,
    MetricType,
    Sample,
    ServiceCheck,
    ServiceStatus,
    parse_message,
)


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(60)
        yield listening


@pytest.fixture
def client(server: socket.socket) -> Iterator[DogStatsd]:
    client = DogStatsd(
        host="127.0.0.1",
        port=server.getsockname()[1],
        disable_buffering=True,
        disable_telemetry=True,
        origin_detection_enabled=False,
    )
    yield client
    client.close_socket()


def receive(server: socket.socket) -> Message:
    return parse_message(server.recv(8192).removesuffix(b"\n"))


def test_a_counter_arrives_with_its_tags(
    server: socket.socket, client: DogStatsd
) -> None:
    client.increment("page.views", 3, tags=["env:prod", "a"], sample_rate=1)
    assert receive(server) == Sample(
        "page.views", MetricType.COUNTER, (3.0,), tags=("env:prod", "a")
    )


@pytest.mark.parametrize(
    ("method", "metric_type", "value", "expected"),
    [
        ("gauge", MetricType.GAUGE, -1.5, (-1.5,)),
        ("histogram", MetricType.HISTOGRAM, 1e21, (1e21,)),
        ("timing", MetricType.TIMER, 12, (12.0,)),
        ("distribution", MetricType.DISTRIBUTION, 0.25, (0.25,)),
        ("set", MetricType.SET, "ann:b", ("ann:b",)),
    ],
)
def test_each_type_arrives(
    server: socket.socket,
    client: DogStatsd,
    method: str,
    metric_type: MetricType,
    value: float | str,
    expected: tuple[float, ...] | tuple[str, ...],
) -> None:
    getattr(client, method)("name", value)
    assert receive(server) == Sample("name", metric_type, expected)


def test_a_timestamp_arrives(server: socket.socket, client: DogStatsd) -> None:
    client.gauge_with_timestamp("name", 1, 1_657_100_430)
    assert receive(server) == Sample(
        "name", MetricType.GAUGE, (1.0,), timestamp=1_657_100_430
    )


def test_an_event_arrives_with_every_field(
    server: socket.socket, client: DogStatsd
) -> None:
    client.event(
        "Größe | title",
        "first\nsecond | text",
        alert_type="warning",
        aggregation_key="key",
        source_type_name="nagios",
        date_happened=1_657_100_430,
        priority="low",
        tags=["env:prod"],
        hostname="web-1",
        cardinality="low",
    )
    assert receive(server) == Event(
        title="Größe | title",
        text="first\nsecond | text",
        timestamp=1_657_100_430,
        host="web-1",
        aggregation_key="key",
        priority="low",
        source_type_name="nagios",
        alert_type="warning",
        tags=("env:prod",),
        origin=ClientOrigin(cardinality="low"),
    )


def test_a_service_check_arrives_with_every_field(
    server: socket.socket, client: DogStatsd
) -> None:
    client.service_check(
        "db.up",
        DogStatsd.CRITICAL,
        tags=["env:prod"],
        timestamp=1_657_100_430,
        hostname="db-1",
        message="down",
        cardinality="high",
    )
    assert receive(server) == ServiceCheck(
        name="db.up",
        status=ServiceStatus.CRITICAL,
        timestamp=1_657_100_430,
        host="db-1",
        message="down",
        tags=("env:prod",),
        origin=ClientOrigin(cardinality="high"),
    )
