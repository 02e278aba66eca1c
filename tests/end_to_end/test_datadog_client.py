"""From Datadog's own Python client to the intake, with every field."""

from collections.abc import Callable
from functools import partial

import pytest
import trio
from datadog.dogstatsd.base import DogStatsd

from statsd_trio import Config, Server, serve
from statsd_trio.mock_intake import open_mock_intake
from statsd_trio.mock_intake.received import ReceivedEvent, ReceivedServiceCheck

TIME = 1_657_100_430


def open_client(server: Server) -> DogStatsd:
    address = server.addresses[0]
    assert isinstance(address, tuple)
    host, port = address
    return DogStatsd(
        host=host,
        port=port,
        disable_buffering=True,
        disable_telemetry=True,
        origin_detection_enabled=False,
    )


def send_event(client: DogStatsd) -> None:
    client.event(
        "Größe | title",
        "first\nsecond | text",
        alert_type="warning",
        aggregation_key="key",
        source_type_name="nagios",
        date_happened=TIME,
        priority="low",
        tags=["env:prod"],
        hostname="web-1",
    )


def send_service_check(client: DogStatsd) -> None:
    client.service_check(
        "db.up",
        DogStatsd.CRITICAL,
        tags=["env:prod"],
        timestamp=TIME,
        hostname="db-1",
        message="down",
    )


@pytest.mark.parametrize(
    ("send", "event", "check"),
    [
        (
            send_event,
            (
                ReceivedEvent(
                    title="Größe | title",
                    text="first\nsecond | text",
                    timestamp=TIME,
                    tags=("env:prod",),
                    host="web-1",
                    priority="low",
                    alert_type="warning",
                    aggregation_key="key",
                    source_type_name="nagios",
                ),
            ),
            (),
        ),
        (
            send_service_check,
            (),
            (
                ReceivedServiceCheck(
                    name="db.up",
                    status=2,
                    timestamp=TIME,
                    tags=("env:prod",),
                    host="db-1",
                    message="down",
                ),
            ),
        ),
    ],
)
async def test_what_the_client_sends_arrives_with_every_field(
    send: Callable[[DogStatsd], None],
    event: tuple[ReceivedEvent, ...],
    check: tuple[ReceivedServiceCheck, ...],
) -> None:
    async with open_mock_intake() as intake:
        config = Config(
            host="127.0.0.1",
            port=0,
            api_key="k" * 32,
            dd_url=intake.url,
            no_proxy=("127.0.0.1",),
            self_metrics=False,
        )
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                server: Server = await nursery.start(partial(serve, config))
                client = open_client(server)
                send(client)
                client.close_socket()
                # What the kernel holds is read at the stop, and delivered.
                nursery.cancel_scope.cancel()
        assert intake.events == event
        assert intake.service_checks == check
