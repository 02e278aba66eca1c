"""Wait until what has arrived is enough, and use barriers to know what has arrived.

A barrier shows that everything sent before it was received: a marker is sent through
each socket, and waited for. A datagram socket has one queue for all its senders, so
there the marker is behind everything else. The connections of a stream are accepted in
order and then read in turns, so there each barrier connects anew: once its marker is
read, every connection made before has had a turn. A turn may leave a part of a long
stream behind, so markers are sent until one arrives alone.

There is only one waiter. The difference between a thread that may block and a loop that
must run on is how to pause. The pauses of a thread never return control, so that
`run_blocking` can run the same coroutine from beginning to end.
"""

import contextlib
import select
import threading
import time
from collections.abc import Callable, Coroutine, Generator, Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import attrs
import trio
from trio.testing import MockClock

from pytest_statsd_trio.endpoint import STREAM
from pytest_statsd_trio.received import Recorder

_T = TypeVar("_T")

# How long the server may take, on a busy machine, to receive what was sent. A server
# that is gone is noticed at once.
BARRIER_SECONDS: Final = 30.0

# A marker itself may be lost if UDP overflows, so it is sent again after this time.
RESEND_SECONDS: Final = 0.1

Clock = Callable[[], float]


@attrs.frozen
class Limit:
    """When to give up: as soon as one of some clocks reaches its deadline."""

    _deadlines: tuple[tuple[Clock, float], ...]

    @classmethod
    def after(cls, seconds: float, clocks: Sequence[Clock]) -> "Limit":
        """Return the limit that is *seconds* away on each of *clocks*."""
        return cls(tuple((clock, clock() + seconds) for clock in clocks))

    def measure_rests(self) -> list[float]:
        """Return how many seconds are left on each clock."""
        return [max(0.0, deadline - clock()) for clock, deadline in self._deadlines]

    def measure_rest(self) -> float:
        """Return how many seconds are left; 0 when the limit is reached."""
        return min(self.measure_rests())


class Pauses(Protocol):
    """A way to wait, either by blocking or in a loop that runs on."""

    @property
    def clocks(self) -> Sequence[Clock]:
        """The clocks by which limits are measured."""
        ...

    def notify(self) -> None:
        """Make `until` check again; called after each arrival, from any thread."""
        ...

    async def until(self, is_done: Callable[[], bool], limit: Limit) -> None:
        """Wait until *is_done*, or until *limit* is reached."""
        ...

    async def until_writable(self, sock: "Marked", limit: Limit) -> None:
        """Wait until *sock* has room, or until *limit* is reached."""
        ...


class Marked(Protocol):
    """A socket that sends markers; see `endpoint.MarkerSocket`."""

    transport: str

    def fileno(self) -> int: ...  # noqa: D102
    def send_nowait(self, number: int) -> None: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102


class BlockingPauses:
    """Pauses that block a thread, which is not the server's."""

    clocks: Sequence[Clock] = (time.monotonic,)

    def __init__(self) -> None:
        self._condition = threading.Condition()

    def notify(self) -> None:
        """Make `until` check again."""
        with self._condition:
            self._condition.notify_all()

    async def until(self, is_done: Callable[[], bool], limit: Limit) -> None:
        """Wait until *is_done*, or until *limit* is reached."""
        with self._condition:
            self._condition.wait_for(is_done, limit.measure_rest())

    async def until_writable(self, sock: Marked, limit: Limit) -> None:
        """Wait until *sock* has room, or until *limit* is reached."""
        select.select([], [sock], [], limit.measure_rest())


class TrioPauses:
    """Pauses in the loop in which the server runs too, on that loop's clock.

    With a mock clock that stands still, a failing assertion would wait forever. Beside
    a mock clock, a real clock is therefore considered too.
    """

    def __init__(self) -> None:
        self._changed = trio.lowlevel.ParkingLot()
        self.clocks: Sequence[Clock] = (trio.current_time,)
        if isinstance(trio.lowlevel.current_clock(), MockClock):
            self.clocks = (trio.current_time, time.monotonic)

    def notify(self) -> None:
        """Make `until` check again; the server runs in this loop."""
        self._changed.unpark_all()

    async def until(self, is_done: Callable[[], bool], limit: Limit) -> None:
        """Wait until *is_done*, or until *limit* is reached."""
        if is_done():
            return
        with self._give_up_at(limit):
            while not is_done():
                await self._changed.park()

    async def until_writable(self, sock: Marked, limit: Limit) -> None:
        """Wait until *sock* has room, or until *limit* is reached."""
        with self._give_up_at(limit):
            await trio.lowlevel.wait_writable(sock)

    @contextlib.contextmanager
    def _give_up_at(self, limit: Limit) -> Generator[None]:
        seconds, *real_seconds = limit.measure_rests()
        with trio.move_on_after(seconds) as scope:
            if not real_seconds:
                yield
                return
            token = trio.lowlevel.current_trio_token()

            def cancel() -> None:
                with contextlib.suppress(trio.RunFinishedError):
                    token.run_sync_soon(scope.cancel)

            timer = threading.Timer(real_seconds[0], cancel)
            timer.daemon = True
            timer.start()
            try:
                yield
            finally:
                timer.cancel()


