"""Check that bad answers of an intake on one route do not stop the others.

One server delivers to many intakes, as additional endpoints: each gives one kind of
bad answer on one route, and good ones on the others. What is sent on the good routes
must arrive at each of them, in each interval.
"""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from attacks.attack import Attack
from attacks.intakes import Received
from attacks.trial import INTERVAL_SECONDS, Bounds, Trial
from benchmarks.sender import Sending
from benchmarks.workload import Workload

_FAULTS: Final[dict[str, dict[str, Any]]] = {
    "400": {"status": 400, "body": "x" * 10_000},
    "403": {"status": 403},
    "404": {"status": 404},
    "413": {"status": 413},
    "429": {"status": 429, "retry_after": 3600},
    "500": {"status": 500},
    "redirect elsewhere": {"status": 307, "location": "http://127.0.0.2:1/"},
    "redirect in a circle": {"status": 308, "location": "?"},
    "no HTTP": {"fault": "garbage"},
    "reset": {"fault": "reset"},
    "no answer": {"fault": "hang"},
    "endless answer": {"fault": "endless_answer"},
}
_ROUTES: Final = ("series", "sketches", "service_checks", "events")

# A point of each route a second, in three intervals.
_SECONDS: Final = 3 * INTERVAL_SECONDS

_CATCH_UP_SECONDS: Final = 15.0

# Many endpoints, each with a queue, connections and a key check.
_BOUNDS: Final = Bounds(
    rss_bytes=350 * 2**20,
    # Two an endpoint and interval: what it lost, and that its key is not known.
    warnings=120,
)

_WORKLOADS: Final = {
    "series": "counters",
    "sketches": "distributions",
    "service_checks": "service checks",
    "events": "events",
}


def bad_answers(trial: Trial) -> None:
    """Give each kind of bad answer on each route, to one server at the same time."""
    faults = [(fault, route) for fault in _FAULTS for route in _ROUTES]
    scripts = [[{"route": route, **_FAULTS[fault]}] for fault, route in faults]
    intakes = trial.start_intakes((), *scripts)
    endpoints = {url: ["attack0123456789"] for url in intakes.urls[1:]}
    server = trial.start_server(
        "--request-timeout-seconds=2",
        intakes=intakes,
        environ={"DD_ADDITIONAL_ENDPOINTS": json.dumps(endpoints)},
    )
    senders = [
        trial.start_datagrams(
            Sending(
                Workload(stream, 10 * _SECONDS, contexts=10),
                packets_per_second=10,
                max_seconds=2 * _SECONDS,
            ),
            server.udp,
        )
        for stream in _WORKLOADS.values()
    ]
    for sender in senders:
        sender.go()
    lines = sum(sender.wait().lines for sender in senders)
    time.sleep(INTERVAL_SECONDS)
    expected = intakes.read()[0].points
    # Fifty endpoints share what a busy machine has, and some are later than others.
    trial.wait_until(
        lambda: not _list_missing(faults, intakes.read()[1:], expected),
        "all that is sent on good routes arrives",
        _CATCH_UP_SECONDS,
    )
    missing = _list_missing(faults, intakes.read()[1:], expected)
    for each in missing:
        trial.expect(False, each)
    ledger = trial.judge(server.stop(), _BOUNDS)
    trial.account_received(ledger, intakes.read()[0])
    checked = len(faults) * (len(_ROUTES) - 1)
    trial.finding.load = (
        f"{len(_FAULTS)} kinds of answers on {len(_ROUTES)} routes, {lines:,} lines"
    )
    trial.finding.delivered = (
        f"all on {checked - len(missing)} of {checked} other routes"
    )


def _list_missing(
    faults: Sequence[tuple[str, str]],
    others: Sequence[Received],
    expected: Mapping[str, int],
) -> list[str]:
    """Return the good routes of all intakes that lack points the healthy one has."""
    return [
        f"{fault} on {route}: {received.points.get(other, 0)} of "
        f"{expected.get(other, 0)} points arrived on {other}"
        for (fault, route), received in zip(faults, others, strict=True)
        for other in _ROUTES
        if other != route
        and not received.points.get(other, 0) >= expected.get(other, 0) > 0
    ]


ATTACKS: Final = (Attack("bad answers on one route", bad_answers),)
