"""Keys of a terminal, which is a pseudo-terminal here."""

import io
import os
import sys

import pytest

from statsd_trio.cli.keyboard import open_keyboard

if sys.platform == "win32":
    pytest.skip("Windows has no pseudo-terminals", allow_module_level=True)

import termios

# Longer than any test waits, unless what it tests is broken.
LONG_SECONDS = 60.0


@pytest.mark.parametrize("keys", [b"q", b"Q", b"xyq"])
def test_q_ends_the_wait_and_leaves_the_terminal_as_it_was(keys: bytes) -> None:
    master, slave = os.openpty()
    with open(slave, encoding="ascii") as stream:  # noqa: PTH123 - a descriptor
        before = termios.tcgetattr(slave)
        with open_keyboard(stream) as wait_for_quit:
            os.write(master, keys)
            assert wait_for_quit(LONG_SECONDS)
        assert termios.tcgetattr(slave) == before
    os.close(master)


def test_other_keys_do_not_end_it() -> None:
    master, slave = os.openpty()
    with (
        open(slave, encoding="ascii") as stream,  # noqa: PTH123 - a descriptor
        open_keyboard(stream) as wait_for_quit,
    ):
        os.write(master, b"x\n")
        assert not wait_for_quit(0.01)
    os.close(master)


def test_what_is_not_a_terminal_is_only_waited_for() -> None:
    with open_keyboard(io.StringIO("q")) as wait_for_quit:
        assert not wait_for_quit(0)
    with open_keyboard(None) as wait_for_quit:
        assert not wait_for_quit(0)
