"""A pipeline that cannot be opened leaves nothing open."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from statsd_trio import Config
from statsd_trio.server.destinations import open_destinations
from statsd_trio.server.pipeline import open_pipeline

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def taken_port() -> Iterator[int]:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


async def test_a_taken_port_leaves_no_spool_open(
    tmp_path: Path, taken_port: int
) -> None:
    config = Config(
        api_key=KEY, host="127.0.0.1", port=taken_port, spool_path=str(tmp_path)
    )
    with pytest.raises(OSError, match="cannot listen"):
        await open_pipeline(config, sinks=None, wall_clock=lambda: 0.0)
    # The lock by which the process has its files is released.
    assert not [*tmp_path.iterdir()]  # noqa: ASYNC240 - it is short


def test_a_sink_that_cannot_be_opened_leaves_no_spool_open(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    config = Config(
        sinks=["datadog", "jsonl"],
        api_key=KEY,
        spool_path=str(spool),
        jsonl_path=str(tmp_path),
    )
    with pytest.raises(OSError, match="directory"), ExitStack() as stack:
        open_destinations(config, resources=stack)
    assert list(spool.iterdir()) == []
