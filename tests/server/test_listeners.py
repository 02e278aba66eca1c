import socket
import sys
from pathlib import Path
from typing import Any

import pytest
import trio
from queues import open_queue

from statsd_trio.config import Config
from statsd_trio.server.listeners import bind_listeners
from statsd_trio.transports.unix import UnixDatagramListener, bind_unix_datagram


@pytest.mark.parametrize(
    ("kind", "field"),
    [(socket.SOCK_DGRAM, "port"), (socket.SOCK_STREAM, "tcp_port")],
)
async def test_port_of_a_socket_handed_in_is_that_socket(
    kind: socket.SocketKind, field: str
) -> None:
    with socket.socket(socket.AF_INET, kind) as handed_in:
        handed_in.bind(("127.0.0.1", 0))
        port = handed_in.getsockname()[1]

        [listener] = await bind_listeners(
            Config(**{"port": None, field: port}, sockets=[handed_in])
        )

        assert listener.address == ("127.0.0.1", port)
        listener.close()


async def test_port_of_another_kind_is_bound_too() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as handed_in:
        handed_in.bind(("127.0.0.1", 0))
        port = handed_in.getsockname()[1]

        listeners = await bind_listeners(
            Config(host="127.0.0.1", port=port, sockets=[handed_in])
        )

        assert [each.counters.name for each in listeners] == [
            f"udp://127.0.0.1:{port}",
            f"tcp://127.0.0.1:{port}",
        ]
        for listener in listeners:
            listener.close()


@pytest.mark.skipif(sys.platform == "win32", reason="no Unix sockets in Python")
@pytest.mark.parametrize("field", ["socket_path", "stream_socket_path"])
async def test_path_of_a_socket_handed_in_is_that_socket(
    field: str, tmp_path: Path
) -> None:
    path = str(tmp_path / "s")
    is_stream = field == "stream_socket_path"
    kind = socket.SOCK_STREAM if is_stream else socket.SOCK_DGRAM
    with socket.socket(socket.AF_UNIX, kind) as handed_in:
        handed_in.bind(path)

        [listener] = await bind_listeners(
            Config(**{"port": None, field: path}, sockets=[handed_in])  # type: ignore[arg-type]
        )

        assert listener.address == path
        listener.close()


@pytest.mark.skipif(sys.platform != "linux", reason="it is read natively on Linux only")
async def test_every_datagram_socket_is_read_as_asked(tmp_path: Path) -> None:
    asked: list[int] = []

    def receive(
        fd: int, size: int, limit: int, control: int = 0, /
    ) -> list[tuple[bytes, bytes]]:
        asked.append(fd)
        return []

    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as unixgram,
    ):
        udp.bind(("127.0.0.1", 0))
        unixgram.bind(str(tmp_path / "handed in"))
        config = Config(
            host="127.0.0.1",
            port=0,
            socket_path=str(tmp_path / "bound"),
            sockets=[udp, unixgram],
        )
        listeners = await bind_listeners(config, receive)
        for listener in listeners:
            is_udp = listener.counters.name.startswith("udp:")
            family = socket.AF_INET if is_udp else socket.AF_UNIX
            with socket.socket(family, socket.SOCK_DGRAM) as client:
                client.sendto(b"a:1|c", listener.address)
            send, _ = open_queue(listener.counters, 1)
            with trio.CancelScope() as scope:
                scope.cancel()
                await listener.receive(send)
    assert len(set(asked)) == len(listeners) == 4


@pytest.mark.skipif(sys.platform == "win32", reason="no Unix sockets in Python")
async def test_the_reader_of_a_unix_socket_may_rest_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, object] = {}

    def bind(path: str, **settings: Any) -> UnixDatagramListener:
        given.update(settings)
        return bind_unix_datagram(path, **settings)

    monkeypatch.setattr("statsd_trio.server.listeners.bind_unix_datagram", bind)
    config = Config(port=None, socket_path=str(tmp_path / "x"), max_rest_seconds=0.0075)
    [listener] = await bind_listeners(config)
    listener.close()
    assert given["max_rest_seconds"] == 0.0075
