"""Any client over any transport: the intake receives the same figures."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from senders import (
    has_hot_shots,
    send_with_aiodogstatsd,
    send_with_datadog,
    send_with_hot_shots,
    send_with_statsd,
)

from statsd_trio import Config, Server, serve
from statsd_trio.mock_intake import MockIntake, open_mock_intake

pytestmark = pytest.mark.skipif("sys.platform == 'win32'", reason="needs Unix sockets")

Send = Callable[[object], None]

CASES = {
    "datadog-udp": ("udp", partial(send_with_datadog, "udp")),
    "datadog-unixgram": ("unixgram", partial(send_with_datadog, "unixgram")),
    "datadog-unixstream": ("unixstream", partial(send_with_datadog, "unixstream")),
    "statsd-udp": ("udp", partial(send_with_statsd, "udp")),
    "statsd-tcp": ("tcp", partial(send_with_statsd, "tcp")),
    "aiodogstatsd-udp": ("udp", send_with_aiodogstatsd),
    "hot-shots-udp": ("udp", partial(send_with_hot_shots, "udp")),
    "hot-shots-tcp": ("tcp", partial(send_with_hot_shots, "tcp")),
    "hot-shots-unixgram": ("unixgram", partial(send_with_hot_shots, "uds")),
}


def read_figures(intake: MockIntake) -> dict[str, float]:
    """Tell what the intake makes of what every client sends."""
    figures: dict[str, float] = {}
    for series in intake.series:
        for point in series.points:
            value = (
                point.value * series.interval if series.type == "rate" else point.value
            )
            figures[series.name] = figures.get(series.name, 0) + value
    return figures


@pytest.mark.parametrize(("transport", "send"), CASES.values(), ids=CASES)
async def test_intake_receives_the_same_figures(
    transport: str, send: Send, tmp_path: Path
) -> None:
    if isinstance(send, partial) and send.func is send_with_hot_shots:
        addon = "unix-dgram" if transport == "unixgram" else "hot-shots"
        if not has_hot_shots(addon):
            pytest.skip(f"needs node, and {addon} from npm on NODE_PATH")
    places: dict[str, dict[str, Any]] = {
        "udp": {"port": 0},
        "tcp": {"port": None, "tcp_port": 0},
        "unixgram": {"port": None, "socket_path": str(tmp_path / "s")},
        "unixstream": {"port": None, "stream_socket_path": str(tmp_path / "s")},
    }
    where = places[transport]
    async with open_mock_intake() as intake:
        config = Config(
            host="127.0.0.1",
            api_key="key",
            dd_url=intake.url,
            self_metrics=False,
            **where,
        )
        async with trio.open_nursery() as nursery:
            server: Server = await nursery.start(serve, config)
            await trio.to_thread.run_sync(send, server.addresses[0])
            while server.ledger().lines.read < 4:
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
        figures = read_figures(intake)
    assert figures["page.views"] == pytest.approx(3)
    assert figures["queue.depth"] == 17
    assert figures["request.time.max"] == 21
    assert figures["request.time.count"] == pytest.approx(1)
    assert not server.ledger().lines.rejected
