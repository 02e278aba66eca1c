"""The routes of an OTLP receiver, and what its answers mean."""

from typing import Final

from statsd_trio.sinks.delivery.payload import Route
from statsd_trio.sinks.delivery.retry import Outcome

# Source: opentelemetry-specification, protocol/otlp.md, Retryable Response Codes.
_RETRYABLE: Final = frozenset({429, 502, 503, 504})


class OtlpRoute(Route):
    """The path of a payload below the endpoint's URL.

    The most important route first.
    """

    METRICS = ("/v1/metrics", 0.75, True)
    LOGS = ("/v1/logs", 0.25, False)


def classify_status(status: int) -> Outcome:
    """Return what *status* means for the payload.

    After a redirect that was not followed, the payload is tried again, because nothing
    was delivered.

    Source: opentelemetry-specification, protocol/otlp.md, OTLP/HTTP Response.
    """
    if 200 <= status < 300:
        return Outcome.DELIVERED
    if status in _RETRYABLE or status < 400:
        return Outcome.RETRY
    return Outcome.REFUSED
