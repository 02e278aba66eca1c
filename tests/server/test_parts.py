import pytest

from statsd_trio.config import Config
from statsd_trio.server.parts import open_destinations

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


def test_compression_of_the_configuration_is_the_destinations(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: dict[str, object] = {}
    monkeypatch.setattr(
        "statsd_trio.sinks.datadog.destination.open_datadog_destination",
        lambda _endpoints, **settings: given.update(settings),
    )

    open_destinations(Config(api_key=KEY, compression="zstd", compression_level=7))

    assert (given["compression"], given["compression_level"]) == ("zstd", 7)
