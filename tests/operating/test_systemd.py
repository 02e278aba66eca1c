import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from statsd_trio.operating.systemd import SystemdNotifier, take_sockets

pytestmark = pytest.mark.skipif(
    not hasattr(socket, "AF_UNIX"), reason="systemd is Linux only"
)


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.setblocking(False)
        yield receiver


def make_notifier(manager: socket.socket, **environ: str) -> SystemdNotifier:
    return SystemdNotifier.from_environ(
        {"NOTIFY_SOCKET": manager.getsockname(), **environ}, pid=7
    )


def count_waiting(manager: socket.socket) -> int:
    count = 0
    try:
        while manager.recv(100):
            count += 1
    except BlockingIOError:
        return count
    raise AssertionError("an empty message")


def test_manager_hears_what_it_is_told(manager: socket.socket) -> None:
    make_notifier(manager).notify("READY=1", "STATUS=fine")

    assert manager.recv(100) == b"READY=1\nSTATUS=fine"


@pytest.mark.skipif(sys.platform != "linux", reason="abstract names are Linux's")
def test_manager_may_have_an_abstract_name() -> None:
    name = f"statsd-trio-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(f"\0{name}")
        SystemdNotifier.from_environ({"NOTIFY_SOCKET": f"@{name}"}, pid=7).notify(
            "READY=1"
        )

        assert receiver.recv(100) == b"READY=1"


@pytest.mark.parametrize(
    "environ",
    [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1"}],
    ids=str,
)
def test_nobody_is_told_where_nobody_listens(
    environ: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    SystemdNotifier.from_environ(environ, pid=7).notify("READY=1")

    assert not caplog.records


def test_manager_that_is_gone_is_no_matter(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    SystemdNotifier(str(tmp_path / "gone")).notify("READY=1")

    assert "could not tell" in caplog.text


def test_manager_that_does_not_read_never_holds_us_up(manager: socket.socket) -> None:
    notifier = make_notifier(manager)

    for _ in range(2000):
        notifier.notify("WATCHDOG=1")

    assert count_waiting(manager) < 2000


async def test_watchdog_hears_of_us_twice_an_interval(
    manager: socket.socket, autojump_clock: MockClock
) -> None:
    notifier = make_notifier(manager, WATCHDOG_USEC="20000000", WATCHDOG_PID="7")

    with trio.move_on_after(35):
        await notifier.keep_alive()

    assert count_waiting(manager) == 3


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "8"},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
    ],
    ids=str,
)
async def test_no_watchdog_hears_nothing(
    environ: dict[str, str], manager: socket.socket, autojump_clock: MockClock
) -> None:
    notifier = make_notifier(manager, **environ)

    with trio.move_on_after(1000):
        await notifier.keep_alive()

    assert count_waiting(manager) == 0


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"LISTEN_FDS": "1"},
        {"LISTEN_FDS": "1", "LISTEN_PID": "8"},
        {"LISTEN_FDS": "x", "LISTEN_PID": "7"},
        {"LISTEN_FDS": "0", "LISTEN_PID": "7"},
    ],
    ids=str,
)
def test_sockets_of_others_are_left_alone(environ: dict[str, str]) -> None:
    assert take_sockets(environ, pid=7) == ()


def test_number_of_sockets_is_bounded() -> None:
    with pytest.raises(OSError, match="more sockets than anyone passes"):
        take_sockets({"LISTEN_FDS": "9" * 50, "LISTEN_PID": "7"}, pid=7)


TAKE = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
from statsd_trio.operating.systemd import take_sockets
environ = dict(os.environ, LISTEN_PID=str(os.getpid()))
try:
    for each in take_sockets(environ, os.getpid()):
        print(each.type.name, each.getsockname()[1], each.get_inheritable())
except OSError as error:
    print(error.strerror)
"""


@pytest.mark.skipif(os.name != "posix", reason="descriptors are POSIX's")
def test_sockets_are_taken_from_the_third_descriptor_on() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]

        done = subprocess.run(
            [sys.executable, "-c", TAKE, str(bound.fileno())],
            env={**os.environ, "LISTEN_FDS": "1"},
            pass_fds=[bound.fileno()],
            capture_output=True,
            text=True,
            check=True,
        )

    assert done.stdout.split() == ["SOCK_DGRAM", str(port), "False"]


@pytest.mark.skipif(os.name != "posix", reason="descriptors are POSIX's")
def test_what_is_no_socket_is_named() -> None:
    done = subprocess.run(
        [sys.executable, "-c", TAKE, "0"],
        stdin=subprocess.DEVNULL,
        env={**os.environ, "LISTEN_FDS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.startswith("LISTEN_FDS=1: 3 is not a socket: ")
