"""Waiting in the loop in which the server runs too, on that loop's clock."""

import contextlib
import threading
from collections.abc import Callable, Generator

import trio
from trio.testing import MockClock

from pytest_statsd_trio.barrier import RESEND_SECONDS
from pytest_statsd_trio.markers import STREAM, MarkerSocket
from pytest_statsd_trio.recorder import Recorder
from pytest_statsd_trio.waiting import BARRIER_SECONDS, Outcome


class TrioWaiter:
    """Waits for arrivals at *recorder*, each time behind a barrier, as `Waiter`.

    Args:
        sockets: to the server that fills *recorder*.
        changed: unparked after each arrival and marker.
    """

    def __init__(
        self,
        sockets: list[MarkerSocket],
        recorder: Recorder,
        changed: trio.lowlevel.ParkingLot,
    ) -> None:
        self._sockets = sockets
        self._recorder = recorder
        self._changed = changed
        self._last = 0

    async def wait_until(self, is_met: Callable[[], bool], seconds: float) -> Outcome:
        """Wait until *is_met*, for *seconds* at most."""
        silent = [sock.transport for sock in self._sockets]
        began = trio.current_time()
        with _give_up_after(max(seconds, BARRIER_SECONDS)):
            await self._pass_through()
            silent = []
        with _give_up_after(began + seconds - trio.current_time()):
            while not silent and not is_met():
                await self._changed.park()
                await self._pass_through()
        return Outcome(is_met=is_met(), silent=silent)

    async def settle(self, seconds: float) -> list[str]:
        """Wait until all that was sent is recorded; return who gave no answer."""
        outcome = await self.wait_until(lambda: True, seconds)
        return outcome.silent

    def close(self) -> None:
        """Close the sockets."""
        for sock in self._sockets:
            sock.close()

    async def _pass_through(self) -> None:
        streams = [sock for sock in self._sockets if sock.transport == STREAM]
        arrivals = self._recorder.arrivals
        await self._pass_once(self._sockets)
        while streams and self._recorder.arrivals != arrivals:
            arrivals = self._recorder.arrivals
            await self._pass_once(streams)
        for sock in streams:
            sock.close()

    async def _pass_once(self, sockets: list[MarkerSocket]) -> None:
        self._last += 1
        markers = {sock.transport: self._last for sock in sockets}
        while not self._recorder.has_passed(markers):
            with trio.move_on_after(RESEND_SECONDS):
                for sock in sockets:
                    if not self._recorder.has_passed({sock.transport: self._last}):
                        await _send(sock, self._last)
                while not self._recorder.has_passed(markers):
                    await self._changed.park()


async def _send(sock: MarkerSocket, number: int) -> None:
    while True:
        try:
            sock.send_nowait(number)
        except BlockingIOError:
            if sock.fileno() < 0:
                return
            await trio.lowlevel.wait_writable(sock)
        except OSError:
            # Nobody listens: the marker's absence says so.
            return
        else:
            return


@contextlib.contextmanager
def _give_up_after(seconds: float) -> Generator[None]:
    """Cancel the block after *seconds*, by the loop's clock or else by a real one.

    A mock clock that stands still would have a failing assertion wait for ever.
    """
    seconds = max(0.0, seconds)
    with trio.move_on_after(seconds) as scope:
        if not isinstance(trio.lowlevel.current_clock(), MockClock):
            yield
            return
        token = trio.lowlevel.current_trio_token()

        def cancel() -> None:
            with contextlib.suppress(trio.RunFinishedError):
                token.run_sync_soon(scope.cancel)

        timer = threading.Timer(seconds, cancel)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
