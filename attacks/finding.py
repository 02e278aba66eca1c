"""The result of one attack: a row of the table, and the bounds that were broken."""

import attrs


@attrs.define
class Finding:
    """One attack, with its result.

    Attributes:
        attack: its name.
        load: what was done to the server.
        delivered: what arrived, of what.
        lost: counts by their cause, from the ledger.
        off_by: how far the two sides of each identity are apart, that do not agree.
        longest_stretch_seconds: the longest work of the server between two
            checkpoints, in CPU time, the garbage collector's apart.
        longest_answer_seconds: the longest that ``/healthz`` took.
        peak_rss_bytes: the most memory that the server ever had.
        broken: a line for each bound that did not hold.
        is_judged: whether a server came to its end, and its ledger was read.
        seconds: how long the attack took.
        log: the last lines of the server's log.
    """

    attack: str
    load: str = ""
    delivered: str = ""
    lost: dict[str, float] = attrs.field(factory=dict[str, float])
    off_by: dict[str, float] = attrs.field(factory=dict[str, float])
    longest_stretch_seconds: float = 0.0
    longest_answer_seconds: float = 0.0
    peak_rss_bytes: int = 0
    broken: list[str] = attrs.field(factory=list[str])
    is_judged: bool = False
    seconds: float = 0.0
    log: list[str] = attrs.field(factory=list[str])

    @property
    def identity(self) -> str:
        """Whether all identities hold."""
        if not self.off_by:
            return "holds" if self.is_judged else "-"
        return f"off by {sum(self.off_by.values()):g}"

    def format_row(self) -> tuple[str, ...]:
        """Return the row, with the cells that `HEADER` names."""
        lost = [f"{cause} {count:,.0f}" for cause, count in self.lost.items() if count]
        return (
            self.attack,
            self.load,
            self.delivered,
            ", ".join(lost) or ("nothing" if self.is_judged else "-"),
            self.identity,
            f"{self.longest_stretch_seconds * 1e3:.1f}",
            f"{self.longest_answer_seconds * 1e3:.0f}",
            f"{self.peak_rss_bytes / 2**20:.0f}",
            "broken" if self.broken else "holds",
        )


HEADER = (
    "attack",
    "load",
    "delivered",
    "lost, by cause",
    "identity",
    "longest stretch, ms",
    "longest answer, ms",
    "peak RSS, MiB",
    "bounds",
)
