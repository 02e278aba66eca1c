from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from delivery_harness import take_delivery_settings
from fake_intake import FakeIntake
from snapshots import EPOCH

from statsd_trio.sinks.datadog.keys import ApiKey, KeySource
from statsd_trio.sinks.datadog.opening import Account, open_datadog_destination
from statsd_trio.sinks.sink_runner import SinkRunner


def open_datadog(accounts: Sequence[Account], **options: Any) -> SinkRunner:
    """Open a destination, with the settings of delivery among the other options."""
    settings = take_delivery_settings(options)
    return open_datadog_destination(accounts, settings, **options)


class DatadogHarness:
    """Destinations that all deliver to one fake intake.

    Attributes:
        intake: what answers them.
    """

    def __init__(self) -> None:
        self.intake = FakeIntake()

    def open(
        self,
        endpoints: Mapping[str, Sequence[KeySource | ApiKey]] | None = None,
        *,
        accounts: Sequence[Account] = (),
        **options: Any,
    ) -> SinkRunner:
        """Open a destination: by default of one endpoint, and without chance."""
        endpoints = endpoints or {"https://api.example.com": ["secret-key"]}
        pairs = [(url, key) for url, keys in endpoints.items() for key in keys]
        return open_datadog(
            accounts
            or [
                Account(url, key, is_additional=number > 0)
                for number, (url, key) in enumerate(pairs)
            ],
            **{
                "transport": self.intake,
                "wall_clock": lambda: EPOCH,
                "choose_fraction": lambda: 0.0,
                **options,
            },
        )


@pytest.fixture
def harness() -> DatadogHarness:
    return DatadogHarness()
