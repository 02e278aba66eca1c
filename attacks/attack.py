"""An attack, with its name and the function that carries it out."""

from collections.abc import Callable

import attrs

from attacks.trial import Trial


@attrs.frozen
class Attack:
    """One attack.

    Attributes:
        name: shown, and used to choose it.
        run: starts what it needs by the trial, and tells it what it found.
    """

    name: str
    run: Callable[[Trial], None]
