"""Hold an API key, and show it nowhere but in a request's header."""

import logging
from collections.abc import Awaitable, Callable
from typing import Final

import trio

logger = logging.getLogger(__name__)

# A source that hangs must not prevent the next request for a key.
_MAX_SOURCE_SECONDS: Final = 10.0

KeySource = str | Callable[[], Awaitable[str]]


class ApiKey:
    """Holds a key so that neither ``repr`` nor an error shows it.

    If the source is a callable, it is called when the key is first needed, and again
    after the intake has refused the key. If it raises, the type of the error is logged,
    and there is no key for the moment. The error's message is not logged because it
    might contain the key.
    """

    def __init__(self, source: KeySource) -> None:
        self._source = source
        self._value = _read_source(source)
        self._lock = trio.Lock()
        self._was_replaced = False
        self._check_requested = trio.Event()

    @property
    def is_renewable(self) -> bool:
        """Whether the source may return another key than the one that was refused."""
        return self._was_replaced or not isinstance(self._source, str)

    @property
    def check_requested(self) -> trio.Event:
        """Set by the next `request_check` or `replace`.

        After that there is a new event.
        """
        return self._check_requested

    def request_check(self) -> None:
        """Request a check of the key, because an answer has made it doubtful."""
        self._check_requested.set()
        self._check_requested = trio.Event()

    def replace(self, source: KeySource) -> None:
        """Use *source* from the next request on.

        Raises:
            ValueError: if it is not a usable key; the old one stays in use then.
        """
        self._value = _read_source(source)
        self._source = source
        self._was_replaced = True
        self.request_check()

    async def get(self) -> str | None:
        """Return the key, calling the source if necessary.

        None if there is no key now.
        """
        if self._value is None:
            await self.renew(None)
        return self._value

    async def renew(self, refused: str | None) -> None:
        """Ask the source for another key than *refused*, unless this was just done."""
        async with self._lock:
            source = self._source
            if isinstance(source, str) or self._value != refused:
                return
            try:
                with trio.fail_after(_MAX_SOURCE_SECONDS):
                    value = _check_key(await source())
            # This is the only place that catches what a host program's callable raises,
            # or what it returns instead of a string.
            except Exception as error:  # noqa: BLE001  (see above)
                logger.error(  # noqa: TRY400  (a traceback could show the key)
                    "The API key's source failed: %s", type(error).__name__
                )
                return
            # The source may have been replaced in the meantime.
            if self._source is not source:
                return
            self._value = value
            if value is None:
                logger.error("The API key's source did not return a usable key")


def _read_source(source: KeySource) -> str | None:
    """Check *source*; return the key if the source is the key itself."""
    if not isinstance(source, str):
        return None
    value = _check_key(source)
    if value is None:
        raise ValueError("the API key is empty or not plain ASCII")
    return value


def _check_key(key: str) -> str | None:
    # A key with other characters would break the header, and the error would show the
    # key.
    key = key.strip()
    if key and key.isascii() and key.isprintable() and " " not in key:
        return key
    return None
