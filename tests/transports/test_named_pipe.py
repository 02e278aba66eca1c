"""The Windows glue, which runs on Windows only."""

import sys

import pytest
import trio
from queues import open_queue

from statsd_trio.transports.listener import Listener
from statsd_trio.transports.pipe import bind_pipe

pytestmark = pytest.mark.skipif(
    sys.platform != "win32", reason="named pipes of this kind exist on Windows only"
)


def bind() -> Listener:
    return bind_pipe(
        "statsd-trio-test",
        buffer_size=8192,
        max_connections=10,
        frame_timeout_seconds=10,
    )


def write(path: str, data: bytes) -> None:
    with open(path, "wb", buffering=0) as pipe:  # noqa: PTH123 - no path of a file
        pipe.write(data)


async def test_lines_of_several_clients_become_packets() -> None:
    listener = bind()
    send, receive = open_queue(listener.counters, 100)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(listener.receive, send)
        for number in range(3):
            await trio.to_thread.run_sync(
                write, str(listener.address), b"%d\nhalf" % number
            )
            assert (await receive.receive()).data == b"%d\n" % number
        nursery.cancel_scope.cancel()
    assert listener.counters.refused == {"half_frame": 3}


def test_the_prefix_is_added_where_it_is_missing() -> None:
    listener = bind()
    listener.close()
    assert listener.address == r"\\.\pipe\statsd-trio-test"


def test_a_taken_name_is_refused() -> None:
    listener = bind()
    with pytest.raises(OSError, match="cannot listen on"):
        bind()
    listener.close()
