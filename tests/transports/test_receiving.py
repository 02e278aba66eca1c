"""How many datagrams are asked for at once, and of which descriptor."""

import socket
import sys

import pytest

from statsd_trio.transports.receiving import ManyAtOnce, find_native_receive


class FakeSystem:
    """Has *waiting* datagrams, and notes what it was asked."""

    def __init__(self, waiting: int) -> None:
        self.waiting = waiting
        self.asked: list[tuple[int, int, int, int]] = []

    def receive(
        self, fd: int, size: int, limit: int, control: int = 0, /
    ) -> list[tuple[bytes, bytes]]:
        self.asked.append((fd, size, limit, control))
        count = min(limit, self.waiting)
        self.waiting -= count
        return [(b"a:1|c", b"")] * count

    @property
    def limits(self) -> list[int]:
        return [limit for _, _, limit, _ in self.asked]


@pytest.mark.parametrize(
    ("waiting", "limits"),
    [
        (0, [64]),
        (63, [64]),
        (64, [64, 64]),
        (100, [64, 64]),
        (1000, [64, 64, 64, 8]),
    ],
)
def test_asks_until_nothing_waits_or_there_is_enough(
    waiting: int, limits: list[int]
) -> None:
    system = FakeSystem(waiting)
    with socket.socket() as sock:
        received = ManyAtOnce(sock, system.receive, 8193)(200)
    assert len(received) == min(waiting, 200)
    assert system.limits == limits


@pytest.mark.parametrize(
    ("max_bytes", "at_once"), [(1, 64), (8193, 64), (65_508, 8), (10_000_000, 1)]
)
def test_the_room_for_one_call_is_bounded(max_bytes: int, at_once: int) -> None:
    system = FakeSystem(0)
    with socket.socket() as sock:
        ManyAtOnce(sock, system.receive, max_bytes)(256)
    assert system.limits == [at_once]


def test_asks_for_room_for_credentials() -> None:
    system = FakeSystem(0)
    with socket.socket() as sock:
        ManyAtOnce(sock, system.receive, 8193, 32)(1)
        assert system.asked == [(sock.fileno(), 8193, 1, 32)]


def test_a_closed_socket_never_reads_what_has_its_number_now() -> None:
    system = FakeSystem(0)
    sock = socket.socket()
    receive = ManyAtOnce(sock, system.receive, 8193)
    sock.close()
    receive(1)
    assert [fd for fd, *_ in system.asked] == [-1]


def test_without_the_module_nothing_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "statsd_trio._native", None)
    assert find_native_receive() is None
