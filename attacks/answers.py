"""What an intake answers on one route must not stop the others.

One server delivers to many intakes, as additional endpoints: each gives one kind of
bad answer on one route, and good ones on the others. What is sent on the good routes
must arrive at each of them, in each interval.
"""

import json
import time
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
    "no HTTP": {"act": "garbage"},
    "reset": {"act": "reset"},
    "no answer": {"act": "hang"},
    "endless answer": {"act": "endless_answer"},
}
_ROUTES: Final = ("series", "sketches", "service_checks", "events")

# A point of each route a second, in three intervals.
_SECONDS: Final = 3 * INTERVAL_SECONDS

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
    stopped = server.stop()
    ledger = trial.judge(stopped, _BOUNDS)
    healthy, *others = intakes.read()
    trial.account_received(ledger, healthy)
    checked = arrived = 0
    for (fault, route), received in zip(faults, others, strict=True):
        for other in _ROUTES:
            if other != route:
                checked += 1
                arrived += _compare(
                    trial, f"{fault} on {route}", other, received, healthy
                )
    trial.finding.load = (
        f"{len(_FAULTS)} kinds of answers on {len(_ROUTES)} routes, {lines:,} lines"
    )
    trial.finding.delivered = f"all on {arrived} of {checked} other routes"


def _compare(
    trial: Trial, what: str, route: str, received: Received, healthy: Received
) -> bool:
    points, expected = received.points.get(route, 0), healthy.points.get(route, 0)
    trial.expect(
        points >= expected > 0,
        f"{what}: {points} of {expected} points arrived on {route}",
    )
    return points >= expected > 0


ATTACKS: Final = (Attack("bad answers on one route", bad_answers),)
