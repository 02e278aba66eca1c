"""Answer a client: with the intake's own answers, or with faults of the script."""

import http
from collections.abc import Mapping
from typing import Final

import trio
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from statsd_trio.mock_intake.connection import break_off, pour_out, reset
from statsd_trio.mock_intake.script import Fault, Rule
from statsd_trio.web import Connection, JsonResponse, wait_left

_JSON: Final = "application/json"
_ACCEPTED: Final = b'{"errors":[]}'
# A chunk of a chunked body. It consists of spaces, which may come before any JSON.
_ENDLESS_PIECE: Final = b"400\r\n" + b" " * 0x400 + b"\r\n"
_GARBAGE: Final = b"\x16\x03\x01\x00 this is not HTTP\r\n\r\n"


def make_answer(status: int, error: str, allow: str) -> Response:
    """Answer as the real intake does; *allow* names the method of a 405."""
    if error:
        headers = {"allow": allow} if status == 405 else None
        return JsonResponse({"errors": [error]}, status, headers)
    body = b'{"valid":true}' if status == 200 else _ACCEPTED
    return Response(body, status, media_type=_JSON)


async def play_rule(
    rule: Rule, own_answer: Response, request: Request
) -> Response | None:
    """Do what *rule* says, after its delay.

    Returns:
        The answer, which may be the intake's own; None if the connection is closed
        instead.

    Raises:
        ClientDisconnect: if the client leaves before that.
    """
    if rule.delay_seconds:
        with trio.move_on_after(rule.delay_seconds):
            await wait_left(request.receive)
            raise ClientDisconnect
    connection: Connection = request.state.connection
    stream = connection.stream
    match rule.fault:
        case Fault.ACCEPT:
            return own_answer
        case Fault.ANSWER:
            return PlainTextResponse(
                rule.body, rule.choose_status(), rule.collect_headers()
            )
        case Fault.HANG:
            await wait_left(request.receive)
        case Fault.RESET | Fault.LOSE_ANSWER:
            reset(stream)
        case Fault.HALF_ANSWER:
            await break_off(stream, _halve(rule))
        case Fault.ENDLESS_ANSWER:
            head = _write_head(rule, {"transfer-encoding": "chunked"})
            await pour_out(stream, head, _ENDLESS_PIECE)
        case Fault.GARBAGE:
            await break_off(stream, rule.body.encode() or _GARBAGE)
    return None


def _halve(rule: Rule) -> bytes:
    """Return an answer up to the middle of its body."""
    body = rule.body.encode() or _ACCEPTED
    head = _write_head(rule, {"content-length": str(len(body))})
    return head + body[: len(body) // 2]


def _write_head(rule: Rule, framing: Mapping[str, str]) -> bytes:
    """Return the head of an answer, with the headers that say where its body ends."""
    status = rule.choose_status()
    try:
        phrase = http.HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    headers = {"content-type": _JSON, **framing, **rule.collect_headers()}
    lines = [f"HTTP/1.1 {status} {phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")
