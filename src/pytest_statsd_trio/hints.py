"""Why nothing may have arrived: guesses that a person can check."""

import sys
from collections.abc import Iterator

from pytest_statsd_trio.endpoint import Endpoint


def find_hints(endpoint: Endpoint) -> Iterator[str]:
    """Guess why nothing arrived at *endpoint*; what can be seen is looked at."""
    host, port = endpoint.address
    yield "no packet arrived; `datadog` buffers by default, call `statsd.flush()`"
    yield (
        "a client made before the test may still send to port 8125: make it in the "
        f"test, or point it at {host}:{port}"
    )
    client = getattr(sys.modules.get("datadog"), "statsd", None)
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
