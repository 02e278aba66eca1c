"""Why nothing may have arrived: guesses that a person can check."""

import inspect
import sys
from collections.abc import Iterator
from typing import Any

from pytest_statsd_trio.endpoint import Endpoint


def find_hints(endpoint: Endpoint) -> Iterator[str]:
    """Guess why nothing arrived at *endpoint*; what can be seen is looked at."""
    host, port = endpoint.address
    client: Any = getattr(sys.modules.get("datadog"), "statsd", None)
    if client is None:
        yield "a client that collects metrics before it sends them must be flushed"
    elif _holds_metrics_back(client):
        yield (
            "`datadog` collects metrics before it sends them: call `flush()` of the "
            "client, such as `datadog.statsd.flush()`"
        )
    yield (
        "a client made before the test may still send to port 8125: make it in the "
        f"test, or point it at {host}:{port}"
    )
    path = getattr(client, "socket_path", None)
    target = path or "{}:{}".format(
        getattr(client, "host", None), getattr(client, "port", None)
    )
    ours = {*endpoint.paths, f"{host}:{port}", f"localhost:{port}"}
    if client is not None and target not in ours:
        yield (
            f"`datadog.statsd` of this process sends to {target}: call "
            f"`datadog.initialize(statsd_host={host!r}, statsd_port={port})`"
        )


def _holds_metrics_back(client: Any) -> bool:
    """Look whether *client* buffers or aggregates, or others do by default."""
    names = ("disable_buffering", "disable_aggregation")
    if any(getattr(client, f"_{name}", True) is False for name in names):
        return True
    maker: Any = getattr(sys.modules.get("datadog.dogstatsd.base"), "DogStatsd", None)
    if maker is None:
        return False
    defaults = inspect.signature(maker).parameters
    return any(name in defaults and defaults[name].default is False for name in names)
