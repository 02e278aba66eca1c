import errno
import io
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import trio

from statsd_trio.output import LineOutput, OutputError

LimitFiles = Callable[[int], AbstractContextManager[None]]

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX's")


@pytest.fixture
def pipe() -> Iterator[tuple[int, io.BufferedWriter]]:
    """A descriptor to read from, and a stream to write to."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as stream:
        yield reading, stream
    # A test that closed it gave its number back.


@posix
def test_full_disk_leaves_whole_lines_and_their_count(
    tmp_path: Path, limit_files: LimitFiles
) -> None:
    path = tmp_path / "lines"
    output = LineOutput(path)
    output.write([b"before\n"])

    with limit_files(100), pytest.raises(OutputError) as raised:
        output.write([b"0123456789\n" * 4] * 3)
    output.write([b"after\n"])

    # 7 bytes, then 8 lines of 11, and 5 bytes of a ninth that were taken back.
    assert raised.value.lines == 8
    assert raised.value.reason == "EFBIG"
    assert not raised.value.is_gone
    assert path.read_bytes() == b"before\n" + b"0123456789\n" * 8 + b"after\n"


@posix
def test_redirected_stream_is_left_with_whole_lines_too(
    tmp_path: Path, limit_files: LimitFiles
) -> None:
    path = tmp_path / "lines"
    with path.open("wb") as stream:
        output = LineOutput(stream=stream)
        with limit_files(15), pytest.raises(OutputError) as raised:
            output.write([b"0123456789\n" * 2])
        output.write([b"after\n"])

    assert raised.value.lines == 1
    assert path.read_bytes() == b"0123456789\nafter\n"


class CrowdedFile(io.RawIOBase):
    """A file on a full disk, to which somebody else appends as well."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self._neighbour = path.open("ab", buffering=0)

    def fileno(self) -> int:
        return self._file.fileno()

    def write(self, data: Any) -> int:
        if self._neighbour.closed:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = self._file.write(data[:15])
        self._neighbour.write(b"theirs\n")
        self._neighbour.close()
        return taken

    def close(self) -> None:
        self._file.close()
        super().close()


def test_nothing_of_a_neighbour_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    with CrowdedFile(path) as stream, pytest.raises(OutputError) as raised:
        LineOutput(stream=stream).write([b"0123456789\n" * 2])  # type: ignore[arg-type]

    assert raised.value.lines == 1
    assert path.read_bytes() == b"0123456789\n0123theirs\n"


@posix
def test_pipe_that_nobody_reads_is_over(pipe: tuple[int, io.BufferedWriter]) -> None:
    reading, stream = pipe
    os.close(reading)

    with pytest.raises(OutputError, match="nobody reads it any more") as raised:
        LineOutput(stream=stream).write([b"line\n"])

    assert (raised.value.reason, raised.value.is_gone) == ("EPIPE", True)
    assert raised.value.lines == 0


@posix
async def test_stream_that_somebody_made_non_blocking_is_waited_for(
    pipe: tuple[int, io.BufferedWriter],
) -> None:
    reading, stream = pipe
    os.set_blocking(stream.fileno(), False)
    text = b"0123456789\n" * 50_000
    received = b""

    async with (
        trio.lowlevel.FdStream(reading) as reader,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(
            trio.to_thread.run_sync, LineOutput(stream=stream).write, [text]
        )
        while len(received) < len(text):
            received += await reader.receive_some()

    assert received == text


def test_what_was_printed_before_goes_first(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    with path.open("w") as stream:
        stream.write("printed\n")
        LineOutput(stream=stream).write([b"line\n"])

    assert path.read_text() == "printed\nline\n"


def test_stream_of_text_alone_will_do() -> None:
    stream = io.StringIO()
    LineOutput(stream=stream).write(["señor\n".encode()])
    assert stream.getvalue() == "señor\n"


@posix
def test_file_is_its_owner_s_alone(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    LineOutput(path).write([b"line\n"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_check_makes_the_file_and_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    LineOutput(path).check()
    assert path.read_bytes() == b""


@pytest.mark.parametrize("place", ["missing/lines", "."])
def test_check_names_a_file_that_cannot_be_written(tmp_path: Path, place: str) -> None:
    path = tmp_path / place
    with pytest.raises(OSError, match="Check jsonl_path") as raised:
        LineOutput(path).check()
    assert f"could not write to {path}: " in str(raised.value)


@posix
def test_check_does_not_wait_for_the_reader_of_a_fifo(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    LineOutput(path).check()


@posix
def test_check_notices_a_stream_for_reading() -> None:
    with (
        os.fdopen(os.open(os.devnull, os.O_RDONLY), "wb") as stream,
        pytest.raises(OSError, match="standard output: Bad file descriptor"),
    ):
        LineOutput(stream=stream).check()


def test_process_without_standard_output_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    output = LineOutput()

    with pytest.raises(OSError, match="could not write to standard output: it is clos"):
        output.check()
    with pytest.raises(OutputError, match="could not write to standard output"):
        output.write([b"line\n"])
    assert output.encoding == "utf-8"


def test_stream_without_a_descriptor_can_be_written() -> None:
    LineOutput(stream=io.BytesIO()).check()
