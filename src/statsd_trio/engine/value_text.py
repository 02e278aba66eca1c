"""Read the text of values, as long as there is no doubt about what they are.

If there is a doubt, `InDoubt` is raised and the parser reads the line instead. The
parser knows exactly what a value is, and can say what is wrong with it.
"""

from typing import Final

from statsd_trio.protocol.numbers import PLAIN_CHARACTERS

# Finite numbers as small as this can be added any number of times, and divided by any
# sample rate that is learnt, without their sum becoming infinite: half the distance
# between the two largest doubles is 1e292.
SMALL: Final = 1e270

_SPACE: Final = 0x20


class InDoubt(ValueError):  # noqa: N818 - nothing is wrong
    """The line must take the exact path. Nothing was added yet."""


def is_small(value: float) -> bool:
    """Return whether *value* can be added without checking the sum."""
    return -SMALL < value < SMALL


def read_number(text: bytes) -> float:
    """Read one finite, small number.

    For text that fits into one line, `float` reads the same numbers as the protocol,
    except that it also accepts spaces around them, and the words for NaN and infinity.

    Raises:
        ValueError: if there is any doubt.
    """
    value = float(text)
    if -SMALL < value < SMALL and text[0] > _SPACE < text[-1]:
        return value
    raise InDoubt


def read_numbers(text: bytes) -> list[float]:
    """Read several finite, small numbers, separated by colons.

    Raises:
        ValueError: if there is any doubt.
    """
    if text.translate(None, PLAIN_CHARACTERS):
        raise InDoubt
    values = list(map(float, text.split(b":")))
    if -SMALL < min(values) <= max(values) < SMALL:
        return values
    raise InDoubt


def check_string(text: bytes) -> None:
    """Check that *text* can be a value of a set.

    Raises:
        ValueError: if there is any doubt.
    """
    if not text:
        raise InDoubt
    if not text.isascii():
        text.decode()
