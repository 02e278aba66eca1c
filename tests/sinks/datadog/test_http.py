import logging
import ssl
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trio
from delivery_harness import ledger_of, running
from fake_intake import Attempt
from snapshots import make_snapshot
from trio.testing import MockClock

from statsd_trio.aggregation.snapshot import Snapshot
from statsd_trio.ledger import SinkLedger
from statsd_trio.sinks.datadog.opening import Account
from statsd_trio.sinks.delivery.answer import make_excerpt
from statsd_trio.sinks.delivery.no_answer import describe_error
from statsd_trio.sinks.delivery.requests import find_redirect
from statsd_trio.sinks.delivery.transport import (
    choose_proxy,
    open_ssl_context,
    open_transport,
    parse_endpoint_url,
)
from tests.sinks.datadog.conftest import DatadogHarness, open_datadog

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


async def post(harness: DatadogHarness, snapshot: Snapshot) -> SinkLedger:
    destination = harness.open()
    async with running(destination):
        destination.put_nowait(snapshot)
        await trio.sleep(1)
        return ledger_of(destination)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_redirected_payload_arrives_whole(
    harness: DatadogHarness, autojump_clock: MockClock, status: int
) -> None:
    accept = harness.intake.respond

    async def respond(attempt: Attempt) -> httpx2.Response:
        if attempt.url.path == "/moved":
            return await accept(attempt)
        return httpx2.Response(status, headers={"Location": "/moved"})

    harness.intake.respond = respond
    ledger = await post(harness, make_snapshot())
    first, second = harness.intake.attempts
    assert (first.body, first.method) == (second.body, second.method)
    assert second.headers["DD-API-KEY"] == "secret-key"
    assert ledger.delivered == 1


