"""Fixtures for Trio, registered where pytest-trio is loaded."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import trio

from pytest_statsd_trio import read_counts_telemetry, read_timeout, watch_item


@pytest.fixture(scope="session")
def _dogstatsd_folder() -> Iterator[Any]:
    from pytest_statsd_trio.endpoint import open_socket_folder

    with open_socket_folder() as folder:
        yield folder


# Asked for by Trio tests alone, for which pytest-trio runs it.
@pytest.fixture
async def _dogstatsd_trio(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    nursery: trio.Nursery,
    _dogstatsd_folder: Any,
) -> AsyncIterator[Any]:
    from pytest_statsd_trio.trio_session import open_trio_session

    session = await open_trio_session(
        nursery,
        next(_dogstatsd_folder),
        read_timeout(request.config),
        counts_telemetry=read_counts_telemetry(request.config),
    )
    received = session.received
    for name, value in received.environment.items():
        monkeypatch.setenv(name, value)
    watch_item(request.node, received)
    yield received
    session.close()
