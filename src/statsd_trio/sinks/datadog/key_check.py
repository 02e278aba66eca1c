"""Keep track of whether the intake accepts an API key."""

import logging
import math
from collections.abc import Mapping
from typing import Final, NoReturn

import trio

from statsd_trio.ki import protect_from_ki
from statsd_trio.sinks.datadog.endpoint import DatadogEndpoint
from statsd_trio.sinks.datadog.keys import ApiKey

logger = logging.getLogger(__name__)

# Source: datadog-agent, forwarder_apikey_validation_interval.
_INTERVAL_SECONDS: Final = 3600.0

_STATES: Final[Mapping[int | None, str]] = {200: "valid", 403: "invalid"}


class KeyCheck:
    """Checks the key of one endpoint.

    Both the intake's answers to checks and those to payloads count. If payloads of two
    snapshots are answered by 403, and none is accepted in between, the key is
    considered invalid.
    """

    def __init__(
        self,
        name: str,
        endpoint: DatadogEndpoint,
        key: ApiKey,
        *,
        pause_seconds: float,
        key_option: str = "DD_API_KEY",
    ) -> None:
        """Check *key* at *endpoint*.

        Args:
            name: the name of the endpoint and key, for the log.
            endpoint: where to ask.
            key: the key, which may be replaced at any time.
            pause_seconds: how long after a check no further one can be requested.
            key_option: the option in which the operator finds the key, for the log.
        """
        self._state = ""
        self._refused_snapshot: int | None = None
        self._is_refused = False
        self._checked_key: str | None = None
        self._name = name
        self._endpoint = endpoint
        self._key = key
        self._pause_seconds = pause_seconds
        self._pause_until = math.inf
        self._key_option = key_option

    @property
    def state(self) -> str:
        """``valid``, ``invalid`` or ``unknown``; "" before the first answer."""
        return "invalid" if self._is_refused else self._state

    def note_refused(self, snapshot_time: int) -> None:
        """Note an answer of 403 to a payload of the snapshot of *snapshot_time*."""
        if self._refused_snapshot is None:
            self._refused_snapshot = snapshot_time
        elif self._refused_snapshot != snapshot_time:
            self._is_refused = True
        self._doubt()

    def note_accepted(self) -> None:
        """Note that a payload was accepted."""
        self._refused_snapshot = None
        self._is_refused = False
        if self._state == "invalid":
            self._doubt()

    def _doubt(self) -> None:
        """Request a check of the key, unless it was just checked."""
        if trio.current_time() >= self._pause_until:
            self._pause_until = math.inf
            self._key.request_check()

    @protect_from_ki
    async def run(self) -> NoReturn:
        """Check at the start, every hour, and on request, until cancelled."""
        while True:
            # This is read before the check, so that a replacement during the check is
            # noticed.
            requested = self._key.check_requested
            await self._check()
            self._pause_until = trio.current_time() + self._pause_seconds
            with trio.move_on_after(_INTERVAL_SECONDS):
                await requested.wait()

    async def _check(self) -> None:
        """Check once; log what has changed, and never raise."""
        key = await self._key.get()
        if key is None:
            self._state = "unknown"
            return
        if key != self._checked_key:
            # The answer was about another key, so it no longer matters.
            self._checked_key = key
            self._refused_snapshot, self._is_refused = None, False
        answer = await self._endpoint.validate(key)
        before = self._state
        # Source: datadog-agent, forwarder_health.go: 200, 403, or inconclusive.
        self._state = _STATES.get(answer.status, "unknown")
        if self._state == before:
            return
        if self._state == "valid":
            logger.info("%s: the API key is valid", self._name)
        elif self._state == "invalid":
            logger.error(
                "%s: the API key is not valid; check %s", self._name, self._key_option
            )
        else:
            logger.warning(
                "%s: could not check the API key: %s", self._name, answer.describe()
            )
