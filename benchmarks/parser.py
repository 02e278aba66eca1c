"""Measure how long it takes to parse a line that was never seen before.

``python benchmarks/parser.py`` prints the mean time of one line over a realistic
mix: 60 % counters, 15 % gauges, 15 % timers and histograms, 10 % distributions, 0 to
8 tags, of 1000 contexts. Lines per second are its reciprocal.
"""

import random
from typing import Final

import pyperf  # type: ignore[import-untyped]  # it has no types

from statsd_trio.protocol import parse_message

CONTEXTS: Final = 1000
LINES_PER_CONTEXT: Final = 10
TYPES: Final = {"c": 60.0, "g": 15.0, "ms": 7.5, "h": 7.5, "d": 10.0}
TAGS: Final = {
    "env": ["prod", "staging"],
    "service": ["checkout", "search", "web"],
    "region": ["us-east-1", "eu-central-1"],
    "version": ["1.22.3", "1.22.4"],
    "team": ["core", "payments"],
    "status": ["200", "404", "500"],
    "endpoint": ["/api/v1/orders", "/api/v1/users"],
    "instance_type": ["m5.large", "c5.xlarge"],
}


def build_lines(seed: int = 1) -> list[bytes]:
    """Build lines that all differ, in random order."""
    chance = random.Random(seed)
    lines: dict[bytes, None] = {}
    for index in range(CONTEXTS):
        name = f"service{index % 40}.requests.operation_{index}"
        metric_type = chance.choices(list(TYPES), list(TYPES.values()))[0]
        keys = chance.sample(list(TAGS), chance.randint(0, len(TAGS)))
        tags = ",".join(f"{key}:{chance.choice(TAGS[key])}" for key in keys)
        suffix = f"|#{tags}" if tags else ""
        for _ in range(LINES_PER_CONTEXT):
            number = chance.uniform(0, 500)
            value = f"{number:.0f}" if metric_type == "c" else f"{number:.3f}"
            is_sampled = metric_type != "g" and chance.random() < 0.2
            rate = "|@0.1" if is_sampled else ""
            lines[f"{name}:{value}|{metric_type}{rate}{suffix}".encode()] = None
    shuffled = list(lines)
    chance.shuffle(shuffled)
    return shuffled


def parse_all(lines: list[bytes]) -> None:
    for line in lines:
        parse_message(line)


if __name__ == "__main__":
    runner = pyperf.Runner()
    all_lines = build_lines()
    runner.bench_func(
        "parse one line", parse_all, all_lines, inner_loops=len(all_lines)
    )