async def test_key_goes_to_no_other_host(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    harness.intake.answer_with(307, headers={"Location": "https://evil.example/"})
    ledger = await post(harness, make_snapshot())
    assert {attempt.url.host for attempt in harness.intake.attempts} == {
        "api.example.com"
    }
    assert ledger.pending == 1


async def test_redirects_in_a_circle_end(
    harness: DatadogHarness, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    harness.intake.answer_with(307, headers={"Location": "/again"})
    ledger = await post(harness, make_snapshot())
    assert len(harness.intake.attempts) == 6
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
    harness: DatadogHarness, autojump_clock: MockClock, pause: float
) -> None:
    stream = EndlessAnswer(pause)

    async def respond(attempt: Attempt) -> httpx2.Response:
        await trio.lowlevel.checkpoint()
        return httpx2.Response(202, stream=stream)

    harness.intake.respond = respond
    destination = harness.open()
    async with running(destination):
        start = trio.current_time()
        destination.put_nowait(make_snapshot())
        await destination.join()
        assert trio.current_time() - start <= 1
        assert destination.ledgers()[0].delivered == 1
    assert stream.pieces <= 5
    assert stream.is_closed


@pytest.mark.parametrize("seconds_until_status", [0.0, 0.4])
async def test_status_counts_though_the_body_hangs_beyond_the_timeout(
    harness: DatadogHarness, autojump_clock: MockClock, seconds_until_status: float
) -> None:
    async def respond(attempt: Attempt) -> httpx2.Response:
        await trio.sleep(seconds_until_status)
        return httpx2.Response(400, stream=EndlessAnswer(1000))

    harness.intake.respond = respond
    destination = open_datadog(
        [Account("https://api.example.com", "secret-key")],
        transport=harness.intake,
        request_timeout_seconds=0.5,
    )
    async with running(destination):
        destination.put_nowait(make_snapshot())
        await destination.join()
    assert len(harness.intake.attempts) == 1
    assert destination.ledgers()[0].refused == {"400": 1}


async def test_status_counts_though_the_body_breaks(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    class BrokenAnswer(EndlessAnswer):
        async def __aiter__(self) -> Any:  # noqa: ASYNC900 - httpx2 closes it
            await trio.lowlevel.checkpoint()
            yield b"{"
            raise httpx2.ReadError("reset")

    async def respond(attempt: Attempt) -> httpx2.Response:
        await trio.lowlevel.checkpoint()
        return httpx2.Response(202, stream=BrokenAnswer(0))

    harness.intake.respond = respond
    ledger = await post(harness, make_snapshot())
    assert len(harness.intake.attempts) == 1
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
    ("url", "no_proxy", "proxy"),
    [
        ("https://api.example.com", (), "secure"),
        ("http://api.example.com", (), "plain"),
        ("https://api.example.com", ("api.example.com",), None),
        ("https://api.example.com", (" API.example.com ",), None),
        ("https://api.example.com", ("api.example.com:443",), None),
        ("http://api.example.com", ("api.example.com:80",), None),
        ("http://api.example.com", ("api.example.com:443",), "plain"),
        ("https://api.example.com:8443", ("api.example.com:443",), "secure"),
        ("https://api.example.com:8443", ("api.example.com",), None),
        ("https://api.example.com", ("example.com", ".example.com", "*"), "secure"),
    ],
)
def test_no_proxy_matches_hosts_exactly(
    url: str, no_proxy: tuple[str, ...], proxy: str | None
) -> None:
    proxies = {"https": "secure", "http": "plain"}
    assert choose_proxy(httpx2.URL(url), proxies, no_proxy) == proxy


def test_proxy_of_one_scheme_is_not_used_for_the_other() -> None:
    url = httpx2.URL("http://api.example.com")
    assert choose_proxy(url, {"https": "secure", "http": None}, ()) is None


@pytest.mark.parametrize(
    "proxy", ["ftp://me:hush@proxy", "http://me:hush@[::1", "socks5://p"]
)
def test_proxy_that_cannot_be_used_is_refused_without_being_named(proxy: str) -> None:
    with pytest.raises(ValueError, match="the proxy's URL") as info:
        open_transport(
            "https://api.example.com",
            max_connections=1,
            ssl_context=ssl.create_default_context(),
            proxies={"https": proxy},
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


class RefusingProxy:
    """Answers every request with one status.

    Attributes:
        url: with credentials in it.
        heads: what was asked, without bodies.
    """

    def __init__(self, status: int) -> None:
        self.url = ""
        self.heads: list[str] = []
        self._status = status

    async def open(self, nursery: trio.Nursery) -> None:
        serve = partial(trio.serve_tcp, self._refuse, 0, host="127.0.0.1")
        [listener] = await nursery.start(serve)
        port = listener.socket.getsockname()[1]
        self.url = f"http://me:hush@127.0.0.1:{port}"

    async def _refuse(self, stream: trio.SocketStream) -> None:
        self.heads.append((await read_head(stream)).decode())
        await stream.send_all(
            f"HTTP/1.1 {self._status} \x1b[31mno\r\nContent-Length: 0\r\n\r\n".encode()
        )


async def post_through(proxy: RefusingProxy, url: str, snapshot: Snapshot) -> str:
    """Post to *url*, and return why that failed."""
    destination = open_datadog(
        [Account(url, "secret-key")], proxy=proxy.url, proxy_http=proxy.url
    )
    async with trio.open_nursery() as running:
        running.start_soon(destination.run)
        destination.put_nowait(snapshot)
        await destination.join()
        running.cancel_scope.cancel()
    return destination.ledgers()[0].routes[0].failure


async def test_https_goes_through_the_proxy_with_its_credentials(
    nursery: trio.Nursery,
) -> None:
    proxy = RefusingProxy(407)
    await proxy.open(nursery)

    await post_through(proxy, "https://api.example.com", make_snapshot())

    nursery.cancel_scope.cancel()
    head = proxy.heads[0]
    assert head.startswith("CONNECT api.example.com:443 HTTP/1.1")
    assert "Proxy-Authorization: Basic bWU6aHVzaA==" in head
    assert not any("secret-key" in head for head in proxy.heads)


async def test_http_goes_through_a_proxy_of_its_own(nursery: trio.Nursery) -> None:
    proxy = RefusingProxy(502)
    await proxy.open(nursery)

    failure = await post_through(proxy, "http://api.example.com", make_snapshot())

    nursery.cancel_scope.cancel()
    posts = [head for head in proxy.heads if head.startswith("POST")]
    assert posts[0].startswith("POST http://api.example.com/api/v2/series HTTP/1.1")
    assert "Proxy-Authorization: Basic bWU6aHVzaA==" in posts[0]
    assert failure == "answered 502"


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (
            407,
            "the proxy answered 407: check the credentials in the proxy's URL",
        ),
        (503, "the proxy answered 503"),
    ],
)
async def test_failure_of_a_proxy_says_the_status_and_none_of_its_words(
    nursery: trio.Nursery, status: int, failure: str
) -> None:
    proxy = RefusingProxy(status)
    await proxy.open(nursery)

    told = await post_through(proxy, "https://api.example.com", make_snapshot())

    nursery.cancel_scope.cancel()
    assert told == failure


async def test_answer_whose_headers_never_end_is_none(nursery: trio.Nursery) -> None:
    async def send_half_a_head(stream: trio.SocketStream) -> None:
        await read_head(stream)
        await stream.send_all(b"HTTP/1.1 202 Accepted\r\n")
        await trio.sleep_forever()

    serve = partial(trio.serve_tcp, send_half_a_head, 0, host="127.0.0.1")
    [listener] = await nursery.start(serve)
    port = listener.socket.getsockname()[1]
    destination = open_datadog(
        [Account(f"http://127.0.0.1:{port}", "secret-key")],
        request_timeout_seconds=0.2,
    )
    async with running(destination):
        destination.put_nowait(make_snapshot())
        await destination.join()
        [ledger] = destination.ledgers()

    nursery.cancel_scope.cancel()
    assert (ledger.delivered, ledger.pending) == (0, 1)
    assert ledger.routes[0].failure == "no answer within 0.2 s"


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


