from collections.abc import Callable
from typing import Any

import attrs
import pytest

from statsd_trio.sinks.delivery.settings import DeliverySettings
from statsd_trio.sinks.otlp.opening import open_otlp_destination
from statsd_trio.sinks.otlp.settings import OtlpSettings
from statsd_trio.sinks.sink_runner import SinkRunner
from tests.sinks.datadog.conftest import (
    EPOCH,
    FakeIntake,
    run_destination,
    stop_destination,
)


@pytest.fixture
def intake() -> FakeIntake:
    return FakeIntake()


@pytest.fixture
def open_destination(intake: FakeIntake) -> Callable[..., SinkRunner]:
    """A destination without chance."""

    def open_it(settings: OtlpSettings | None = None, **options: Any) -> SinkRunner:
        names = attrs.fields_dict(DeliverySettings).keys() & options.keys()
        delivery = {
            "wall_clock": lambda: EPOCH,
            "choose_fraction": lambda: 0.0,
        } | {name: options.pop(name) for name in names}
        return open_otlp_destination(
            settings or OtlpSettings(started=EPOCH),
            DeliverySettings(**delivery),
            **{"url": "https://otlp.example.com/base", "transport": intake} | options,
        )

    return open_it


@pytest.fixture
def running() -> Any:
    """Run a destination for the length of a block, then keep what is left."""
    return run_destination


@pytest.fixture
def stop() -> Any:
    """Run a destination that is closed at once, and return how long that took."""
    return stop_destination
