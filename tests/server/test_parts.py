import inspect
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
import trio
from queues import open_queue

from statsd_trio.aggregation.settings import AggregationSettings
from statsd_trio.config import Config
from statsd_trio.config.option_types.addresses import ROUTE_NAMES
from statsd_trio.config.options import OPTIONS
from statsd_trio.server.parts import (
    bind_listeners,
    make_aggregation_settings,
    make_rules,
    open_destinations,
)
from statsd_trio.sinks.datadog.opening import open_datadog_destination
from statsd_trio.sinks.datadog.routes import DatadogRoute
from statsd_trio.transports.unix import UnixDatagramListener, bind_unix_datagram

KEY = "0123456789abcdef0123456789abcdef"


def test_credentials_of_an_intake_are_no_part_of_its_name() -> None:
    config = Config(
        api_key=KEY,
        dd_url="http://user:hunter2@main.example",
        additional_endpoints={"http://user:hunter2@more.example": [KEY]},
    )

    [destination] = open_destinations(config)

    assert [ledger.name for ledger in destination.ledgers()] == [
        "datadog:http://main.example",
        "datadog:http://more.example",
    ]


def test_an_intake_gets_everything_once_for_each_key() -> None:
    config = Config(
        api_key=KEY,
        dd_url="http://main.example",
        additional_endpoints={
            "http://main.example/": [KEY, "another-key", f" {KEY} "],
            "http://more.example": ["one-key", "one-key"],
        },
    )

    [destination] = open_destinations(config)

    assert [ledger.name for ledger in destination.ledgers()] == [
        "datadog:http://main.example",
        "datadog:http://main.example",
        "datadog:http://more.example",
    ]


def test_a_key_that_is_asked_for_may_be_any() -> None:
    async def ask() -> str:
        return KEY

    config = Config(
        api_key=ask,
        dd_url="http://main.example",
        additional_endpoints={"http://main.example": [KEY]},
    )

    [destination] = open_destinations(config)

    assert len(destination.ledgers()) == 2


def test_routes_are_called_the_same_in_the_configuration_and_on_their_way() -> None:
    assert [route.word for route in DatadogRoute] == list(ROUTE_NAMES)


def test_stages_that_are_told_nothing_do_as_the_options_say() -> None:
    config = Config(hostname="")

    assert make_aggregation_settings(config, make_rules(config)) == (
        AggregationSettings()
    )


def test_destination_that_is_told_nothing_does_as_the_options_say() -> None:
    parameters = inspect.signature(open_datadog_destination).parameters
    defaults = {
        name: parameters[name].default for name in OPTIONS.keys() & parameters.keys()
    }

    assert len(defaults) == 12
    assert defaults == {name: OPTIONS[name].default for name in defaults}


def test_compression_of_the_configuration_is_the_destinations(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: dict[str, object] = {}
    monkeypatch.setattr(
        "statsd_trio.sinks.datadog.opening.open_datadog_destination",
        lambda _endpoints, **settings: given.update(settings),
    )

    open_destinations(Config(api_key=KEY, compression="zstd", compression_level=7))

    assert (given["compression"], given["compression_level"]) == ("zstd", 7)


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
            Config(**{"port": None, field: port}, sockets=[handed_in])  # type: ignore[arg-type]
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

    monkeypatch.setattr("statsd_trio.server.parts.bind_unix_datagram", bind)
    config = Config(port=None, socket_path=str(tmp_path / "x"), max_rest_seconds=0.0075)
    [listener] = await bind_listeners(config)
    listener.close()
    assert given["max_rest_seconds"] == 0.0075
