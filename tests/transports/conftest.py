import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from queues import open_queue

from statsd_trio.transports import udp, unix
from statsd_trio.transports.listener import Listener
from statsd_trio.transports.packet_queue import PacketQueue
from statsd_trio.transports.receiving import (
    NativeReceive,
    ReceiveMany,
    find_native_receive,
)

Receiving = Callable[..., AbstractAsyncContextManager[PacketQueue]]


def count_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.fixture
def no_leaks() -> Iterator[None]:
    """Fails the test that leaves a descriptor open."""
    if sys.platform != "linux":
        yield
        return
    before = count_descriptors()
    yield
    assert count_descriptors() == before


@asynccontextmanager
async def _receive(
    listener: Listener, queue_size: int = 1024
) -> AsyncIterator[PacketQueue]:
    send, receive = open_queue(listener.counters, queue_size)
    async with receive, trio.open_nursery() as nursery:
        nursery.start_soon(listener.receive, send)
        try:
            yield receive
        except BaseException:
            # Else a reader would wait for room without end.
            receive.close()
            raise
        nursery.cancel_scope.cancel()


@pytest.fixture
def receiving() -> Receiving:
    """Run a listener for the length of a block; gives what it receives."""
    return _receive


@pytest.fixture(params=["one by one", "many at once"])
def native_receive(request: pytest.FixtureRequest) -> NativeReceive | None:
    """Run a test with each way to read; natively only where it is installed."""
    if request.param == "one by one":
        return None
    found = find_native_receive()
    if found is None:
        pytest.skip("the native module is not installed, or cannot read here")
    return found


@pytest.fixture
def read_each_way(
    native_receive: NativeReceive | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let datagrams be read in one way, then the other, whatever listeners are told."""
    for module in (udp, unix):

        def choose(
            sock: socket.socket,
            max_bytes: int,
            _: NativeReceive | None,
            real: Callable[..., ReceiveMany[Any]] = module._choose_receive,
        ) -> ReceiveMany[Any]:
            return real(sock, max_bytes, native_receive)

        monkeypatch.setattr(module, "_choose_receive", choose)


class Resolver(trio.abc.HostnameResolver):
    """Resolves every name to the addresses given."""

    def __init__(self, *hosts: str) -> None:
        self.hosts = hosts

    async def getaddrinfo(
        self,
        host: bytes | None,
        port: bytes | str | int | None,
        family: int = 0,
        type: int = 0,  # noqa: A002 - as the standard library names it
        proto: int = 0,
        flags: int = 0,
    ) -> Any:
        await trio.lowlevel.checkpoint()
        return [
            (socket.AF_INET6, type, 17, "", (name, port, 0, 0))
            if ":" in name
            else (socket.AF_INET, type, 17, "", (name, port))
            for name in self.hosts
        ]

    async def getnameinfo(self, sockaddr: Any, flags: int) -> tuple[str, str]:
        raise NotImplementedError


@pytest.fixture
def resolve_to() -> Callable[..., None]:
    """Make every name resolve to the addresses given, for this test."""

    def replace(*hosts: str) -> None:
        trio.socket.set_custom_hostname_resolver(Resolver(*hosts))

    return replace
