"""Clients that we did not write, all sending the same small workload."""

import asyncio
import shutil
import subprocess
from typing import Any

import aiodogstatsd
import statsd
from datadog.dogstatsd.base import DogStatsd


def send_with_datadog(transport: str, address: object) -> None:
    where: dict[str, Any] = {}
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
        socket_timeout=60,
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


def send_with_statsd(transport: str, address: tuple[str, int]) -> None:
    kind = statsd.StatsClient if transport == "udp" else statsd.TCPStatsClient
    client = kind(*address)
    client.incr("page.views", 3)
    client.gauge("queue.depth", 17)
    client.timing("request.time", 21)
    client.set("users", "alice")
    client.close()


def send_with_aiodogstatsd(address: tuple[str, int]) -> None:
    host, port = address

    async def send() -> None:
        async with aiodogstatsd.Client(
            host=host, port=port, constant_tags={"env": "prod"}
        ) as client:
            client.increment("page.views", value=3)
            client.gauge("queue.depth", value=17)
            client.timing("request.time", value=21)
            client.distribution("payload.spread", value=512)

    asyncio.run(send())


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


def send_with_hot_shots(transport: str, address: object) -> None:
    """Send over ``udp``, ``tcp`` or, Unix datagrams, ``uds``."""
    where = map(str, address) if isinstance(address, tuple) else [str(address)]
    subprocess.run(["node", "-e", HOT_SHOTS, transport, *where], check=True, timeout=60)
