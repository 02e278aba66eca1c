import errno
import logging
import socket

import pytest

from statsd_trio.transports import binding
from statsd_trio.transports.binding import bind_name

pytestmark = pytest.mark.usefixtures("no_leaks")

KINDS = {
    "udp": socket.SOCK_DGRAM,
    "tcp": socket.SOCK_STREAM,
    "http": socket.SOCK_STREAM,
}


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


@needs_ipv6
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "0", "0:0:0:0:0:0:0:0"])
@pytest.mark.parametrize("scheme", KINDS)
async def test_wildcard_of_one_family_takes_both(host: str, scheme: str) -> None:
    sockets = await bind_name(host, 0, KINDS[scheme], scheme=scheme)

    names = [sock.getsockname()[:2] for sock in sockets]
    for sock in sockets:
        sock.close()
    port = names[0][1]
    assert sorted(names) == [("0.0.0.0", port), ("::", port)]


@needs_ipv6
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_other_address_takes_its_own_family_alone(host: str) -> None:
    [sock] = await bind_name(host, 0, socket.SOCK_DGRAM, scheme="udp")

    assert sock.getsockname()[0] == host
    sock.close()


async def test_wildcard_without_ipv6_is_no_reason_for_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bind = binding._bind

    def bind_without_ipv6(
        family: socket.AddressFamily, address: tuple[object, ...], kind: int
    ) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported")
        return bind(family, address, kind)

    monkeypatch.setattr(binding, "_bind", bind_without_ipv6)
    caplog.set_level(logging.INFO)

    [sock] = await bind_name("0.0.0.0", 0, socket.SOCK_DGRAM, scheme="udp")

    sock.close()
    [record] = caplog.records
    assert record.levelno == logging.INFO
    assert record.getMessage().startswith("not listening on udp://[::]:")
