"""What an operator may choose of the OTLP sink's conversion."""

import enum
from collections.abc import Mapping

import attrs


class Temporality(enum.StrEnum):
    """What a point of a sum or a histogram counts from.

    The words are those of ``OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE``.
    ``LOWMEMORY`` is the same as ``DELTA`` here: the two differ in instruments that we
    do not have.

    Source: opentelemetry-specification, metrics/sdk_exporters/otlp.md.
    """

    CUMULATIVE = "cumulative"
    DELTA = "delta"
    LOWMEMORY = "lowmemory"


@attrs.frozen(kw_only=True)
class OtlpSettings:
    """How snapshots become OTLP.

    Attributes:
        temporality: of sums and histograms.
        sends_aggregates: of histograms and timers, send the Agent's figures rather
            than exponential histograms.
        sends_events: send events and service checks, as logs.
        resource: attributes of every resource that its tags and host do not set.
        max_series: for how many series a running total is kept; the ones that were
            not used for the longest time begin anew.
        expiry_seconds: for how long a total is kept that nothing was added to.
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
