from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from statsd_trio.dev.guard import Guard

OWN = "http://127.0.0.1:8129"


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def ask(method: str, **headers: str | list[str]) -> tuple[int, dict[str, str]]:
    """Return the status and the headers of the answer."""
    sent: list[Message] = []
    lines = [
        (name.encode(), value.encode())
        for name, values in headers.items()
        for value in ([values] if isinstance(values, str) else values)
    ]
    scope = {"type": "http", "method": method, "path": "/", "headers": lines}

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("no body is read")

    await Guard(answer, "metrics.desk")(scope, receive, send)
    return sent[0]["status"], {
        name.decode(): value.decode() for name, value in sent[0]["headers"]
    }


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:8129", "localhost", "LOCALHOST:8129", "[::1]:8129", "metrics.desk:80"],
)
async def test_page_is_shown_under_an_address_and_a_chosen_name(host: str) -> None:
    status, headers = await ask("GET", host=host)
    assert status == 200
    assert "script-src 'self'" in headers["content-security-policy"]
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example:8129",
        "127.0.0.1.evil.example",
        "[evil]:1",
    ],
)
async def test_a_name_that_was_pointed_here_is_refused(host: str) -> None:
    status, headers = await ask("GET", host=host)
    assert status == 403
    assert "script-src 'self'" in headers["content-security-policy"]


async def test_a_request_names_one_host() -> None:
    assert (await ask("GET"))[0] == 403
    assert (await ask("GET", host=["localhost", "evil.example"]))[0] == 403


async def test_only_the_page_itself_changes_something() -> None:
    host = "127.0.0.1:8129"
    assert (await ask("POST", host=host, origin=OWN))[0] == 200
    assert (await ask("POST", host=host))[0] == 403
    assert (await ask("POST", host=host, origin="null"))[0] == 403
    assert (await ask("POST", host=host, origin="http://evil.example"))[0] == 403
    assert (await ask("POST", host=host, origin="http://127.0.0.1:80"))[0] == 403
