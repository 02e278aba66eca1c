"""Watch what a server does to the other tasks of its program."""

import contextlib
import gc
import math
import time
from collections.abc import Iterator
from typing import Any, Final

import attrs
import trio
from trio.lowlevel import Task

_TICK_SECONDS: Final = 0.01


@attrs.frozen
class Watched:
    """What was seen, in seconds.

    Attributes:
        longest_wall: of a task between two checkpoints, as the clock on the wall
            tells, other programs' turns on the core included.
        longest_cpu: the same in the CPU time of our thread, less what the cyclic
            garbage collector took of it.
        longest_task: whose that was.
        gc_pauses: of the cyclic garbage collector.
        lateness: of a task of the host program that wants to run every 10 ms: the
            median, the 99th percentile and the worst.
    """

    longest_wall: float
    longest_cpu: float
    longest_task: str
    gc_pauses: int
    gc_longest: float
    gc_total: float
    lateness: tuple[float, float, float]


class Watch(trio.abc.Instrument):
    """Measures every step of every task, and the collector's pauses."""

    def __init__(self) -> None:
        # Infinite until the first step: the watch is opened in the midst of one.
        self._wall_started = math.inf
        self._cpu_started = math.inf
        self._gc_started = 0.0
        self._gc_in_step = 0.0
        self._longest_wall = 0.0
        self._longest_cpu = 0.0
        self._longest_task = ""
        self._gc_pauses = 0
        self._gc_longest = 0.0
        self._gc_total = 0.0
        self._lateness: list[float] = []

    def before_task_step(self, task: Task) -> None:
        """Start a stretch."""
        self._gc_in_step = 0.0
        self._wall_started = time.perf_counter()
        self._cpu_started = time.thread_time()

    def after_task_step(self, task: Task) -> None:
        """End a stretch."""
        cpu = time.thread_time() - self._cpu_started - self._gc_in_step
        wall = time.perf_counter() - self._wall_started
        self._longest_wall = max(self._longest_wall, wall)
        if cpu > self._longest_cpu:
            self._longest_cpu = cpu
            self._longest_task = task.name

    def on_collection(self, phase: str, _: dict[str, Any]) -> None:
        """Time the cyclic garbage collector; for `gc.callbacks`."""
        if phase == "start":
            self._gc_started = time.perf_counter()
            return
        pause = time.perf_counter() - self._gc_started
        self._gc_in_step += pause
        self._gc_pauses += 1
        self._gc_total += pause
        self._gc_longest = max(self._gc_longest, pause)

    async def tick(self) -> None:
        """Act as the host program's own task: run every 10 ms, until cancelled."""
        while True:
            due = time.perf_counter() + _TICK_SECONDS
            await trio.sleep(_TICK_SECONDS)
            self._lateness.append(time.perf_counter() - due)

    def tell(self) -> Watched:
        """Return what was seen so far."""
        lateness = sorted(self._lateness) or [0.0]
        return Watched(
            longest_wall=self._longest_wall,
            longest_cpu=self._longest_cpu,
            longest_task=self._longest_task,
            gc_pauses=self._gc_pauses,
            gc_longest=self._gc_longest,
            gc_total=self._gc_total,
            lateness=(
                lateness[len(lateness) // 2],
                lateness[len(lateness) * 99 // 100],
                lateness[-1],
            ),
        )


@contextlib.contextmanager
def open_watch() -> Iterator[Watch]:
    """Watch the running Trio program."""
    watch = Watch()
    trio.lowlevel.add_instrument(watch)
    gc.callbacks.append(watch.on_collection)
    try:
        yield watch
    finally:
        gc.callbacks.remove(watch.on_collection)
        trio.lowlevel.remove_instrument(watch)