class Outcome(NamedTuple):
    """How a wait ended.

    Attributes:
        silent: the transports over which the server received nothing.
    """

    is_met: bool
    silent: list[str]


class Waiter:
    """Waits for what arrives at *recorder*.

    Args:
        sockets: sockets to the server whose hooks are those of *recorder*.
        pauses: the way to wait; *recorder* notifies it.
    """

    def __init__(
        self, sockets: Sequence[Marked], recorder: Recorder, pauses: Pauses
    ) -> None:
        self._sockets = sockets
        self._recorder = recorder
        self._pauses = pauses
        self._last = 0

    async def wait_until(self, is_met: Callable[[], bool], seconds: float) -> Outcome:
        """Wait until *is_met*, for *seconds* at most.

        *is_met* is only called when everything sent is recorded, so that what was sent
        together is judged together, and a counter is never read half-way. Even with 0
        seconds to wait, everything sent before is received first.
        """
        limit = self._limit(seconds)
        barrier_limit = self._limit(max(seconds, BARRIER_SECONDS))
        while True:
            silent = await self.pass_barrier(barrier_limit)
            arrivals = self._recorder.arrivals
            if is_met():
                return Outcome(is_met=True, silent=silent)
            if not await self._wait_for_more(arrivals, limit):
                return Outcome(is_met=False, silent=silent)

    async def _wait_for_more(self, arrivals: int, limit: Limit) -> bool:
        """Wait for more than *arrivals*; return False if *limit* was reached first."""
        await self._pauses.until(lambda: self._recorder.arrivals > arrivals, limit)
        return self._recorder.arrivals > arrivals

    async def settle(self, seconds: float) -> list[str]:
        """Wait until everything that was sent is recorded.

        Returns:
            The transports that did not answer in time.
        """
        return await self.pass_barrier(self._limit(max(seconds, BARRIER_SECONDS)))

    def close(self) -> None:
        """Close the sockets."""
        for sock in self._sockets:
            sock.close()

    async def pass_barrier(self, limit: Limit) -> list[str]:
        """Wait until everything that was sent so far is recorded.

        Returns:
            The transports that did not answer before *limit* was reached.
        """
        streams = [sock for sock in self._sockets if sock.transport == STREAM]
        arrivals = self._recorder.arrivals
        silent = await self._pass_once(self._sockets, limit)
        while streams and not silent and self._recorder.arrivals != arrivals:
            arrivals = self._recorder.arrivals
            silent = await self._pass_once(streams, limit)
        for sock in streams:
            sock.close()
        return silent

    async def _pass_once(self, sockets: Sequence[Marked], limit: Limit) -> list[str]:
        self._last += 1
        number = self._last

        def list_silent() -> list[Marked]:
            return [
                sock
                for sock in sockets
                if not self._recorder.has_passed(sock.transport, number)
            ]

        while True:
            for sock in list_silent():
                if not await self._send(sock, number, limit):
                    # The server is gone, and its other listeners with it.
                    return [sock.transport for sock in list_silent()]
            resend_in = min(RESEND_SECONDS, limit.measure_rest())
            await self._pauses.until(lambda: not list_silent(), self._limit(resend_in))
            silent = list_silent()
            if not silent or not limit.measure_rest():
                return [sock.transport for sock in silent]

    async def _send(self, sock: Marked, number: int, limit: Limit) -> bool:
        """Send marker *number* if the listener has room before *limit* is reached.

        Returns:
            False if nobody listens.
        """
        while True:
            try:
                sock.send_nowait(number)
            except BlockingIOError:
                if sock.fileno() < 0 or not limit.measure_rest():
                    return True
                await self._pauses.until_writable(sock, limit)
            except (ConnectionError, FileNotFoundError):
                return False
            except OSError:
                # For example, there was not enough memory; the missing marker shows it.
                return True
            else:
                return True

    def _limit(self, seconds: float) -> Limit:
        return Limit.after(seconds, self._pauses.clocks)


def run_blocking(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine that only waits by `BlockingPauses`, in this thread."""
    __tracebackhide__ = True
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: _T = done.value
        return result
    raise AssertionError("a coroutine with blocking pauses returned control")
