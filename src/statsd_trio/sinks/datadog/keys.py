"""An API key: from a string or a callable in, never out but into a header."""

import logging
from collections.abc import Awaitable, Callable
from typing import Final

import trio

logger = logging.getLogger(__name__)

# A source that hangs must not keep the next from being asked.
_MAX_SOURCE_SECONDS: Final = 10.0

KeySource = str | Callable[[], Awaitable[str]]


class ApiKey:
    """Holds a key where neither ``repr`` nor an error shows it.

    A source that is a callable is asked when the key is first needed, and again
    after the intake refused the key. What it raises is logged by its type and means
    that there is no key now: its message could hold the key.
    """

    def __init__(self, source: KeySource) -> None:
        self._source = source
        self._value = _read_source(source)
        self._lock = trio.Lock()
        self._was_replaced = False
        self._check_requested = trio.Event()

    @property
    def is_renewable(self) -> bool:
        """Whether there may be another key than one the intake refused."""
        return self._was_replaced or not isinstance(self._source, str)

    @property
    def check_requested(self) -> trio.Event:
        """Set at the next `request_check` or `replace`, which make a new one."""
        return self._check_requested

    def request_check(self) -> None:
        """Have the key checked: an answer of the intake throws doubt on it."""
        self._check_requested.set()
        self._check_requested = trio.Event()

    def replace(self, source: KeySource) -> None:
        """Use *source* from the next request on.

        Raises:
            ValueError: if it is no usable key; the old one stays then.
        """
        self._value = _read_source(source)
        self._source = source
        self._was_replaced = True
        self.request_check()

    async def get(self) -> str | None:
        """Give the key, asking for it if need be; None if there is none now."""
        if self._value is None:
            await self.renew(None)
        return self._value

    async def renew(self, refused: str | None) -> None:
        """Ask for another key than *refused*, unless somebody already has."""
        async with self._lock:
            source = self._source
            if isinstance(source, str) or self._value != refused:
                return
            try:
                with trio.fail_after(_MAX_SOURCE_SECONDS):
                    value = _check_key(await source())
            # The one place that takes what a host program's callable raises, or
            # gives that is no string.
            except Exception as error:  # noqa: BLE001  (see above)
                logger.error(  # noqa: TRY400  (a traceback could show the key)
                    "The API key's source failed: %s", type(error).__name__
                )
                return
            # It may have been replaced meanwhile.
            if self._source is not source:
                return
            self._value = value
            if value is None:
                logger.error("The API key's source gave no usable key")


def _read_source(source: KeySource) -> str | None:
    """Check *source*; the key itself, if that is what it is."""
    if not isinstance(source, str):
        return None
    value = _check_key(source)
    if value is None:
        raise ValueError("the API key is empty or not plain ASCII")
    return value


def _check_key(key: str) -> str | None:
    # A key that is no plain word would break the header, and the error would
    # quote it.
    key = key.strip()
    if key and key.isascii() and key.isprintable() and " " not in key:
        return key
    return None
