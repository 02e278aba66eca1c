import errno
import io
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any, TextIO

import pytest

from statsd_trio.cli.writer import BackgroundWriter

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pipes are POSIX's")

LIMIT_SECONDS = 10


def write_to(stream: TextIO | None, max_waiting_bytes: int = 1000) -> BackgroundWriter:
    return BackgroundWriter(
        stream,
        describe_dropped=lambda count: f"({count} dropped)\n",
        max_waiting_bytes=max_waiting_bytes,
    )


@pytest.fixture
def pipe() -> Iterator[tuple[TextIO, TextIO]]:
    reading, writing = os.pipe()
    with os.fdopen(reading) as reader, os.fdopen(writing, "w") as stream:
        yield reader, stream


def test_text_is_written_in_order() -> None:
    stream = io.StringIO()
    writer = write_to(stream)
    for number in range(100):
        writer.write_nowait(f"{number}\n")
    writer.close(LIMIT_SECONDS)
    assert stream.getvalue().split() == [str(number) for number in range(100)]


def test_reader_that_stalls_holds_up_nobody_and_learns_what_it_missed(
    pipe: tuple[TextIO, TextIO],
) -> None:
    reader, stream = pipe
    writer = write_to(stream)
    # Far more than a pipe has room for.
    for _ in range(10_000):
        writer.write_nowait(f"{'x' * 99}\n")

    writer.close(0)
    received: list[str] = []
    reading = threading.Thread(target=lambda: received.extend(reader))
    reading.start()
    writer._thread.join(LIMIT_SECONDS)
    stream.close()
    reading.join(LIMIT_SECONDS)

    notes = [line for line in received if line.startswith("(")]
    dropped = sum(int(note[1:].split()[0]) for note in notes)
    assert received[-1] == notes[-1]
    assert dropped == 10_000 - (len(received) - len(notes))


def test_note_stands_where_the_lines_are_missing() -> None:
    released, caught_up = threading.Event(), threading.Event()

    class StalledStream(io.StringIO):
        def write(self, text: str) -> int:
            released.wait(LIMIT_SECONDS)
            if text == "c\n":
                caught_up.set()
            return super().write(text)

    stream = StalledStream()
    writer = write_to(stream, max_waiting_bytes=6)
    for name in "abcde":
        writer.write_nowait(f"{name}\n")
    released.set()
    # Two of the three that had room are counted as taken by then.
    caught_up.wait(LIMIT_SECONDS)
    writer.write_nowait("f\n")
    writer.close(LIMIT_SECONDS)
    assert stream.getvalue() == "a\nb\nc\n(2 dropped)\nf\n"


def test_close_does_not_wait_for_a_reader_that_stalls(
    pipe: tuple[TextIO, TextIO],
) -> None:
    reader, stream = pipe
    writer = write_to(stream, max_waiting_bytes=1_000_000)
    writer.write_nowait("x" * 500_000)
    writer.close(0.01)
    assert writer._thread.is_alive()
    # So that the thread ends.
    left = 500_000
    while left:
        left -= len(os.read(reader.fileno(), left))
    writer._thread.join(LIMIT_SECONDS)
    assert not writer._thread.is_alive()


def test_reader_that_left_is_no_error(pipe: tuple[TextIO, TextIO]) -> None:
    reader, stream = pipe
    reader.close()
    writer = write_to(stream)
    for _ in range(100):
        writer.write_nowait("line\n")
    writer.close(LIMIT_SECONDS)
    assert not writer._thread.is_alive()


class FullDisk(io.StringIO):
    """Has no room for the first few writes."""

    def __init__(self, failures: int) -> None:
        super().__init__()
        self.failures = failures

    def write(self, text: str) -> int:
        if self.failures:
            self.failures -= 1
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(text)


def test_what_a_full_disk_lost_is_told_once_it_is_not() -> None:
    stream = FullDisk(2)
    writer = write_to(stream)
    for name in "abc":
        writer.write_nowait(f"{name}\n")
    writer.close(LIMIT_SECONDS)
    assert stream.getvalue() == "(2 dropped)\nc\n"


def test_what_the_encoding_lacks_is_an_escape() -> None:
    raw = io.BytesIO()
    writer = write_to(io.TextIOWrapper(raw, encoding="latin-1"))
    writer.write_nowait("señor \N{SNOWMAN} \udcff\n")
    writer.close(LIMIT_SECONDS)
    assert raw.getvalue() == b"se\xf1or \\u2603 \\udcff\n"


def test_process_without_the_stream_writes_nowhere() -> None:
    writer = write_to(None)
    writer.write_nowait("line\n")
    writer.close(LIMIT_SECONDS)


def test_text_after_the_end_goes_nowhere() -> None:
    stream: Any = io.StringIO()
    writer = write_to(stream)
    writer.close(LIMIT_SECONDS)
    writer.close(LIMIT_SECONDS)
    writer.write_nowait("late\n")
    assert stream.getvalue() == ""
