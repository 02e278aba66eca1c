import inspect
from pathlib import Path
from typing import Any

import attrs
import pytest

from statsd_trio.config import Config
from statsd_trio.config.option_types.addresses import ROUTE_NAMES
from statsd_trio.config.options import OPTIONS
from statsd_trio.server.destinations import open_destinations
from statsd_trio.sinks.datadog.opening import open_datadog_destination
from statsd_trio.sinks.datadog.routes import DatadogRoute
from statsd_trio.sinks.delivery.settings import DeliverySettings
from statsd_trio.sinks.memory import MemorySink
from statsd_trio.sinks.sink_caller import SinkCaller
from statsd_trio.sinks.sink_runner import SinkRunner

KEY = "0123456789abcdef0123456789abcdef"


def test_credentials_of_an_intake_are_no_part_of_its_name() -> None:
    config = Config(
        api_key=KEY,
        dd_url="http://user:hunter2@main.example",
        additional_endpoints={"http://user:hunter2@more.example": [KEY]},
    )

    [destination] = open_destinations(config)

    assert [ledger.name for ledger in destination.ledgers()] == [
        "datadog:http://main.example",
        "datadog:http://more.example",
    ]


def test_an_intake_gets_everything_once_for_each_key() -> None:
    config = Config(
        api_key=KEY,
        dd_url="http://main.example",
        additional_endpoints={
            "http://main.example/": [KEY, "another-key", f" {KEY} "],
            "http://more.example": ["one-key", "one-key"],
        },
    )

    [destination] = open_destinations(config)

    assert [ledger.name for ledger in destination.ledgers()] == [
        "datadog:http://main.example",
        "datadog:http://main.example",
        "datadog:http://more.example",
    ]


def test_a_key_that_is_asked_for_may_be_any() -> None:
    async def ask() -> str:
        return KEY

    config = Config(
        api_key=ask,
        dd_url="http://main.example",
        additional_endpoints={"http://main.example": [KEY]},
    )

    [destination] = open_destinations(config)

    assert len(destination.ledgers()) == 2


def test_routes_are_called_the_same_in_the_configuration_and_on_their_way() -> None:
    assert [route.word for route in DatadogRoute] == list(ROUTE_NAMES)


def test_destination_that_is_told_nothing_does_as_the_options_say() -> None:
    parameters = inspect.signature(open_datadog_destination).parameters
    given = {name: parameter.default for name, parameter in parameters.items()}
    given |= {field.name: field.default for field in attrs.fields(DeliverySettings)}
    defaults = {name: given[name] for name in OPTIONS.keys() & given.keys()}

    assert len(defaults) == 12
    assert defaults == {name: OPTIONS[name].default for name in defaults}


def test_compression_of_the_configuration_is_the_destinations(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: dict[str, object] = {}

    def open_another(_accounts: object, _: object, **options: object) -> SinkRunner:
        given.update(options)
        return SinkRunner(SinkCaller("another", MemorySink()))

    monkeypatch.setattr(
        "statsd_trio.sinks.datadog.opening.open_datadog_destination", open_another
    )

    open_destinations(Config(api_key=KEY, compression="zstd", compression_level=7))

    assert (given["compression"], given["compression_level"]) == ("zstd", 7)


@pytest.mark.parametrize(
    ("option", "shown"),
    [
        ("otlp_ca_file", "otlp_ca_file (OTEL_EXPORTER_OTLP_CERTIFICATE)"),
        ("ca_file", "ca_file"),
    ],
)
def test_unreadable_ca_file_of_otlp_is_blamed_on_the_option_that_names_it(
    option: str, shown: str, tmp_path: Path
) -> None:
    path = str(tmp_path / "ca.pem")
    changes: dict[str, Any] = {option: path}
    config = Config(sinks=["otlp"], **changes)

    with pytest.raises(OSError, match="could not read the CA file") as info:
        open_destinations(config)

    assert path in str(info.value)
    assert str(info.value).endswith(f". Check {shown}.")
