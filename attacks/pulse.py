"""Watch a server from outside: a thread asks it for its health again and again."""

import http.client
import threading
import time
from types import TracebackType
from typing import Final, Self

_PAUSE_SECONDS: Final = 0.1

# Longer than any answer that is not a broken bound.
_PATIENCE_SECONDS: Final = 20.0


class Pulse:
    """Asks for ``/healthz`` ten times a second, over one connection.

    Attributes:
        longest_seconds: the longest time to an answer, the one that is awaited at the
            end included.
        failures: how often there was none.
    """

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)
        self.longest_seconds = 0.0
        self.failures = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop asking; calling it again does nothing."""
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        connection = http.client.HTTPConnection(
            *self._address, timeout=_PATIENCE_SECONDS
        )
        while not self._is_over.is_set():
            started = time.monotonic()
            try:
                connection.request("GET", "/healthz")
                connection.getresponse().read()
            except (OSError, http.client.HTTPException):
                connection.close()
                self.failures += 1
            self.longest_seconds = max(self.longest_seconds, time.monotonic() - started)
            self._is_over.wait(_PAUSE_SECONDS)
        connection.close()
