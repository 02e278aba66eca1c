"""All options of `Config`, as the fields of the class declare them.

The environment, the files, the flags, ``config show``, the JSON Schema and the
documentation are all made from this one table.
"""

from typing import Final

import attrs

from statsd_trio.config.config import Config
from statsd_trio.config.option import Option, read_option

# The variable with the path of a file, if no path is given.
FILE_VARIABLE: Final = "STATSD_TRIO_CONFIG"

# Variables that begin with the prefix but are not options: the file, how to build the
# package, and which engine runs.
OTHER_VARIABLES: Final = (
    FILE_VARIABLE,
    "STATSD_TRIO_BUILD_NATIVE",
    "STATSD_TRIO_ENGINE",
)

OPTIONS: Final = {
    option.name: option
    for field in attrs.fields(Config)
    if (option := read_option(field)) is not None
}


# The heading before each section, with its options.
SECTIONS: Final[dict[str, list[Option]]] = {}
for _option in OPTIONS.values():
    SECTIONS.setdefault(_option.section, []).append(_option)
