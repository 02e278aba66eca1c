import logging
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trio
from trio.testing import MockClock

from statsd_trio.aggregation.snapshot import Snapshot
from statsd_trio.sinks.datadog.destination import open_datadog_destination
from statsd_trio.sinks.datadog.http import (
    describe_error,
    find_redirect,
    is_proxied,
    open_ssl_context,
    open_transport,
    parse_endpoint_url,
)

MakeSnapshot = Callable[..., Snapshot]
BASE = httpx2.URL("https://api.example.com/api/v2/series")


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/elsewhere", "https://api.example.com/elsewhere"),
        ("https://api.example.com/other", "https://api.example.com/other"),
        ("https://API.example.com/other", "https://api.example.com/other"),
    ],
)
def test_redirect_within_the_host_is_followed(location: str, target: str) -> None:
    assert str(find_redirect(BASE, location)) == target


@pytest.mark.parametrize(
    "location",
    [
        "",
        "https://evil.example/",
        "//evil.example/",
        "https://api.example.com.evil.example/",
        "https://api.example.com@evil.example/",
        "https://api.example.com:8443/",
        "http://api.example.com/api/v2/series",
        "ftp://api.example.com/",
        "https://[",
        "\x00",
    ],
)
def test_redirect_elsewhere_is_not_followed(location: str) -> None:
    assert find_redirect(BASE, location) is None


def test_redirect_to_https_is_followed() -> None:
    url = httpx2.URL("http://api.example.com/")
    target = find_redirect(url, "https://api.example.com/")
    assert str(target) == "https://api.example.com/"


async def post(
    intake: Any, open_destination: Any, running: Any, snapshot: Snapshot
) -> Any:
    destination = open_destination()
    async with running(destination):
        destination.put_nowait(snapshot)
        await trio.sleep(1)
        return destination.ledgers()[0]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_redirected_payload_arrives_whole(
    intake: Any,
    open_destination: Any,
    running: Any,
    make_snapshot: MakeSnapshot,
    autojump_clock: MockClock,
    status: int,
) -> None:
    accept = intake.respond

    async def respond(attempt: Any) -> httpx2.Response:
        if attempt.url.path == "/moved":
            return await accept(attempt)
        return httpx2.Response(status, headers={"Location": "/moved"})

    intake.respond = respond
    ledger = await post(intake, open_destination, running, make_snapshot())
    first, second = intake.attempts
    assert (first.body, first.method) == (second.body, second.method)
    assert second.headers["DD-API-KEY"] == "secret-key"
    assert ledger.delivered == 1


async def test_key_goes_to_no_other_host(
    intake: Any,
    open_destination: Any,
    running: Any,
    make_snapshot: MakeSnapshot,
    autojump_clock: MockClock,
) -> None:
    intake.answer_with(307, headers={"Location": "https://evil.example/"})
    ledger = await post(intake, open_destination, running, make_snapshot())
    assert {attempt.url.host for attempt in intake.attempts} == {"api.example.com"}
    assert ledger.pending == 1


async def test_redirects_in_a_circle_end(
    intake: Any,
    open_destination: Any,
    running: Any,
    make_snapshot: MakeSnapshot,
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    intake.answer_with(307, headers={"Location": "/again"})
    ledger = await post(intake, open_destination, running, make_snapshot())
    assert len(intake.attempts) == 6
    assert ledger.pending == 1
    assert "too many redirects" in caplog.text


class EndlessAnswer(httpx2.AsyncByteStream):
    """A body that never ends, or hangs."""

    def __init__(self, pause: float) -> None:
        self.pause = pause
        self.pieces = 0
        self.is_closed = False

    async def __aiter__(self) -> Any:  # noqa: ASYNC900 - httpx2 closes it
        while True:
            await trio.sleep(self.pause)
            self.pieces += 1
            yield bytes(16_384)

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()
        self.is_closed = True


@pytest.mark.parametrize("pause", [0, 1000])
async def test_endless_answer_is_cut_off(
    intake: Any,
    open_destination: Any,
    running: Any,
    make_snapshot: MakeSnapshot,
    autojump_clock: MockClock,
    pause: float,
) -> None:
    stream = EndlessAnswer(pause)

    async def respond(attempt: Any) -> httpx2.Response:
        await trio.lowlevel.checkpoint()
        return httpx2.Response(202, stream=stream)

    intake.respond = respond
    destination = open_destination()
    async with running(destination):
        start = trio.current_time()
        destination.put_nowait(make_snapshot())
        await destination.settle()
        assert trio.current_time() - start <= 1
        assert destination.ledgers()[0].delivered == 1
    assert stream.pieces <= 5
    assert stream.is_closed


async def test_status_counts_though_the_body_breaks(
    intake: Any,
    open_destination: Any,
    running: Any,
    make_snapshot: MakeSnapshot,
    autojump_clock: MockClock,
) -> None:
    class BrokenAnswer(EndlessAnswer):
        async def __aiter__(self) -> Any:  # noqa: ASYNC900 - httpx2 closes it
            await trio.lowlevel.checkpoint()
            yield b"{"
            raise httpx2.ReadError("reset")

    async def respond(attempt: Any) -> httpx2.Response:
        await trio.lowlevel.checkpoint()
        return httpx2.Response(202, stream=BrokenAnswer(0))

    intake.respond = respond
    ledger = await post(intake, open_destination, running, make_snapshot())
    assert len(intake.attempts) == 1
    assert (ledger.delivered, ledger.resent) == (1, 0)


@pytest.mark.parametrize(
    "url", ["", "api.example.com", "ftp://x", "https://", "http://[::1"]
)
def test_url_that_cannot_be_used_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="endpoint"):
        parse_endpoint_url(url)


