"""The text of values, where there can be no doubt about what they are.

Whoever finds a value in doubt raises `InDoubt`, and the line is read by the parser,
which knows exactly what is a value and can say what is wrong.
"""

from typing import Final

from statsd_trio.protocol.numbers import PLAIN_CHARACTERS

# No sum of finite numbers becomes infinite by adding one as small as this, however
# often, and divided by whatever sample rate is learnt: half the distance between the
# two largest doubles is 1e292.
SMALL: Final = 1e270

_SPACE: Final = 0x20


class InDoubt(ValueError):  # noqa: N818 - nothing is wrong
    """The line must take the exact way. Nothing was done yet."""


def is_small(value: float) -> bool:
    """Return whether *value* can be added without a look at the sum."""
    return -SMALL < value < SMALL


def read_number(text: bytes) -> float:
    """Read one finite, small number.

    Of what fits into one line, `float` reads the same numbers as the protocol, but for
    spaces around them, and the words for NaN and infinity.

    Raises:
        ValueError: if there is any doubt.
    """
    value = float(text)
    if -SMALL < value < SMALL and text[0] > _SPACE < text[-1]:
        return value
    raise InDoubt


def read_numbers(text: bytes) -> list[float]:
    """Read several finite, small numbers, with a colon between two.

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
    """See that *text* can be a value of a set.

    Raises:
        ValueError: if there is any doubt.
    """
    if not text:
        raise InDoubt
    if not text.isascii():
        text.decode()
