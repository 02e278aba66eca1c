"""Explain why a request has no answer, without quoting what the peer wrote."""

import re
import ssl
from collections.abc import Mapping
from typing import Final

import httpx2

from statsd_trio.sinks.delivery.answer import Answer

# How many causes of an error to follow until the system's own error is found.
_MAX_CAUSES: Final = 10

# The start of the error of a proxy that did not open a tunnel.
_PROXY_STATUS: Final = re.compile(r"[1-9]\d\d\b", re.ASCII)

# Before the system's message, Trio shows the address in Python's form.
_ADDRESS: Final = re.compile(r"Error connecting to \(.*?\): ")

# The HTTP library's errors in plain words; other errors are shown by their name.
_FAILURES: Final[Mapping[type[BaseException], str]] = {
    httpx2.ConnectError: "could not connect",
    httpx2.RemoteProtocolError: "hung up, or answered with something other than HTTP",
    httpx2.ReadError: "the connection broke",
    httpx2.WriteError: "the connection broke",
}

# Errors after which the intake cannot have the payload.
_UNSENT: Final = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
    httpx2.LocalProtocolError,
    httpx2.InvalidURL,
)


def explain_no_answer(error: Exception) -> Answer:
    """Return the result of a request that failed with *error*."""
    return Answer(
        None, error=describe_error(error), is_lost=not isinstance(error, _UNSENT)
    )


def describe_error(error: BaseException) -> str:
    """Describe *error*, with the system's message or the status of a proxy.

    The error's own text is left out, because the peer may have written it.
    """
    failure = _FAILURES.get(type(error), type(error).__name__)
    cause: BaseException | None = error
    for _ in range(_MAX_CAUSES):
        match cause:
            case None:
                break
            case httpx2.ProxyError() if status := _PROXY_STATUS.match(str(cause)):
                return _describe_proxy(status[0])
            case ssl.SSLCertVerificationError():
                return f"{failure}: {cause.verify_message}"
            case OSError(strerror=str() as reason) if reason:
                return f"{failure}: {_ADDRESS.sub('', reason)}"
            case BaseExceptionGroup():
                cause = cause.exceptions[0]
            case _:
                cause = cause.__cause__ or cause.__context__
    return failure


def _describe_proxy(status: str) -> str:
    if status == "407":
        return "the proxy answered 407: check the credentials in the proxy's URL"
    return f"the proxy answered {status}"
