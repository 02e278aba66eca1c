"""Read a configuration file into one table."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

from statsd_trio.errors import ConfigError

# The Agent comes with a datadog.yaml of a quarter of this size, nearly all comments.
MAX_FILE_BYTES: Final = 1024 * 1024

# C code recurses for each level; a thousand brackets would crash it.
MAX_YAML_DEPTH: Final = 50

_YAML_SUFFIXES: Final = frozenset({".yaml", ".yml"})


def is_agent_file(path: Path) -> bool:
    """Return whether *path* is YAML with the Agent's keys.

    Otherwise it is TOML with ours.
    """
    return path.suffix.lower() in _YAML_SUFFIXES


def read_file(path: Path) -> Mapping[str, object]:
    """Return the contents of *path* as a table.

    Raises:
        ConfigError: if the file cannot be read or understood.
    """
    text = _read_text(path)
    try:
        table = _parse_yaml(text) if is_agent_file(path) else tomllib.loads(text)
    except RecursionError:
        raise ConfigError([f"{path}: nested too deeply"]) from None
    except ValueError as error:
        raise ConfigError([f"{path}: {error}"]) from None
    return table


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError([f"{path}: cannot be read: {reason}"]) from None
    if len(data) > MAX_FILE_BYTES:
        raise ConfigError([f"{path}: is longer than {MAX_FILE_BYTES} bytes"])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(
            [f"{path}: is not UTF-8 text: byte {error.start} is wrong"]
        ) from None
    if "\0" in text:
        raise ConfigError([f"{path}: is not a text file: it has a zero byte"])
    return text


def _parse_yaml(text: str) -> Mapping[str, object]:
    import yaml  # noqa: PLC0415 - it takes longer than all else here, and few need it

    loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        depth = 0
        for event in yaml.parse(text, Loader=loader):
            if isinstance(event, yaml.AliasEvent):
                # Nine lines of aliases can stand for a billion values.
                problem = _place(event.start_mark, "an alias is not supported")
                raise ValueError(problem)  # noqa: TRY004 - the file's mistake, not ours
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth > MAX_YAML_DEPTH:
                raise ValueError(_place(event.start_mark, "nested too deeply"))
        table = cast("object", yaml.load(text, Loader=loader))  # noqa: S506 - a safe loader
    except yaml.MarkedYAMLError as error:
        # The error's own text shows the line, which may contain a key.
        problem = " ".join(str(error.problem).split())
        raise ValueError(_place(error.problem_mark, problem)) from None
    except yaml.YAMLError:
        raise ValueError("has characters that YAML does not allow") from None
    if table is None:
        return {}
    if not isinstance(table, dict):
        raise ValueError("is not a table of keys and values")  # noqa: TRY004 - the file's mistake, not ours
    items = cast("dict[object, object]", table)
    return {str(key): value for key, value in items.items()}


def _place(mark: Any, problem: str) -> str:
    return f"{problem} (line {mark.line + 1}, column {mark.column + 1})"
