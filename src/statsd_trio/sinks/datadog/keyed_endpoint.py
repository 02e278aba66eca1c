"""Send payloads to an endpoint with one of its keys."""

import trio

from statsd_trio.sinks.datadog.endpoint import DatadogEndpoint
from statsd_trio.sinks.datadog.key_check import KeyCheck
from statsd_trio.sinks.datadog.keys import ApiKey
from statsd_trio.sinks.delivery.answer import Answer
from statsd_trio.sinks.delivery.payload import Payload


class KeyedEndpoint:
    """An endpoint and one key, in the form that a delivery needs.

    A payload that the intake refuses because of its key is sent again at once, if the
    source of the key may have a new one.
    """

    def __init__(
        self, endpoint: DatadogEndpoint, key: ApiKey, key_check: KeyCheck
    ) -> None:
        self._endpoint = endpoint
        self._key = key
        self._key_check = key_check

    @property
    def key_state(self) -> str:
        """``valid``, ``invalid`` or ``unknown``; "" before the first answer."""
        return self._key_check.state

    async def run(self) -> None:
        """Check the key from time to time, until cancelled."""
        await self._key_check.run()

    async def post(
        self, payload: Payload, snapshot_time: int, timeout_seconds: float
    ) -> Answer:
        """Send *payload* of the snapshot of *snapshot_time*."""
        key = await self._find_key(timeout_seconds)
        if key is None:
            return Answer(None, error="there is no API key")
        answer = await self._endpoint.post(payload, key, timeout_seconds)
        if answer.status == 403 and self._key.is_renewable:
            with trio.move_on_after(timeout_seconds):
                await self._key.renew(key)
            key = await self._find_key(timeout_seconds) or key
            answer = await self._endpoint.post(payload, key, timeout_seconds)
        if answer.status is not None and 200 <= answer.status < 300:
            self._key_check.note_accepted()
        elif answer.status == 403:
            self._key_check.note_refused(snapshot_time)
        return answer

    async def _find_key(self, timeout_seconds: float) -> str | None:
        with trio.move_on_after(timeout_seconds):
            return await self._key.get()
        return None
