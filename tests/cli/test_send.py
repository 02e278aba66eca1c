import itertools
import socket
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import trio
from click.testing import CliRunner, Result
from trio.testing import MockClock

from statsd_trio import Config, Server, serve
from statsd_trio.aggregation.snapshot import Snapshot
from statsd_trio.cli import main
from statsd_trio.cli.send import repeat_lines, send_paced
from statsd_trio.sinks.memory import MemorySink

AddUp = Callable[[list[Snapshot], str], float]


def send(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["send", *arguments])


def test_lines_go_as_they_are_without_a_count() -> None:
    assert list(repeat_lines([b"a:{i}|c", b"b:1|c"], None)) == [b"a:{i}|c", b"b:1|c"]


def test_each_round_has_its_number() -> None:
    assert list(repeat_lines([b"a.{i}:{i}|c", b"b:1|c"], 2)) == [
        b"a.0:0|c",
        b"b:1|c",
        b"a.1:1|c",
        b"b:1|c",
    ]


def test_count_of_0_never_ends() -> None:
    assert list(itertools.islice(repeat_lines([b"{i}"], 0), 3)) == [b"0", b"1", b"2"]


async def test_rate_spaces_the_packets(autojump_clock: MockClock) -> None:
    times: list[float] = []

    async def note(packet: bytes) -> None:
        await trio.lowlevel.checkpoint()
        times.append(trio.current_time())

    await send_paced(iter([b"a"] * 5), note, lambda _: None, rate=4)

    assert times == [0, 0.25, 0.5, 0.75, 1]


@pytest.mark.skipif(sys.platform == "win32", reason="Unix sockets")
@pytest.mark.parametrize("transport", ["udp", "unix", "unixstream", "tcp"])
async def test_server_receives_what_was_sent(
    nursery: trio.Nursery,
    memory: MemorySink,
    add_up: AddUp,
    tmp_path: Path,
    transport: str,
) -> None:
    paths = {name: str(tmp_path / name) for name in ("unix", "unixstream")}
    config = Config(
        host="127.0.0.1",
        port=0 if transport == "udp" else None,
        tcp_port=0 if transport == "tcp" else None,
        socket_path=paths["unix"] if transport == "unix" else None,
        stream_socket_path=paths["unixstream"] if transport == "unixstream" else None,
        self_metrics=False,
    )
    server: Server = await nursery.start(partial(serve, config, sinks=[memory]))
    [bound] = server.addresses
    where = paths.get(transport) or "{}:{}".format(*bound)

    done = await trio.to_thread.run_sync(
        send, f"{transport}://{where}", "sum:{i}|c", "n:1|c", "--count", "4"
    )
    while server.ledger().lines.read < 8:
        await trio.lowlevel.checkpoint()
    await server.flush()

    assert (done.exit_code, done.stdout) == (0, "")
    assert "sent 8 packets" in done.stderr
    assert add_up(memory.snapshots, "sum") == 6
    assert add_up(memory.snapshots, "n") == 4


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense://x", "a:1|c"],
        ["udp://localhost:99999", "a:1|c"],
        ["localhost"],
        ["localhost", ""],
        ["localhost", "a:1|c", ""],
        ["localhost", "a:1|c", "--rate", "0"],
        ["localhost", "a:1|c", "--rate", "nan", "--count", "3"],
        ["localhost", "a:1|c", "--rate", "inf"],
        ["localhost", "a:1|c", "--count", "-1"],
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    assert send(*arguments).exit_code == 2


def test_line_that_begins_with_a_dash_is_told_what_to_do() -> None:
    done = send("localhost", "-x:1|c")
    assert done.exit_code == 2
    assert "put -- before ADDRESS" in done.stderr


def test_bad_address_is_named() -> None:
    assert "nonsense://x" in send("nonsense://x", "a:1|c").stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Unix sockets and FIFOs")
@pytest.mark.parametrize("scheme", ["unix", "unixstream", "pipe"])
def test_path_where_nobody_listens_is_named(tmp_path: Path, scheme: str) -> None:
    path = str(tmp_path / "missing")

    done = send(f"{scheme}://{path}", "a:1|c")

    assert done.exit_code == 1
    assert done.stderr.count(path) == 1
    assert "No such file" in done.stderr


@pytest.mark.parametrize(
    ("scheme", "kind"), [("tcp", socket.SOCK_STREAM), ("udp", socket.SOCK_DGRAM)]
)
def test_port_where_nobody_listens_is_named(
    scheme: str, kind: socket.SocketKind
) -> None:
    # Bound but not listening, so that nobody else takes it; closed for UDP, which
    # learns of it with a later packet.
    with socket.socket(socket.AF_INET, kind) as holder:
        holder.bind(("127.0.0.1", 0))
        address = f"{scheme}://127.0.0.1:{holder.getsockname()[1]}"
        if kind == socket.SOCK_DGRAM:
            holder.close()

        done = send(address, *["a:1|c"] * 1000)

    assert done.exit_code == 1
    assert address in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows tells of it later")
def test_single_packet_to_a_closed_port_fails() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", 0))
        address = f"udp://127.0.0.1:{holder.getsockname()[1]}"

    # The kernel of a busy machine may answer one of them a little later.
    answers = (send(address, "a:1|c") for _ in range(100))
    failed = next(done for done in answers if done.exit_code)

    assert failed.exit_code == 1
    assert f"Error: cannot send to {address}: " in failed.stderr


def test_packet_that_is_too_long_for_a_datagram_names_the_address() -> None:
    done = send("udp://127.0.0.1:9", "a" * 70_000)

    assert done.exit_code == 1
    assert "udp://127.0.0.1:9: " in done.stderr
