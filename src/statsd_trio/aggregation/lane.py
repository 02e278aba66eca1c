"""Raw values in the order they came, each beside the cell that it belongs to."""

from statsd_trio.aggregation.cells import Cell


class Lane:
    """Values of one type and sample rate that wait to be folded.

    Taking one is two appends, and nothing else: whoever was handed a cell by the
    aggregator calls both.

    Attributes:
        add_cell: appends to *cells*.
        add_raw: appends to *raws*.
    """

    __slots__ = ("add_cell", "add_raw", "cells", "kind", "raws", "sample_rate")

    def __init__(self, kind: int, sample_rate: float) -> None:
        self.kind = kind
        self.sample_rate = sample_rate
        self.cells: list[Cell] = []
        self.raws: list[bytes] = []
        self.add_cell = self.cells.append
        self.add_raw = self.raws.append

    def take(self) -> tuple[list[Cell], list[bytes]]:
        """Take out all that waits."""
        cells, raws = self.cells.copy(), self.raws.copy()
        self.cells.clear()
        self.raws.clear()
        return cells, raws
