"""Run benchmarks by name, or all of them: `python -m benchmarks burst --runs 10`."""

import runpy
import sys
from itertools import takewhile
from pathlib import Path
from typing import Final

# In the order in which all are run; those that a file brings along come last.
_NAMES: Final = (
    "engine",
    "burst",
    "steady",
    "flood",
    "shares",
    "lossless",
    "fairness",
    "memory",
    "hostile",
    "bounds",
    "parser",
    "sketch",
    "contexts",
    "flush",
    "spool",
    "plugin",
)
# What is run only where it is named.
_OTHERS: Final = ("chart",)


def main() -> int:
    """Run what the command line names, with the options that follow the names."""
    folder = Path(__file__).parent
    present = [name for name in _NAMES if (folder / f"{name}.py").exists()]
    arguments = sys.argv[1:]
    names = list(takewhile(lambda argument: argument[:1] != "-", arguments))
    if arguments[:1] == ["chart"]:
        names = ["chart"]
    unknown = sorted(set(names) - {*present, *_OTHERS})
    if unknown:
        known = [*present, *_OTHERS]
        print(f"no benchmark {unknown}; there are {known}", file=sys.stderr)
        return 2
    for name in names or present:
        sys.argv = [name, *arguments[len(names) :]]
        runpy.run_module(f"benchmarks.{name}", run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
