import io
import math
import os
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from click.testing import CliRunner
from trio.testing import wait_all_tasks_blocked

from statsd_trio.cli import main
from statsd_trio.cli.capture import _capture
from statsd_trio.cli.progress import Progress
from statsd_trio.replay.capture import CapturedPacket, format_packet, parse_packet
from statsd_trio.replay.files import read_capture
from statsd_trio.transports.addresses import Address


@pytest.fixture
def target() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock


def write_capture(path: Path, *data: bytes) -> None:
    path.write_text(
        "".join(format_packet(CapturedPacket(1.0, "udp", each)) + "\n" for each in data)
    )


def test_a_capture_is_sent_as_often_as_asked(
    tmp_path: Path, target: socket.socket
) -> None:
    write_capture(tmp_path / "x", b"a:1|c", b"b:1|c")
    url = f"udp://127.0.0.1:{target.getsockname()[1]}"
    done = CliRunner().invoke(
        main, ["replay", str(tmp_path / "x"), "--to", url, "--loop", "2"]
    )
    assert done.exit_code == 0
    assert [target.recv(100) for _ in range(4)] == [b"a:1|c", b"b:1|c"] * 2
    assert "sent 4 packets, 20 bytes in" in done.stderr


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1"])
def test_time_that_cannot_be_waited_for_is_wrong_usage(
    tmp_path: Path, seconds: str
) -> None:
    file = tmp_path / "x"
    done = CliRunner().invoke(
        main, ["capture", str(file), "--listen", "nonsense://", "--seconds", seconds]
    )
    assert done.exit_code == 2
    assert "'--seconds'" in done.stderr
    assert not file.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--to", "http://x"], "http must be one of"),
        (["--to", "udp://x", "--speed", "0"], "neither max nor a number"),
        (["--to", "udp://x", "--speed", "fast"], "neither max nor a number"),
        (["--to", "udp://x", "--speed", "nan"], "neither max nor a number"),
        ([], "Missing option '--to'"),
    ],
)
def test_a_replay_that_cannot_be_says_why(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "x").touch()
    done = CliRunner().invoke(main, ["replay", str(tmp_path / "x"), *arguments])
    assert done.exit_code == 2
    assert message in done.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it holds no packets"),
        (b"broken", "line 1: not a captured packet"),
        (b"\x80\xff\n", "line 1: not a captured packet: it is not UTF-8\n"),
    ],
)
def test_a_file_that_is_no_capture_is_named(
    tmp_path: Path, target: socket.socket, content: bytes, message: str
) -> None:
    (tmp_path / "x").write_bytes(content)
    url = f"udp://127.0.0.1:{target.getsockname()[1]}"
    done = CliRunner().invoke(main, ["replay", str(tmp_path / "x"), "--to", url])
    assert done.exit_code == 1
    assert f"{tmp_path / 'x'}: {message}" in done.stderr


def test_a_target_that_is_not_there_is_named(tmp_path: Path) -> None:
    write_capture(tmp_path / "x", b"a:1|c")
    done = CliRunner().invoke(
        main, ["replay", str(tmp_path / "x"), "--to", f"unix://{tmp_path}/nowhere"]
    )
    assert done.exit_code == 1
    assert "cannot send to unix://" in done.stderr


def test_a_port_where_nobody_listens_any_more_is_named(
    tmp_path: Path, target: socket.socket
) -> None:
    write_capture(tmp_path / "x", *[b"a:1|c"] * 1000)
    url = f"udp://127.0.0.1:{target.getsockname()[1]}"
    target.close()
    done = CliRunner().invoke(main, ["replay", str(tmp_path / "x"), "--to", url])
    assert done.exit_code == 1
    assert f"Error: cannot send to {url}: " in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_what_arrives_is_captured_until_a_signal(
    tmp_path: Path, number: signal.Signals
) -> None:
    address = Address("unixgram", path=str(tmp_path / "dsd.socket"))
    output = io.StringIO()
    progress = Progress("captured")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_capture, [address], output, math.inf, progress)
        await wait_all_tasks_blocked()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
            client.connect(address.path)
            client.send(b"a:1|c")
            os.kill(os.getpid(), number)
    packet = parse_packet(output.getvalue())
    assert packet.data == b"a:1|c"
    assert packet.source == f"unixgram pid {os.getpid()}"
    assert str(progress).startswith("captured 1 packet, 5 bytes in")


def test_a_capture_ends_after_its_seconds(tmp_path: Path) -> None:
    path = tmp_path / "dsd.socket"
    file = tmp_path / "capture"
    done = CliRunner().invoke(
        main,
        ["capture", str(file), "--listen", f"unix://{path}", "--seconds", "0"],
    )
    assert done.exit_code == 0
    said = f"Listening on unixgram://{path}. Ctrl-C ends it."
    assert said in done.stderr
    assert "captured 0 packets, 0 bytes in" in done.stderr
    assert list(read_capture(file)) == []
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_capture_never_overwrites(tmp_path: Path) -> None:
    file = tmp_path / "capture"
    file.write_text("mine")
    done = CliRunner().invoke(main, ["capture", str(file), "--seconds", "0"])
    assert done.exit_code == 1
    assert file.read_text() == "mine"


def test_a_capture_that_cannot_listen_leaves_no_file(tmp_path: Path) -> None:
    file = tmp_path / "capture"
    done = CliRunner().invoke(
        main, ["capture", str(file), "--listen", f"unix://{tmp_path}/nowhere/x"]
    )
    assert done.exit_code == 1
    assert "cannot listen on" in done.stderr
    assert not file.exists()


def test_an_address_to_listen_on_must_be_one(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["capture", str(tmp_path / "x"), "--listen", "x:y"])
    assert done.exit_code == 2
    assert "expected HOST:PORT" in done.stderr
