"""What a server lost between two looks at its ledger, in words."""

from collections.abc import Iterator

from statsd_trio import Ledger


def find_losses(before: Ledger, after: Ledger) -> Iterator[str]:
    """Say what of all that was sent between the two never reached a metric.

    Rejected lines are not lost: they arrived, and are kept with their reasons.
    """
    for old, new in zip(before.listeners, after.listeners, strict=True):
        dropped = (new.kernel_dropped or 0) - (old.kernel_dropped or 0)
        if dropped:
            yield f"{dropped} packets dropped by the kernel on {new.name}"
        if new.truncated > old.truncated:
            yield f"{new.truncated - old.truncated} packets cut short on {new.name}"
        for reason, count in new.refused.items():
            refused = count - old.refused.get(reason, 0)
            if refused:
                yield f"{refused} refused on {new.name}: {reason}"
    for reason, count in after.samples.refused.items():
        refused = count - before.samples.refused.get(reason, 0)
        if refused:
            yield f"{refused} values refused: {reason}"
    refused = after.samples.events_refused - before.samples.events_refused
    if refused:
        yield f"{refused} events and service checks refused"
