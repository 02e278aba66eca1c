"""When a context was used last, and whether it is to be forgotten."""

from statsd_trio.aggregation.settings import AggregationSettings
from statsd_trio.engine.context import COUNTER, Context


class Expiry:
    """Decides about one context after the other, of one snapshot."""

    def __init__(self, settings: AggregationSettings, now: float) -> None:
        """Decide as of *now*, when the snapshot was taken."""
        self._interval = settings.interval_seconds
        self._kept_seconds = settings.context_expiry_seconds
        self._filled_seconds = settings.counter_expiry_seconds
        self._now = now

    def heed_clock(self, context: Context, now: float) -> None:
        """Move what is in the future, since the clock went back, to now.

        Else a context would be kept until the clock is there again, and be sent as
        zeros all the time, or not before.

        Args:
            context: any.
            now: the present time, which goes on while a snapshot is built.
        """
        if context.last_seen > now:
            context.last_seen = now
            context.last_counted = min(context.last_counted, now)
        if context.opened > now + self._interval:
            context.opened = int(now) - self._interval

    def is_filled(self, context: Context, start: int) -> bool:
        """Return whether an idle counter is sent as 0 for the bucket of *start*.

        Source: datadog-agent, pkg/aggregator/time_sampler.go.
        """
        return context.last_counted + self._filled_seconds > start

    def is_expired(self, context: Context) -> bool:
        """Return whether nothing was heard of *context* for so long."""
        used = context.last_seen
        if context.kind == COUNTER:
            used = max(used, context.last_counted + self._filled_seconds)
        return used + self._kept_seconds < self._now
