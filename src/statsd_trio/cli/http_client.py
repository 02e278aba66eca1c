"""Ask a running server over the HTTP views that it serves."""

import json
from typing import Final, Self, TypeVar

import cattrs
import httpx2

from statsd_trio.cli.remote import Readiness, RemoteError, Usage
from statsd_trio.config.secret import mask_credentials
from statsd_trio.ledger import Ledger

# Far more than the ledger of a thousand listeners; a longer answer is not a ledger.
_MAX_BYTES: Final = 8 * 1024 * 1024

_TIMEOUT_SECONDS: Final = 5.0

_T = TypeVar("_T")


class Remote:
    """A server that runs elsewhere.

    Attributes:
        name: the URL of its views, without credentials.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self.name = mask_credentials(url)
        # The environment's proxy is not used, because the server is mostly on this
        # host.
        self._client = httpx2.Client(timeout=_TIMEOUT_SECONDS, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._client.close()

    def read_ledger(self) -> Ledger:
        """Request the ledger."""
        return self._read("/ledger", Ledger)

    def read_readiness(self) -> Readiness:
        """Request whether the server is ready, and why not."""
        return self._read("/readyz", Readiness)

    def read_usage(self) -> Usage:
        """Request which names and tag keys have the most contexts."""
        return self._read("/contexts", Usage)

    def _read(self, path: str, kind: type[_T]) -> _T:
        try:
            answer = self._get(path)
        except httpx2.InvalidURL as error:
            # The error's own text is left out, because it may quote a part of a
            # password.
            raise RemoteError(
                f"cannot reach {self.name}: the URL cannot be read"
            ) from error
        except httpx2.HTTPError as error:
            reason = _describe_failure(error)
            raise RemoteError(
                f"cannot reach {self.name}: {reason}. Check --url, and that the server"
                " was started with the same --http."
            ) from error
        try:
            return cattrs.structure(json.loads(answer), kind)
        except (
            cattrs.BaseValidationError,
            AttributeError,
            KeyError,
            RecursionError,
            TypeError,
            ValueError,
        ) as error:
            raise RemoteError(
                f"{self.name} is not where a statsd-trio server shows itself."
                " Check --url."
            ) from error

    def _get(self, path: str) -> bytes:
        body = bytearray()
        with self._client.stream("GET", self._url + path) as response:
            for chunk in response.iter_bytes(65536):
                body += chunk
                if len(body) > _MAX_BYTES:
                    raise RemoteError(f"{self.name} sent an answer that is too long")
        return bytes(body)


def _describe_failure(error: httpx2.HTTPError) -> str:
    """Return the system's message without its error number, or the library's."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return str(error) or type(error).__name__
