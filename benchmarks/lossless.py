"""Find the highest steady rate at which nothing is lost.

1432-byte packets, mixed types, no tags. The rate is raised in steps until a packet is
lost, then the step is halved a few times. A rate counts when nothing was lost in
`--seconds`, in each of `--runs` tries, and what stood in the buffers at the end was
taken within a tenth of that time: else the buffers, not the server, were measured.
"""

from typing import Final

import attrs

from benchmarks.journal import Journal, make_parser
from benchmarks.processes import (
    SERVERS,
    Outcome,
    list_servers,
    run_once,
    wait_for_quiet,
)
from benchmarks.sender import Sending
from benchmarks.servers.serving import Serving
from benchmarks.workload import UDP_PACKET_BYTES, Workload

_BUFFERS: Final = {
    "default": Serving().so_rcvbuf,
    "4 MiB": 4 * 1024 * 1024,
    "416 KiB": 212_992,
}

_LINES_BUILT: Final = 130_000
_FIRST_STEP: Final = 1.5
_HALVINGS: Final = 3

# Below this share of the rate that was asked for, the sender is the limit.
_KEPT_PACE: Final = 0.97

# What a stop takes however little is left: telling the server, the last snapshot.
_STOP_SECONDS: Final = 0.2

# Another program may have had the sender's core; only the third time it is the sender.
_SLOW_TRIES: Final = 3


@attrs.frozen
class Found:
    """The highest rate without loss, and what ended the search."""

    server: str
    buffer: str
    lines_per_second: float
    limit: str


def is_lossless(outcome: Outcome) -> bool:
    """Return whether everything was taken soon after it was sent."""
    sent_seconds = outcome.sent[0].seconds
    allowed_seconds = sent_seconds * 1.1 + _STOP_SECONDS
    return outcome.lines_lost == 0 and outcome.seconds < allowed_seconds


class _Search:
    def __init__(
        self, journal: Journal, server: str, buffer: str, seconds: float, runs: int
    ) -> None:
        self._journal = journal
        self._server = server
        self._buffer = buffer
        self._seconds = seconds
        self._runs = runs

    def run(self, rate: float, max_rate: float) -> Found:
        """Raise the rate from *rate* until something is lost."""
        good = 0.0
        factor = _FIRST_STEP
        halvings = slow = 0
        while halvings <= _HALVINGS and rate <= max_rate:
            result = self._try(rate)
            if result == "sender":
                slow += 1
                if slow >= _SLOW_TRIES:
                    return self._found(good, "the sender can no more")
                continue
            slow = 0
            if result == "good":
                good = rate
            else:
                halvings += 1
                factor = factor**0.5
            rate = good * factor if good else rate / 2
        return self._found(good, "loss" if rate <= max_rate else "asked for no more")

    def _found(self, rate: float, limit: str) -> Found:
        return Found(self._server, self._buffer, rate, limit)

    def _try(self, rate: float) -> str:
        for number in range(self._runs):
            self._journal.tell(
                f"lossless {self._buffer}: {self._server} at {rate:,.0f} lines/s, "
                f"try {number + 1} of {self._runs}"
            )
            sending = Sending(
                Workload("mixed", _LINES_BUILT, UDP_PACKET_BYTES),
                lines_per_second=rate,
                max_seconds=self._seconds,
                max_packets=10_000_000,
            )
            outcome = run_once(
                self._server, Serving(so_rcvbuf=_BUFFERS[self._buffer]), [sending]
            )
            self._journal.keep(f"{self._buffer} at {rate:.0f}", outcome)
            wait_for_quiet()
            if not is_lossless(outcome):
                return "lost"
            if outcome.lines_sent / outcome.sent[0].seconds < rate * _KEPT_PACE:
                return "sender"
        return "good"


def main() -> None:
    """Search for every server and every buffer."""
    parser = make_parser("lossless", __doc__, runs=1)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--start", type=float, default=200_000, help="lines/s")
    parser.add_argument("--stop", type=float, default=5_000_000, help="lines/s")
    parser.add_argument("--buffer", choices=_BUFFERS, action="append")
    parser.add_argument("--server", choices=SERVERS, action="append")
    options = parser.parse_args()
    journal = Journal("lossless", options)
    found: list[Found] = []
    for buffer in options.buffer or ["default", "416 KiB"]:
        for server in list_servers(options):
            search = _Search(journal, server, buffer, options.seconds, options.runs)
            found.append(search.run(options.start, options.stop))
            journal.keep(f"highest with {buffer}", attrs.asdict(found[-1]))
    journal.print_table(
        f"highest rate with nothing lost in {options.seconds:g} s, "
        f"{options.runs} of {options.runs} tries",
        ("server", "buffer asked", "lines/s", "ended by"),
        [
            (one.server, one.buffer, f"{one.lines_per_second:,.0f}", one.limit)
            for one in found
        ],
    )
    journal.close()


if __name__ == "__main__":
    main()
