"""A minute of a shop on two hosts, as datadog's own client sends it, and its truth."""

import math
import random
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import attrs
from datadog.dogstatsd.base import DogStatsd

HOSTS: Final = ("shop-1", "shop-2")

# Lines a second and host.
_RATE: Final = 100


@attrs.define
class Truth:
    """What was sent.

    Attributes:
        counts: of each counter, by host.
        gauges: the last value, by host.
        values: of each histogram, timer and distribution, of both hosts.
    """

    counts: dict[str, float] = attrs.field(factory=lambda: defaultdict(float))
    gauges: dict[str, float] = attrs.field(factory=dict)
    values: dict[str, list[float]] = attrs.field(factory=lambda: defaultdict(list))

    def find_percentile(self, name: str, fraction: float) -> float:
        """Return the value of that rank."""
        ordered = sorted(self.values[name])
        return ordered[max(math.ceil(fraction * len(ordered)) - 1, 0)]


class Minute:
    """Sends to any number of servers, the same to each that stands for a host."""

    def __init__(self, ports: Sequence[Sequence[int]]) -> None:
        """Prepare to send.

        Args:
            ports: for each host, those of the servers that stand for it.
        """
        self._clients = [
            [DogStatsd("127.0.0.1", port, disable_telemetry=True) for port in of_host]
            for of_host in ports
        ]
        self._random = random.Random(18)
        self.truth = Truth()

    def send(self, seconds: float) -> None:
        """Send for so long."""
        start = time.monotonic()
        for number in range(int(seconds * _RATE)):
            for host, clients in enumerate(self._clients):
                self._send_once(number, host, clients)
            pause = start + number / _RATE - time.monotonic()
            if pause > 0:
                time.sleep(pause)

    def _send_once(self, number: int, host: int, clients: list[DogStatsd]) -> None:
        truth, chance = self.truth, self._random
        page = ["page:home", "page:cart"][number % 2]
        amount = chance.randint(1, 5)
        load = chance.random()
        # The second host is slower, so that its part of the percentiles is not half.
        values = {
            name: round(chance.lognormvariate(4.5 + host, 0.6), 3)
            for name in ("latency", "size", "timer")
        }
        for client in clients:
            client.increment("shop.hits", amount, tags=[page])
            client.gauge("shop.load", load)
            client.distribution("shop.latency", values["latency"], tags=[page])
            client.histogram("shop.size", values["size"])
            client.timing("shop.timer", values["timer"])
        truth.counts["shop.hits"] += amount
        truth.gauges[HOSTS[host]] = load
        for name, value in values.items():
            truth.values[f"shop.{name}"].append(value)
