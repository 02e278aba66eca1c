"""Ask a server for a view, with many clients at once; runs as a process.

It prints a JSON line at its start, waits for a line on its standard input, asks until
its time is up, and prints what it got.
"""

import http.client
import json
import socket
import struct
import sys
import threading
import time
from typing import Any, BinaryIO, Final

import attrs

# Longer than any answer that is not a broken bound.
_PATIENCE_SECONDS: Final = 20.0

# Source: RFC 9113, 6.
_DATA: Final = 0
_HEADERS: Final = 1
_RST_STREAM: Final = 3
_SETTINGS: Final = 4
_GOAWAY: Final = 7
_WINDOW_UPDATE: Final = 8
_INITIAL_WINDOW_SIZE: Final = 4
_END_STREAM: Final = 1
_END_HEADERS: Final = 4
_FRAME_HEAD_BYTES: Final = 9


@attrs.frozen
class Asking:
    """What to ask for, and how.

    Attributes:
        clients: connections, each in a thread of its own.
        streams: requests at once on each connection, over HTTP/2; 0 for HTTP/1.1,
            where each client asks again once it has an answer.
    """

    path: str
    clients: int
    seconds: float
    streams: int = 0


@attrs.define
class Answers:
    """The answers of all clients.

    Attributes:
        answered: whole answers, of any status.
        refused: connections and streams that were ended without one.
    """

    answered: int = 0
    refused: int = 0


class _Client:
    """One connection."""

    def __init__(self, target: tuple[str, int], asking: Asking) -> None:
        self._target = target
        self._asking = asking
        self.answers = Answers()

    def run(self) -> None:
        """Ask until time is up, over a new connection whenever one ends."""
        deadline = time.monotonic() + self._asking.seconds
        ask = self._ask_streams if self._asking.streams else self._ask_repeatedly
        while time.monotonic() < deadline:
            try:
                ask(deadline)
            except (OSError, http.client.HTTPException):
                self.answers.refused += 1
                time.sleep(0.1)

    def _ask_repeatedly(self, deadline: float) -> None:
        connection = http.client.HTTPConnection(
            *self._target, timeout=_PATIENCE_SECONDS
        )
        try:
            while time.monotonic() < deadline:
                connection.request("GET", self._asking.path)
                connection.getresponse().read()
                self.answers.answered += 1
        finally:
            connection.close()

    def _ask_streams(self, deadline: float) -> None:
        """Open all streams of a connection, and read until each has ended."""
        with socket.create_connection(self._target, _PATIENCE_SECONDS) as sock:
            sock.settimeout(_PATIENCE_SECONDS)
            sock.sendall(_write_streams(self._asking))
            with sock.makefile("rb") as answer:
                waiting = self._asking.streams
                while waiting and time.monotonic() < deadline:
                    kind, flags = _read_frame(answer)
                    if kind == _RST_STREAM:
                        self.answers.refused += 1
                        waiting -= 1
                    elif kind in {_DATA, _HEADERS} and flags & _END_STREAM:
                        self.answers.answered += 1
                        waiting -= 1
                    elif kind == _GOAWAY:
                        raise ConnectionResetError


def _write_streams(asking: Asking) -> bytes:
    """Write the start of a connection over HTTP/2, and a request on each stream.

    Source: RFC 9113, 3.4, 4.1, 6.5 and 6.9; RFC 7541, Appendix A.
    """
    most = 2**31 - 1
    settings = struct.pack("!HI", _INITIAL_WINDOW_SIZE, most)
    window = struct.pack("!I", most - 65_535)
    host, path = b"attack", asking.path.encode()
    # :method GET, :scheme http, then :authority and :path with their texts.
    block = b"\x82\x86\x01%c%b\x04%c%b" % (len(host), host, len(path), path)
    return b"".join(
        [
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            _write_frame(_SETTINGS, 0, 0, settings),
            _write_frame(_WINDOW_UPDATE, 0, 0, window),
            *(
                _write_frame(_HEADERS, _END_STREAM | _END_HEADERS, 2 * n + 1, block)
                for n in range(asking.streams)
            ),
        ]
    )


def _write_frame(kind: int, flags: int, stream: int, contents: bytes) -> bytes:
    head = struct.pack("!IBBI", len(contents), kind, flags, stream)
    return head[1:] + contents


def _read_frame(answer: BinaryIO) -> tuple[int, int]:
    """Read one frame; return its kind and its flags.

    Raises:
        ConnectionResetError: if the connection ends, or is not HTTP/2.
    """
    head = answer.read(_FRAME_HEAD_BYTES)
    if len(head) < _FRAME_HEAD_BYTES or head.startswith(b"HTTP/"):
        raise ConnectionResetError
    answer.read(int.from_bytes(head[:3], "big"))
    return head[3], head[4]


def main() -> None:
    """Serve one order, given as JSON."""
    order: dict[str, Any] = json.loads(sys.argv[1])
    host, port = order.pop("target")
    asking = Asking(**order)
    clients = [_Client((host, port), asking) for _ in range(asking.clients)]
    print(json.dumps({"clients": len(clients)}), flush=True)
    if not sys.stdin.readline():
        return
    threads = [threading.Thread(target=client.run) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answers = Answers(
        answered=sum(client.answers.answered for client in clients),
        refused=sum(client.answers.refused for client in clients),
    )
    print(json.dumps(attrs.asdict(answers)), flush=True)


if __name__ == "__main__":
    main()
