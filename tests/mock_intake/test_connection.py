from collections.abc import AsyncIterator

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from statsd_trio.mock_intake.connection import Connection


@pytest.fixture
async def pair() -> AsyncIterator[tuple[Connection, trio.SocketStream]]:
    """A connection, and its client's side."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        client = await trio.open_tcp_stream(*listener.socket.getsockname())
        async with client, await listener.accept() as accepted:
            yield Connection(accepted), client


async def test_the_http_server_cannot_write_into_what_is_broken_off(
    pair: tuple[Connection, trio.SocketStream],
) -> None:
    connection, client = pair
    async with trio.open_nursery() as nursery:
        # More than the kernel takes, so that it is still being written.
        nursery.start_soon(connection.break_off, b"x" * 20_000_000)
        await wait_all_tasks_blocked(0.05)
        for write in (connection.send_all(b"HTTP/1.1 500\r\n"), connection.send_eof()):
            with pytest.raises(trio.ClosedResourceError):
                await write
        received = 0
        while data := await client.receive_some():
            received += len(data)
    assert received == 20_000_000


async def test_breaking_off_survives_a_client_that_left(
    pair: tuple[Connection, trio.SocketStream],
) -> None:
    connection, client = pair
    await client.aclose()
    await connection.break_off(b"x" * 20_000_000)
    with pytest.raises(trio.ClosedResourceError):
        await connection.receive_some(1)


async def test_resetting_what_is_closed_is_nothing(
    pair: tuple[Connection, trio.SocketStream],
) -> None:
    connection, _ = pair
    await connection.aclose()
    connection.reset()
