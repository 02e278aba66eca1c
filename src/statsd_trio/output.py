"""Write lines to a file, which is opened each time, or to a stream.

Each line is written completely or not at all. If an error leaves a part of a line, that
part is removed if possible, which it is in files. The error says how many lines were
written before it.

Python's own buffers are bypassed. They would write what an error left in them at some
later time. Also, a thread that waits in such a buffer for a slow reader would hold the
lock of standard output when the process wants to end.
"""

import errno
import io
import os
import select
import stat
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, Final, TextIO

from statsd_trio.errors import explain_os_error

# The metrics that are written may be private, so only the owner may read them.
_MODE: Final = 0o600
_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)

# The other end of a pipe or a connection is gone, and will not come back.
_GONE: Final = frozenset({errno.EPIPE, errno.ECONNRESET})


class OutputError(Exception):
    """Not all lines could be written.

    Attributes:
        reason: the system's name for the error, such as ``ENOSPC``.
        lines: how many lines were written.
        is_gone: whether nobody reads the stream any more.
    """

    def __init__(self, message: str, *, reason: str, lines: int, is_gone: bool) -> None:
        super().__init__(message)
        self.reason = reason
        self.lines = lines
        self.is_gone = is_gone


class LineOutput:
    """A file, a stream, or standard output.

    Attributes:
        name: a name for people.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        stream: TextIO | BinaryIO | None = None,
    ) -> None:
        """Write to the file at *path* or to *stream*.

        Without either, to standard output.
        """
        self._path = None if path is None else Path(path)
        self._stream = stream
        self.name = "standard output" if path is None else str(path)

    @property
    def encoding(self) -> str:
        """The encoding for text."""
        stream = None if self._path is not None else self._stream or sys.stdout
        return getattr(stream, "encoding", None) or "utf-8"

    def check(self) -> None:
        """Create the file if it is missing, and check that it can be written to.

        Raises:
            OSError: if it cannot; the message names the output.
        """
        if self._path is not None:
            with explain_os_error(f"write to {self.name}", "Check jsonl_path."):
                _check_file(self._path)
            return
        with explain_os_error(
            f"write to {self.name}", "Check where it goes, or choose another sink."
        ):
            _check_stream(self._find_stream())

    def write(self, pieces: Iterable[bytes]) -> None:
        """Write *pieces*, each of which has whole lines; this blocks.

        Raises:
            OutputError: if not all of it could be written.
        """
        writer = _Writer(pieces)
        try:
            if self._path is None:
                writer.write_to_stream(self._find_stream())
            else:
                # Opening a FIFO waits here for its reader.
                descriptor = os.open(self._path, _FLAGS, _MODE)
                with io.FileIO(descriptor, "ab") as file:
                    writer.write(file)
        except OSError as error:
            is_gone = self._path is None and error.errno in _GONE
            reason = error.strerror or str(error)
            if is_gone:
                reason = "nobody reads it any more"
            raise OutputError(
                f"could not write to {self.name}: {reason}",
                reason=errno.errorcode.get(error.errno or 0, type(error).__name__),
                lines=writer.lines,
                is_gone=is_gone,
            ) from error

    def _find_stream(self) -> TextIO | BinaryIO:
        # Standard output may have changed since the sink was made, and is None in a
        # process that was started without it.
        stream: TextIO | BinaryIO | None = self._stream or sys.stdout
        if stream is None or stream.closed:
            raise OSError(errno.EBADF, "it is closed")
        return stream


class _Writer:
    """Writes pieces, and counts the lines that were written.

    Attributes:
        lines: how many lines were written so far.
    """

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces
        self.lines = 0

    def write_to_stream(self, stream: TextIO | BinaryIO) -> None:
        # What the program itself has printed must come first.
        stream.flush()
        if isinstance(stream, io.TextIOBase) and not hasattr(stream, "buffer"):
            self._write_text(stream)
            return
        buffer = getattr(stream, "buffer", stream)
        self.write(getattr(buffer, "raw", buffer))

    def _write_text(self, stream: io.TextIOBase) -> None:
        """Write to an object that stands in for a file and only takes text."""
        for piece in self._pieces:
            stream.write(piece.decode(stream.encoding or "utf-8", "replace"))
            self.lines += piece.count(b"\n")
        stream.flush()

    def write(self, raw: Any) -> None:
        """Write to *raw*, whose ``write`` may take less than it is given."""
        for piece in self._pieces:
            view, done = memoryview(piece), 0
            try:
                while done < len(view):
                    taken: int | None = raw.write(view[done:])
                    if taken is None:
                        # Another process that shares it made it non-blocking.
                        _wait_writable(raw.fileno())
                    done += taken or 0
            except OSError:
                _take_back(raw, done - (piece.rfind(b"\n", 0, done) + 1))
                raise
            finally:
                self.lines += piece.count(b"\n", 0, done)


def _check_file(path: Path) -> None:
    try:
        is_fifo = stat.S_ISFIFO(path.stat().st_mode)
    except FileNotFoundError:
        is_fifo = False
    if is_fifo:
        # Opening it would wait for a reader, and closing it would end that reader's
        # input.
        if not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return
    os.close(os.open(path, _FLAGS | getattr(os, "O_NONBLOCK", 0), _MODE))


def _check_stream(stream: TextIO | BinaryIO) -> None:
    try:
        descriptor = stream.fileno()
    except io.UnsupportedOperation:
        # There is no file of the system behind it.
        return
    os.write(descriptor, b"")


def _wait_writable(descriptor: int) -> None:
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    poll.poll()


def _take_back(raw: Any, size: int) -> None:
    """Cut the last *size* bytes off a file, unless somebody wrote after them."""
    if not size:
        return
    try:
        descriptor: int = raw.fileno()
        end = os.lseek(descriptor, 0, os.SEEK_CUR)
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode) and status.st_size == end:
            os.ftruncate(descriptor, end - size)
            os.lseek(descriptor, end - size, os.SEEK_SET)
    except OSError:
        # What was written to a pipe or a terminal cannot be taken back.
        return
