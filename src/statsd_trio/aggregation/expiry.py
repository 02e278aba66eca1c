"""Decide when a context was last used, and whether it has expired."""

from statsd_trio.aggregation.settings import AggregationSettings
from statsd_trio.engine.context import COUNTER, Context


class Expiry:
    """Decides for one snapshot which contexts have expired."""

    def __init__(self, settings: AggregationSettings, now: float) -> None:
        """Decide as of *now*, when the snapshot was taken."""
        self._interval = settings.interval_seconds
        self._kept_seconds = settings.context_expiry_seconds
        self._filled_seconds = settings.counter_expiry_seconds
        self._now = now

    def heed_clock(self, context: Context, now: float) -> None:
        """Move times of *context* that are in the future to the present.

        Times are in the future if the clock was set back. Without this, a context would
        be kept until the clock gets there again, and zeros would be sent for it all
        that time, or not before.

        Args:
            context: any context.
            now: the current time, which advances while a snapshot is built.
        """
        if context.last_seen > now:
            context.last_seen = now
            context.last_counted = min(context.last_counted, now)
        if context.opened > now + self._interval:
            context.opened = int(now) - self._interval

    def is_filled(self, context: Context, start: int) -> bool:
        """Return whether a 0 is sent for an idle counter in the bucket of *start*.

        Source: datadog-agent, pkg/aggregator/time_sampler.go.
        """
        return context.last_counted + self._filled_seconds > start

    def is_expired(self, context: Context) -> bool:
        """Return whether *context* was not used for longer than contexts are kept."""
        used = context.last_seen
        if context.kind == COUNTER:
            used = max(used, context.last_counted + self._filled_seconds)
        return used + self._kept_seconds < self._now
