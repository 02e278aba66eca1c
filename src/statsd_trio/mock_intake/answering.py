"""What a client gets to know: the intake's own answers, and the script's faults."""

import http
import json
from collections.abc import Mapping
from typing import Final

import trio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from statsd_trio.mock_intake.connection import Connection
from statsd_trio.mock_intake.script import Act, Rule

_JSON: Final = "application/json"
_ACCEPTED: Final = b'{"errors":[]}'
_GARBAGE: Final = b"\x16\x03\x01\x00 this is not HTTP\r\n\r\n"

# Where a connection puts itself in an ASGI scope's state.
CONNECTION_KEY: Final = "connection"


async def send_answer(
    status: int, error: str, allow: str, scope: Scope, receive: Receive, send: Send
) -> None:
    """Answer as the real intake does; *allow* names the method of a 405."""
    if error:
        body = json.dumps({"errors": [error]}).encode()
    elif status == 200:
        body = b'{"valid":true}'
    else:
        body = _ACCEPTED
    headers = {"allow": allow} if status == 405 else None
    response = Response(body, status, headers, media_type=_JSON)
    await response(scope, receive, send)


async def play_rule(rule: Rule, scope: Scope, receive: Receive, send: Send) -> bool:
    """Do what *rule* says, after its delay, unless the client leaves before.

    Returns:
        whether the intake's own answer is still to be sent.
    """
    if rule.delay_seconds:
        with trio.move_on_after(rule.delay_seconds):
            await _wait_until_left(receive)
            return False
    connection: Connection = scope["state"][CONNECTION_KEY]
    match rule.act:
        case Act.ACCEPT:
            return True
        case Act.ANSWER:
            response = Response(rule.body, rule.choose_status(), rule.collect_headers())
            await response(scope, receive, send)
            return False
        case Act.HANG:
            pass
        case Act.RESET | Act.LOSE_ANSWER:
            connection.reset()
        case Act.HALF_ANSWER:
            await connection.break_off(_halve(rule))
        case Act.GARBAGE:
            await connection.break_off(rule.body.encode() or _GARBAGE)
    # The HTTP server would answer with a 500 if this returned before it knows
    # that the connection is gone.
    await _wait_until_left(receive)
    return False


def _halve(rule: Rule) -> bytes:
    """Write an answer up to the middle of its body."""
    status = rule.choose_status()
    try:
        phrase = http.HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    body = rule.body.encode() or _ACCEPTED
    headers: Mapping[str, str] = {
        "content-type": _JSON,
        "content-length": str(len(body)),
        **rule.collect_headers(),
    }
    lines = [f"HTTP/1.1 {status} {phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join(lines) + "\r\n\r\n"
    return head.encode("ascii") + body[: len(body) // 2]


async def _wait_until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
