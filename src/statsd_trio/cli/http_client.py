"""A running server, asked over the views that it serves on ``http``."""

import json
from typing import Final, Self, TypeVar

import cattrs
import httpx2

from statsd_trio.cli.remote import Readiness, RemoteError, Usage
from statsd_trio.config.secret import mask_credentials
from statsd_trio.ledger import Ledger

# Far more than a ledger of a thousand listeners; what is longer is no ledger.
_MAX_BYTES: Final = 8 * 1024 * 1024

_TIMEOUT_SECONDS: Final = 5.0

_T = TypeVar("_T")


class Remote:
    """A server that runs elsewhere.

    Attributes:
        name: the URL where it serves its views, without credentials.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self.name = mask_credentials(url)
        # No proxy of the environment: what is asked is mostly on this host.
        self._client = httpx2.Client(timeout=_TIMEOUT_SECONDS, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._client.close()

    def read_ledger(self) -> Ledger:
        """Ask what became of everything."""
        return self._read("/ledger", Ledger)

    def read_readiness(self) -> Readiness:
        """Ask whether it can do its work."""
        return self._read("/readyz", Readiness)

    def read_usage(self) -> Usage:
        """Ask who has the most."""
        return self._read("/contexts", Usage)

    def _read(self, path: str, kind: type[_T]) -> _T:
        try:
            answer = self._get(path)
        except httpx2.InvalidURL as error:
            # Not with the error's text, which may quote a part of a password.
            raise RemoteError(
                f"cannot reach {self.name}: the URL cannot be read"
            ) from error
        except httpx2.HTTPError as error:
            reason = _describe_failure(error)
            raise RemoteError(f"cannot reach {self.name}: {reason}") from error
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
                f"{self.name} is not where a statsd-trio server shows itself"
            ) from error

    def _get(self, path: str) -> bytes:
        body = bytearray()
        with self._client.stream("GET", self._url + path) as response:
            for chunk in response.iter_bytes(65536):
                body += chunk
                if len(body) > _MAX_BYTES:
                    raise RemoteError(f"{self.name} answers with too much")
        return bytes(body)


def _describe_failure(error: httpx2.HTTPError) -> str:
    """Return what the system said without its error number, or else the library."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return str(error) or type(error).__name__