def test_authority_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "missing.pem"
    with pytest.raises(OSError, match="could not read the CA file") as raised:
        open_datadog([], ca_file=str(path))
    assert raised.value.strerror == (
        f"could not read the CA file {path}: No such file or directory. Check ca_file."
    )


def test_authority_without_a_certificate_is_named(tmp_path: Path) -> None:
    path = tmp_path / "empty.pem"
    path.touch()
    with pytest.raises(OSError, match=f"{path}: it holds no certificate"):
        open_datadog([], ca_file=str(path))


def test_spool_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(OSError, match="could not write to the spool folder") as raised:
        open_datadog([], spool_path=str(path / "spool"), spool_max_bytes=1)
    assert f"{path}/spool" in str(raised.value)


def test_skipped_validation_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    open_datadog([], skip_ssl_validation=True)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "skip_ssl_validation" in record.message
    context = open_ssl_context(None, skip_validation=True)
    assert context.verify_mode is ssl.CERT_NONE


def test_loggers_of_the_http_library_are_quiet() -> None:
    open_datadog([])
    for name in ("httpx2", "httpcore2"):
        assert logging.getLogger(name).getEffectiveLevel() == logging.WARNING


def test_level_that_somebody_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("httpx2"), "level", logging.DEBUG)
    open_datadog([])
    assert logging.getLogger("httpx2").level == logging.DEBUG


def test_error_is_described_by_what_the_system_said() -> None:
    error = httpx2.ConnectError("words of the peer")
    error.__cause__ = ExceptionGroup("", [ConnectionRefusedError(111, "refused")])
    assert describe_error(error) == "could not connect: refused"


def test_error_of_the_peer_is_described_by_its_name_alone() -> None:
    error = httpx2.RemoteProtocolError("words of the peer")
    error.__cause__ = ValueError("more of them")
    assert (
        describe_error(error) == "hung up, or answered with something other than HTTP"
    )


def test_an_address_is_not_shown_as_python_writes_it() -> None:
    error = httpx2.ConnectError("")
    text = "Error connecting to ('127.0.0.1', 9): Connection refused"
    error.__cause__ = ExceptionGroup("", [ConnectionRefusedError(111, text)])
    assert describe_error(error) == "could not connect: Connection refused"


def test_an_error_without_words_of_its_own_is_described_by_its_name() -> None:
    assert describe_error(httpx2.DecodingError("words of the peer")) == "DecodingError"


def test_certificate_that_fails_is_described_by_why() -> None:
    reason = ssl.SSLCertVerificationError(1, "certificate verify failed")
    reason.verify_message = "self-signed certificate"
    error = httpx2.ConnectError("")
    error.__cause__ = reason
    assert describe_error(error) == "could not connect: self-signed certificate"


def test_circle_of_causes_ends() -> None:
    one, other = ValueError(), KeyError()
    one.__cause__, other.__cause__ = other, one
    assert describe_error(one) == "ValueError"


def make_answer(body: bytes, **headers: str) -> str:
    return make_excerpt(body, httpx2.Headers(headers), ("DD-API-KEY", "Authorization"))


def test_excerpt_is_one_printable_line() -> None:
    body = b"<p>no\x1b[31m such\r\n\troute\xff</p>\n"
    assert make_answer(body) == "<p>no [31m such route\N{REPLACEMENT CHARACTER}</p>"


def test_excerpt_is_bounded() -> None:
    assert len(make_answer(b"word " * 1000)) == 200
    assert make_answer(b"word " * 1000).endswith("...")
    assert make_answer(b"") == ""


@pytest.mark.parametrize("shift", range(0, 64, 7))
def test_excerpt_shows_nothing_secret(shift: int) -> None:
    key, credentials = "0123456789abcdef" * 2, "bWU6aHVzaA=="
    headers = {"DD-API-KEY": key, "Authorization": f"Basic {credentials}"}
    body = f"bad key {key.upper()}, Basic {credentials}".encode()
    assert make_answer(body, **headers) == "bad key ***, Basic ***"
    # Not even half of it, where the answer was cut off.
    padded = (b" " * (4096 - shift) + b"x" + key.encode())[:4096]
    assert "0123456789" not in make_answer(padded, **headers)


async def test_start_of_a_refusal_is_logged_with_route_and_status(
    harness: DatadogHarness, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuse(attempt: Attempt) -> httpx2.Response:
        await trio.lowlevel.checkpoint()
        return httpx2.Response(
            400, content=f"no route for {attempt.headers['DD-API-KEY']}".encode()
        )

    harness.intake.respond = refuse
    destination = harness.open()
    async with running(destination):
        destination.put_nowait(make_snapshot(series=108))
        await trio.sleep(11)
    name = "datadog:https://api.example.com"
    assert (
        f"{name}: lost 108 points in 1 payload: /api/v2/series answered 400:"
        " no route for ***" in caplog.text
    )
    assert "secret-key" not in caplog.text
