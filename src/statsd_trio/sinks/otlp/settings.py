"""The settings for the conversion to OTLP that an operator may choose."""

import enum
from collections.abc import Mapping

import attrs


class Temporality(enum.StrEnum):
    """From when on the points of sums and histograms count.

    The words are those of ``OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE``.
    ``LOWMEMORY`` is the same as ``DELTA`` here: the two differ only for instruments
    that do not exist here.

    Source: opentelemetry-specification, metrics/sdk_exporters/otlp.md.
    """

    CUMULATIVE = "cumulative"
    DELTA = "delta"
    LOWMEMORY = "lowmemory"


@attrs.frozen(kw_only=True)
class OtlpSettings:
    """How snapshots are converted to OTLP.

    Attributes:
        temporality: the temporality of sums and histograms.
        sends_aggregates: whether histograms and timers are sent as the Agent's figures
            instead of exponential histograms.
        sends_events: whether events and service checks are sent, as logs.
        resource: attributes of every resource, unless its tags and host set them.
        max_series: for how many series a running total is kept; beyond it, those unused
            for the longest time begin again.
        expiry_seconds: how long a total is kept if nothing is added to it.
        started: unix time; no interval began earlier.
    """

    temporality: Temporality = Temporality.CUMULATIVE
    sends_aggregates: bool = False
    sends_events: bool = False
    resource: Mapping[str, str] = attrs.field(factory=dict[str, str])
    max_series: int = 100_000
    expiry_seconds: float = 320.0
    started: float = 0.0

    @property
    def is_delta(self) -> bool:
        """Whether sums that never fall, and histograms, count one interval each."""
        return self.temporality is not Temporality.CUMULATIVE
