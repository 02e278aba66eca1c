from collections.abc import AsyncIterator

import pytest
import trio

from statsd_trio.mock_intake.connection import break_off, reset


@pytest.fixture
async def pair() -> AsyncIterator[tuple[trio.SocketStream, trio.SocketStream]]:
    """The mock's side of a connection, and its client's."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        client = await trio.open_tcp_stream(*listener.socket.getsockname())
        async with client, await listener.accept() as accepted:
            yield accepted, client


async def test_what_is_broken_off_arrives_and_then_the_connection_ends(
    pair: tuple[trio.SocketStream, trio.SocketStream],
) -> None:
    stream, client = pair
    received = 0
    async with trio.open_nursery() as nursery:
        # More than the kernel takes, so that it has to be waited for.
        nursery.start_soon(break_off, stream, b"x" * 20_000_000)
        while data := await client.receive_some():
            received += len(data)
    assert received == 20_000_000


async def test_breaking_off_survives_a_client_that_left(
    pair: tuple[trio.SocketStream, trio.SocketStream],
) -> None:
    stream, client = pair
    await client.aclose()
    await break_off(stream, b"x" * 20_000_000)
    with pytest.raises(trio.ClosedResourceError):
        await stream.receive_some(1)


async def test_a_reset_is_one(
    pair: tuple[trio.SocketStream, trio.SocketStream],
) -> None:
    stream, client = pair
    reset(stream)
    with pytest.raises(trio.BrokenResourceError):
        await client.receive_some(1)
