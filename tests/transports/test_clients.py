"""Clients that we did not write, each over every transport that it knows."""

import asyncio
import shutil
import subprocess
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import aiodogstatsd
import pytest
import statsd
import trio
from datadog.dogstatsd import DogStatsd

from statsd_trio.transports.fifo import bind_fifo
from statsd_trio.transports.listener import Listener
from statsd_trio.transports.packet import Packet
from statsd_trio.transports.tcp import bind_tcp
from statsd_trio.transports.udp import bind_udp
from statsd_trio.transports.unix import bind_unix_datagram, bind_unix_stream

Receiving = Callable[
    ..., AbstractAsyncContextManager[trio.MemoryReceiveChannel[Packet]]
]

pytestmark = [
    pytest.mark.usefixtures("no_leaks"),
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
    limits = {"max_connections": 10, "frame_timeout_seconds": 10.0}
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
            return bind_fifo(str(path / "s"), buffer_size=8192)


async def receive_lines(
    packets: trio.MemoryReceiveChannel[Packet], count: int
) -> list[bytes]:
    lines: list[bytes] = []
    while len(lines) < count:
        lines += (await packets.receive()).data.split()
    return sorted(lines)


def send_with_datadog(transport: str, address: object) -> None:
    where: dict[str, object] = {}
    if transport == "udp":
        assert isinstance(address, tuple)
        where = {"host": address[0], "port": address[1]}
    else:
        scheme = "unix" if transport == "unixgram" else "unixstream"
        where = {"socket_path": f"{scheme}://{address}"}
    client = DogStatsd(
        **where,
        constant_tags=["env:prod"],
        disable_telemetry=True,
        origin_detection_enabled=False,
        socket_timeout=2,
    )
    client.increment("page.views", 3)
    client.gauge("queue.depth", 17)
    client.timing("request.time", 21)
    client.set("users", "alice")
    client.histogram("payload.size", 512)
    client.distribution("payload.spread", 512)
    client.event("title", "text")
    client.service_check("agent.up", DogStatsd.OK)
    client.flush()
    client.close_socket()
    client.stop()


@pytest.mark.parametrize("transport", ["udp", "unixgram", "unixstream"])
async def test_datadog(transport: str, tmp_path: Path, receiving: Receiving) -> None:
    listener = await bind(transport, tmp_path)
    async with receiving(listener) as packets:
        await trio.to_thread.run_sync(send_with_datadog, transport, listener.address)
        lines = await receive_lines(packets, len(DATADOG_LINES))
    assert lines == sorted(DATADOG_LINES)
    assert not listener.counters.refused


def send_with_statsd(transport: str, address: tuple[str, int]) -> None:
    kind = statsd.StatsClient if transport == "udp" else statsd.TCPStatsClient
    client = kind(*address)
    client.incr("page.views", 3)
    client.gauge("queue.depth", 17)
    client.timing("request.time", 21)
    client.set("users", "alice")
    client.close()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_statsd(transport: str, tmp_path: Path, receiving: Receiving) -> None:
    listener = await bind(transport, tmp_path)
    async with receiving(listener) as packets:
        await trio.to_thread.run_sync(send_with_statsd, transport, listener.address)
        lines = await receive_lines(packets, len(PLAIN_LINES))
    assert [line.replace(b"21.000000", b"21") for line in lines] == sorted(PLAIN_LINES)


async def test_aiodogstatsd(tmp_path: Path, receiving: Receiving) -> None:
    listener = await bind("udp", tmp_path)
    assert isinstance(listener.address, tuple)
    host, port = listener.address

    async def send() -> None:
        async with aiodogstatsd.Client(
            host=host, port=port, constant_tags={"env": "prod"}
        ) as client:
            client.increment("page.views", value=3)
            client.gauge("queue.depth", value=17)
            client.timing("request.time", value=21)
            client.distribution("payload.spread", value=512)

    async with receiving(listener) as packets:
        await trio.to_thread.run_sync(asyncio.run, send())
        lines = await receive_lines(packets, 4)
    assert lines == sorted([*LINES[:3], b"payload.spread:512|d|#env:prod"])


HOT_SHOTS = """
const [transport, where, port] = process.argv.slice(1);
const options = {protocol: transport, globalTags: {env: 'prod'}, cacheDns: false};
if (transport === 'uds') options.path = where;
else { options.host = where; options.port = Number(port); }
const StatsD = require('hot-shots');
const client = new StatsD(options);
client.increment('page.views', 3);
client.gauge('queue.depth', 17);
client.timing('request.time', 21);
client.set('users', 'alice');
client.histogram('payload.size', 512);
client.distribution('payload.spread', 512);
client.event('title', 'text');
client.check('agent.up', 0);
setTimeout(() => client.close(() => {}), 200);
"""


def has_hot_shots(addon: str = "hot-shots") -> bool:
    node = shutil.which("node")
    return node is not None and not (
        subprocess.run(
            [node, "-e", f"require({addon!r})"], capture_output=True, check=False
        ).returncode
    )


@pytest.mark.parametrize("transport", ["udp", "tcp", "uds"])
async def test_hot_shots(transport: str, tmp_path: Path, receiving: Receiving) -> None:
    if not has_hot_shots("unix-dgram" if transport == "uds" else "hot-shots"):
        pytest.skip("needs node, and hot-shots from npm on NODE_PATH")
    listener = await bind("unixgram" if transport == "uds" else transport, tmp_path)
    where = listener.address
    arguments = [where] if isinstance(where, str) else [*map(str, where)]  # type: ignore[call-overload]  # host and port
    async with receiving(listener) as packets:
        await trio.run_process(["node", "-e", HOT_SHOTS, transport, *arguments])
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
    text = where if isinstance(where, str) else ":".join(map(str, where))  # type: ignore[call-overload]  # host and port
    async with receiving(listener) as packets:
        await trio.run_process(command.format(text), shell=True)
        assert (await packets.receive()).data.strip() == b"a:1|c"
