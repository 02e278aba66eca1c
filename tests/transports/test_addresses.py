import pytest
from hypothesis import given, strategies as st

from statsd_trio.transports.addresses import (
    Address,
    parse_address,
)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("udp://localhost:9125", Address("udp", "localhost", 9125)),
        ("udp://localhost", Address("udp", "localhost", 8125)),
        ("udp://[::1]:9125", Address("udp", "::1", 9125)),
        ("udp://[fe80::1%eth0]", Address("udp", "fe80::1%eth0", 8125)),
        ("UDP://localhost:9125/", Address("udp", "localhost", 9125)),
        ("localhost:9125", Address("udp", "localhost", 9125)),
        ("127.0.0.1", Address("udp", "127.0.0.1", 8125)),
        ("9802", Address("udp", "localhost", 9802)),
        (":9802", Address("udp", "localhost", 9802)),
        ("tcp://9802", Address("tcp", "localhost", 9802)),
        ("udp://:9802/", Address("udp", "localhost", 9802)),
        ("tcp://localhost:9125", Address("tcp", "localhost", 9125)),
        ("unix:///run/dsd.socket", Address("unixgram", path="/run/dsd.socket")),
        ("unixgram:///run/dsd.socket", Address("unixgram", path="/run/dsd.socket")),
        ("unixstream:///run/x y", Address("unixstream", path="/run/x y")),
        ("unix://relative", Address("unixgram", path="relative")),
        ("/run/dsd.socket", Address("unixgram", path="/run/dsd.socket")),
        ("pipe:///run/fifo", Address("pipe", path="/run/fifo")),
        (r"\\.\pipe\dsd", Address("pipe", path=r"\\.\pipe\dsd")),
    ],
)
def test_an_address_is_read(text: str, address: Address) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("http://localhost", "http must be one of udp, unix"),
        ("unix://", "has no path"),
        ("unix://\0", "has no path"),
        ("udp://", "expected HOST:PORT"),
        ("", "expected HOST:PORT"),
        ("udp://::1", "an IPv6 host in brackets"),
        ("udp://localhost:", "expected HOST:PORT"),
        ("udp://localhost:x", "expected HOST:PORT"),
        ("udp://localhost:0", "from 1 to 65535"),
        ("udp://localhost:65536", "from 1 to 65535"),
        ("65536", "from 1 to 65535"),
    ],
)
def test_what_is_no_address_says_why(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_address(text)


@pytest.mark.parametrize(
    "text", ["udp://localhost:9125", "tcp://[::1]:8125", "unix:///run/x"]
)
def test_an_address_is_written_as_it_is_read(text: str) -> None:
    assert str(parse_address(text)) == text


@given(st.text())
def test_any_text_is_an_address_or_a_value_error(text: str) -> None:
    try:
        address = parse_address(text)
    except ValueError:
        return
    assert address.path or 0 < address.port < 65536
