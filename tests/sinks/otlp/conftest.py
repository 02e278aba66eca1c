from typing import Any

import attrs
import pytest
from fake_intake import FakeIntake
from snapshots import EPOCH

from statsd_trio.sinks.delivery.settings import DeliverySettings
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
        names = attrs.fields_dict(DeliverySettings).keys() & options.keys()
        delivery: dict[str, Any] = {
            "wall_clock": lambda: EPOCH,
            "choose_fraction": lambda: 0.0,
        } | {name: options.pop(name) for name in names}
        return open_otlp_destination(
            settings or OtlpSettings(started=EPOCH),
            DeliverySettings(**delivery),
            url=url,
            transport=self.intake,
            **options,
        )


@pytest.fixture
def harness() -> OtlpHarness:
    return OtlpHarness()