def test_refused_url_is_named_without_its_credentials() -> None:
    with pytest.raises(ValueError, match="not an http") as info:
        parse_endpoint_url("ftp://me:hush@example.com")
    assert "hush" not in str(info.value)


@pytest.mark.parametrize(
    ("url", "no_proxy", "proxied"),
    [
        ("https://api.example.com", (), True),
        ("http://api.example.com", (), False),
        ("https://api.example.com", ("api.example.com",), False),
        ("https://api.example.com", (" API.example.com ",), False),
        ("https://api.example.com", ("api.example.com:443",), False),
        ("https://api.example.com:8443", ("api.example.com:443",), True),
        ("https://api.example.com:8443", ("api.example.com",), False),
        ("https://api.example.com", ("example.com", ".example.com", "*"), True),
    ],
)
def test_no_proxy_matches_hosts_exactly(
    url: str, no_proxy: tuple[str, ...], proxied: bool
) -> None:
    assert is_proxied(httpx2.URL(url), no_proxy) is proxied


@pytest.mark.parametrize(
    "proxy", ["ftp://me:hush@proxy", "http://me:hush@[::1", "socks5://p"]
)
def test_proxy_that_cannot_be_used_is_refused_without_being_named(proxy: str) -> None:
    with pytest.raises(ValueError, match="the proxy's URL") as info:
        open_transport(
            "https://api.example.com",
            max_connections=1,
            ssl_context=ssl.create_default_context(),
            proxy=proxy,
            no_proxy=(),
        )
    assert "hush" not in str(info.value)


async def read_head(stream: trio.SocketStream) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        piece = await stream.receive_some(1)
        if not piece:
            break
        head += piece
    return head


async def test_https_goes_through_the_proxy_with_its_credentials(
    make_snapshot: MakeSnapshot, nursery: trio.Nursery
) -> None:
    heads: list[bytes] = []
    came = trio.Event()

    async def refuse(stream: trio.SocketStream) -> None:
        heads.append(await read_head(stream))
        await stream.send_all(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")
        came.set()

    listeners = await nursery.start(trio.serve_tcp, refuse, 0)
    port = listeners[0].socket.getsockname()[1]
    destination = open_datadog_destination(
        {"https://api.example.com": ["secret-key"]},
        proxy=f"http://me:hush@127.0.0.1:{port}",
    )
    async with trio.open_nursery() as running:
        running.start_soon(destination.run)
        destination.put_nowait(make_snapshot())
        await came.wait()
        running.cancel_scope.cancel()
    await destination.abandon()
    nursery.cancel_scope.cancel()
    head = heads[0].decode()
    assert head.startswith("CONNECT api.example.com:443 HTTP/1.1")
    assert "Proxy-Authorization: Basic bWU6aHVzaA==" in head
    assert "secret-key" not in head


def test_system_s_trust_is_the_default() -> None:
    context = open_ssl_context(None, skip_validation=False)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_own_authority_is_trusted_beside_the_system_s(tmp_path: Path) -> None:
    # Any certificate will do; the system has some.
    plain = open_ssl_context(None, skip_validation=False)
    certificates = plain.get_ca_certs(binary_form=True)
    if not certificates:
        pytest.skip("this system trusts nobody")
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text(ssl.DER_cert_to_PEM_cert(certificates[0]))
    context = open_ssl_context(str(ca_file), skip_validation=False)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert len(context.get_ca_certs()) >= len(certificates)


def test_authority_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        open_datadog_destination({}, ca_file=str(tmp_path / "missing.pem"))


def test_skipped_validation_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    open_datadog_destination({}, skip_ssl_validation=True)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "skip_ssl_validation" in record.message
    context = open_ssl_context(None, skip_validation=True)
    assert context.verify_mode is ssl.CERT_NONE


def test_loggers_of_the_http_library_are_quiet() -> None:
    open_datadog_destination({})
    for name in ("httpx2", "httpcore2"):
        assert logging.getLogger(name).getEffectiveLevel() == logging.WARNING


def test_level_that_somebody_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("httpx2"), "level", logging.DEBUG)
    open_datadog_destination({})
    assert logging.getLogger("httpx2").level == logging.DEBUG


def test_error_is_described_by_what_the_system_said() -> None:
    error = httpx2.ConnectError("words of the peer")
    error.__cause__ = ExceptionGroup("", [ConnectionRefusedError(111, "refused")])
    assert describe_error(error) == "ConnectError: refused"


def test_error_of_the_peer_is_described_by_its_name_alone() -> None:
    error = httpx2.RemoteProtocolError("words of the peer")
    error.__cause__ = ValueError("more of them")
    assert describe_error(error) == "RemoteProtocolError"


def test_certificate_that_fails_is_described_by_why() -> None:
    reason = ssl.SSLCertVerificationError(1, "certificate verify failed")
    reason.verify_message = "self-signed certificate"
    error = httpx2.ConnectError("")
    error.__cause__ = reason
    assert describe_error(error) == "ConnectError: self-signed certificate"


def test_circle_of_causes_ends() -> None:
    one, other = ValueError(), KeyError()
    one.__cause__, other.__cause__ = other, one
    assert describe_error(one) == "ValueError"
