"""Clients that we did not write, each over every transport that it knows."""

import shutil
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
import trio
from bound import host_and_port
from senders import (
    has_hot_shots,
    send_with_aiodogstatsd,
    send_with_datadog,
    send_with_hot_shots,
    send_with_statsd,
)

from statsd_trio.transports.fifo import FifoListener
from statsd_trio.transports.listener import Listener
from statsd_trio.transports.packet_queue import PacketQueue
from statsd_trio.transports.tcp import bind_tcp
from statsd_trio.transports.udp import bind_udp
from statsd_trio.transports.unix import bind_unix_datagram, bind_unix_stream

Receiving = Callable[..., AbstractAsyncContextManager[PacketQueue]]

pytestmark = [
    pytest.mark.usefixtures("no_leaks", "read_each_way"),
    pytest.mark.skipif("sys.platform == 'win32'", reason="needs Unix sockets"),
]

LINES = [
    b"page.views:3|c|#env:prod",
    b"queue.depth:17|g|#env:prod",
    b"request.time:21|ms|#env:prod",
    b"users:alice|s|#env:prod",
]
DATADOG_LINES = [
    *LINES,
    b"payload.size:512|h|#env:prod",
    b"payload.spread:512|d|#env:prod",
    b"_e{5,4}:title|text|#env:prod",
    b"_sc|agent.up|0|#env:prod",
]
# The clients of plain StatsD know no tags.
PLAIN_LINES = [line.removesuffix(b"|#env:prod") for line in LINES]


async def bind(transport: str, path: Path) -> Listener:
    limits: dict[str, Any] = {"max_connections": 10, "frame_timeout_seconds": 10.0}
    match transport:
        case "udp":
            [udp] = await bind_udp(
                "127.0.0.1", 0, buffer_size=8192, receive_buffer_bytes=1 << 20
            )
            return udp
        case "tcp":
            [tcp] = await bind_tcp("127.0.0.1", 0, buffer_size=8192, **limits)
            return tcp
        case "unixgram":
            return bind_unix_datagram(str(path / "s"), buffer_size=8192)
        case "unixstream":
            return bind_unix_stream(str(path / "s"), buffer_size=8192, **limits)
        case _:
            return FifoListener(
                str(path / "s"), buffer_size=8192, frame_timeout_seconds=10
            )


async def receive_lines(packets: PacketQueue, count: int) -> list[bytes]:
    lines: list[bytes] = []
    while len(lines) < count:
        lines += (await packets.receive()).data.split()
    return sorted(lines)


@pytest.mark.parametrize("transport", ["udp", "unixgram", "unixstream"])
async def test_datadog(transport: str, tmp_path: Path, receiving: Receiving) -> None:
    listener = await bind(transport, tmp_path)
    async with receiving(listener) as packets:
        await trio.to_thread.run_sync(send_with_datadog, transport, listener.address)
        lines = await receive_lines(packets, len(DATADOG_LINES))
    assert lines == sorted(DATADOG_LINES)
    assert not listener.counters.refused


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_statsd(transport: str, tmp_path: Path, receiving: Receiving) -> None:
    listener = await bind(transport, tmp_path)
    async with receiving(listener) as packets:
        await trio.to_thread.run_sync(
            send_with_statsd, transport, host_and_port(listener.address)
        )
        lines = await receive_lines(packets, len(PLAIN_LINES))
    assert [line.replace(b"21.000000", b"21") for line in lines] == sorted(PLAIN_LINES)


async def test_aiodogstatsd(tmp_path: Path, receiving: Receiving) -> None:
    listener = await bind("udp", tmp_path)
    async with receiving(listener) as packets:
        await trio.to_thread.run_sync(
            send_with_aiodogstatsd, host_and_port(listener.address)
        )
        lines = await receive_lines(packets, 4)
    assert lines == sorted([*LINES[:3], b"payload.spread:512|d|#env:prod"])


@pytest.mark.parametrize("transport", ["udp", "tcp", "uds"])
async def test_hot_shots(transport: str, tmp_path: Path, receiving: Receiving) -> None:
    if not has_hot_shots("unix-dgram" if transport == "uds" else "hot-shots"):
        pytest.skip("needs node, and hot-shots from npm on NODE_PATH")
    listener = await bind("unixgram" if transport == "uds" else transport, tmp_path)
    async with receiving(listener) as packets:
        await trio.to_thread.run_sync(send_with_hot_shots, transport, listener.address)
        data = b""
        while data.count(b"env:prod") < len(DATADOG_LINES):
            data += (await packets.receive()).data + b"\n"
    lines = sorted(line for line in data.split(b"\n") if line)
    assert [line for line in lines if not line.startswith(b"_e")] == sorted(
        line for line in DATADOG_LINES if not line.startswith(b"_e")
    )
    assert any(line.startswith(b"_e{5,4}:title|text") for line in lines)


@pytest.mark.parametrize(
    ("transport", "command"),
    [
        ("udp", 'printf "a:1|c" | socat - UDP-SENDTO:{}'),
        ("tcp", 'printf "a:1|c\\n" | socat - TCP:{}'),
        ("unixgram", 'printf "a:1|c" | socat - UNIX-SENDTO:{}'),
        ("unixstream", 'printf "\\005\\0\\0\\0a:1|c" | socat - UNIX-CONNECT:{}'),
        ("pipe", 'echo "a:1|c" > {}'),
    ],
)
async def test_the_shell(
    transport: str, command: str, tmp_path: Path, receiving: Receiving
) -> None:
    if "socat" in command and not shutil.which("socat"):
        pytest.skip("needs socat")
    listener = await bind(transport, tmp_path)
    where = listener.address
    text = where if isinstance(where, str) else ":".join(map(str, where))
    async with receiving(listener) as packets:
        await trio.run_process(command.format(text), shell=True)
        assert (await packets.receive()).data.strip() == b"a:1|c"
