import contextlib
import socket
import struct
import textwrap
from collections.abc import Callable, Iterator

import pytest

from pytest_statsd_trio.fixture import AsyncDogStatsd, DogStatsd

Target = DogStatsd | AsyncDogStatsd

SEND = """
import socket


def send(dogstatsd, *lines):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        for line in lines:
            client.sendto(line, dogstatsd.address)
"""


@pytest.fixture
def send_udp() -> Iterator[Callable[..., None]]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:

        def send(to: Target, *packets: bytes) -> None:
            for packet in packets:
                client.sendto(packet, to.address)

        yield send


@pytest.fixture
def send_each() -> Iterator[dict[str, Callable[..., None]]]:
    """A function to send with for each transport, each over one connection."""
    with contextlib.ExitStack() as stack:
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        datagram = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        stream = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))

        def send_udp(to: Target, packet: bytes) -> None:
            udp.sendto(packet, to.address)

        def send_datagram(to: Target, packet: bytes) -> None:
            assert to.socket_path is not None
            datagram.sendto(packet, to.socket_path)

        def send_stream(to: Target, packet: bytes) -> None:
            assert to.stream_socket_path is not None
            with contextlib.suppress(OSError):  # connected already
                stream.connect(to.stream_socket_path)
            stream.sendall(struct.pack("<I", len(packet)) + packet)

        yield {
            "udp": send_udp,
            "unixgram": send_datagram,
            "unixstream": send_stream,
        }


@pytest.fixture
def run_tests(pytester: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    """Run a test file in this process, with `send(dogstatsd, *lines)` at hand."""

    def run(source: str, *options: str) -> pytest.RunResult:
        pytester.makepyfile(SEND + textwrap.dedent(source))
        return pytester.runpytest_inprocess(
            "-p", "no:randomly", "-p", "no:cacheprovider", *options
        )

    return run
