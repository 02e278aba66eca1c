"""All that was received as stable, sorted text, for snapshots and for diffs."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from pytest_statsd_trio.lines import (
    TYPE_NAMES,
    format_number,
    printable,
    write_event,
    write_rejected,
    write_service_check,
)
from pytest_statsd_trio.received import Received
from statsd_trio.protocol import MetricType, Sample

_MASKED = "*"


def write_snapshot(received: Received, mask: bool | Iterable[str]) -> str:
    """Write one line a metric, with its tags and value, then events and checks.

    Neither the order of arrival nor how values were packed in lines shows.

    Args:
        mask: which metrics' values to hide, as patterns such as ``*.ms``; True for all.
    """
    if isinstance(mask, str):
        raise TypeError(f"mask is a list of patterns, not the string {mask!r}")
    patterns = ["*"] if mask is True else [] if mask is False else list(mask)
    groups: dict[tuple[str, str, tuple[str, ...]], list[Sample]] = {}
    for sample in received.metrics:
        key = (sample.name, TYPE_NAMES[sample.type], tuple(sorted(set(sample.tags))))
        groups.setdefault(key, []).append(sample)
    lines: list[str] = []
    for (name, type_name, tags), samples in sorted(groups.items()):
        is_masked = any(fnmatchcase(name, pattern) for pattern in patterns)
        value = _MASKED if is_masked else _write_value(samples)
        shown = f" #{','.join(map(printable, tags))}" if tags else ""
        lines.append(f"{printable(name)} {type_name}{shown} = {value}")
    lines += sorted(str(write_event(event)) for event in received.events)
    lines += sorted(
        str(write_service_check(check)) for check in received.service_checks
    )
    lines += sorted(
        f"rejected {rejected.reason} {write_rejected(rejected)}"
        for rejected in received.rejected
    )
    return "".join(f"{line}\n" for line in lines)


def _write_value(samples: list[Sample]) -> str:
    values = [value for sample in samples for value in sample.values]
    match samples[0].type:
        case MetricType.SET:
            return ", ".join(sorted({printable(str(value)) for value in values}))
        case MetricType.COUNTER:
            total = sum(
                float(value) / sample.sample_rate
                for sample in samples
                for value in sample.values
            )
            return format_number(round(total, 9))
        case MetricType.GAUGE:
            return format_number(float(values[-1]))
        case _:
            numbers = sorted(float(value) for value in values)
            return ", ".join(map(format_number, numbers))
