from typing import Any

import pytest
from delivery_harness import take_delivery_settings
from fake_intake import FakeIntake
from snapshots import EPOCH

from statsd_trio.sinks.otlp.opening import open_otlp_destination
from statsd_trio.sinks.otlp.settings import OtlpSettings
from statsd_trio.sinks.sink_runner import SinkRunner


class OtlpHarness:
    """Destinations that all deliver to one fake receiver.

    Attributes:
        intake: what answers them.
    """

    def __init__(self) -> None:
        self.intake = FakeIntake()

    def open(
        self,
        settings: OtlpSettings | None = None,
        *,
        url: str = "https://otlp.example.com/base",
        **options: Any,
    ) -> SinkRunner:
        """Open a destination without chance."""
        options = {
            "wall_clock": lambda: EPOCH,
            "choose_fraction": lambda: 0.0,
            **options,
        }
        delivery = take_delivery_settings(options)
        return open_otlp_destination(
            settings or OtlpSettings(started=EPOCH),
            delivery,
            url=url,
            transport=self.intake,
            **options,
        )


@pytest.fixture
def harness() -> OtlpHarness:
    return OtlpHarness()
