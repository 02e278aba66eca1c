"""Draw a metric over time: its contexts combined, as arrays ready to be drawn."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from statsd_trio.dev.history import COARSE_STEP, FIGURES, IS_BAND, Points
from statsd_trio.dev.metrics import Track
from statsd_trio.engine.context import COUNTER, GAUGE, SET

# If the chart is split by a tag, each value has one line; the most active ones come
# first.
MAX_LINES: Final = 20

_NOTES: Final = {
    COUNTER: "",
    GAUGE: "The average of the contexts.",
    SET: "The sum of the contexts; a value in several contexts counts several times.",
}
_BAND_NOTE: Final = (
    "The percentiles of several contexts together are those of the highest one."
)

_STEP_POINTS: Final = 1500


class _Line:
    """One line of the chart, which combines some contexts."""

    def __init__(self, label: str, kind: int, size: int) -> None:
        self.label = label
        self.contexts = 0
        self.points = 0
        self._kind = kind
        figures = FIGURES[kind]
        self.columns: dict[str, list[float | None]] = {
            figure: [None] * size for figure in figures
        }
        # For gauges: how many contexts are in each average.
        self._counts = [0] * size if kind == GAUGE else []

    def add(self, points: Points, start: int, step: int) -> None:
        """Add the points of one context from *start* on."""
        self.contexts += 1
        first = points.find(start)
        self.points += len(points.times) - first
        size = len(next(iter(self.columns.values())))
        if points.is_band:
            count, p50, p95, p99, greatest = self.columns.values()
            for index in range(first, len(points.times)):
                slot = (points.times[index] - start) // step
                if slot >= size:
                    break
                each = points.read(index)
                count[slot] = (count[slot] or 0.0) + each[0]
                for column, value in zip(
                    (p50, p95, p99, greatest), each[1:], strict=True
                ):
                    before = column[slot]
                    if before is None or value > before:
                        column[slot] = value
            return
        (column,) = self.columns.values()
        for index in range(first, len(points.times)):
            slot = (points.times[index] - start) // step
            if slot >= size:
                break
            before = column[slot]
            value = points.values[index]
            column[slot] = value if before is None else before + value
            if self._counts:
                self._counts[slot] += 1

    def describe(self, step: int) -> dict[str, Any]:
        """Return the line in the form used in documents."""
        if self._kind == GAUGE:
            (column,) = self.columns.values()
            for slot, count in enumerate(self._counts):
                value = column[slot]
                if value is not None and count > 1:
                    column[slot] = value / count
        described: dict[str, Any] = {
            "label": self.label,
            "contexts": self.contexts,
            **{
                figure: [None if v is None else round(v, 9) for v in column]
                for figure, column in self.columns.items()
            },
        }
        if self._kind == COUNTER:
            described["rate"] = [
                None if count is None else count / step for count in described["count"]
            ]
        return described


def draw_chart(
    tracks: Sequence[Track],
    kind: int,
    *,
    minutes: int,
    by: str,
    now: int,
    found: dict[str, Any],
) -> Iterator[None]:
    """Put the chart of *tracks* into *found*; yields after each step.

    Args:
        tracks: contexts of one metric, of any types; those of *kind* are drawn.
        kind: an index into `TYPES`.
        minutes: how far back the chart goes.
        by: the tag key to split by; "" for one line.
        now: unix seconds, the end of the chart.
        found: receives the document.
    """
    step = 1 if minutes <= 5 else COARSE_STEP
    end = now // step * step
    start = end - minutes * 60
    times = list(range(start, end, step))
    lines: dict[str, _Line] = {}
    points_since = 0
    for track in tracks:
        if track.kind != kind:
            continue
        label = _find_label(track, by)
        points = track.fine if step == 1 else track.coarse
        line = lines.get(label)
        if line is None:
            # If a tag has endless values, only as many as can be drawn are added.
            if len(lines) >= MAX_LINES * 5:
                continue
            line = lines[label] = _Line(label, kind, len(times))
            points_since += len(times)
        line.add(points, start, step)
        points_since += 10 + len(points.times)
        if points_since >= _STEP_POINTS:
            points_since = 0
            yield
    drawn = sorted(lines.values(), key=lambda line: (-line.points, line.label))
    labels = {_find_label(track, by) for track in tracks if track.kind == kind}
    yield
    series: list[dict[str, Any]] = []
    for line in drawn[:MAX_LINES]:
        series.append(line.describe(step))
        yield
    note = _BAND_NOTE if IS_BAND[kind] else _NOTES[kind]
    figures = [*FIGURES[kind], "rate"] if kind == COUNTER else list(FIGURES[kind])
    found.update(
        minutes=minutes,
        step_seconds=step,
        start=start,
        end=end,
        by=by,
        times=times,
        figures=figures,
        series=series,
        left_out=len(labels) - len(series),
        note=note if any(line.contexts > 1 for line in drawn[:MAX_LINES]) else "",
    )


def _find_label(track: Track, by: str) -> str:
    if not by:
        return ""
    start = f"{by}:"
    for tag in track.tags:
        if tag == by or tag.startswith(start):
            return tag
    return f"(no {by})"
