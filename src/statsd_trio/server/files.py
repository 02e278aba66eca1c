"""Try out the files that a configuration names, without leaving anything behind."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from statsd_trio.config import Config
from statsd_trio.engine.choose import choose_engine
from statsd_trio.errors import ConfigError, describe_os_error, explain_os_error
from statsd_trio.server.destinations import OTLP_CA_OPTION
from statsd_trio.sinks.jsonl import JsonLinesSink


def find_unusable(config: Config) -> dict[str, str]:
    """Return what a server of *config* could not use: a file, or its engine.

    Returns:
        One line for each field concerned; empty if everything can be used.
    """
    problems: dict[str, str] = {}
    for name, check in _CHECKS.items():
        try:
            check(config)
        except OSError as error:
            problems[name] = describe_os_error(error)
    try:
        choose_engine(config.engine)
    except ConfigError as error:
        (problem,) = error.problems
        problems["engine"] = problem.removeprefix("engine: ")
    return problems


def _check_ca_file(config: Config) -> None:
    by_otlp = "otlp" in config.sinks and config.otlp_ca_file is None
    if "datadog" in config.sinks or by_otlp:
        _open_ca_file(config, config.ca_file, "ca_file")


def _check_otlp_ca_file(config: Config) -> None:
    if "otlp" in config.sinks:
        _open_ca_file(config, config.otlp_ca_file, OTLP_CA_OPTION)


def _open_ca_file(config: Config, ca_file: str | None, option: str) -> None:
    if ca_file is None:
        return
    # This imports for a third of a second, and is only needed to deliver over HTTP.
    from statsd_trio.sinks.delivery.transport import open_ssl_context  # noqa: PLC0415

    skipped = config.skip_ssl_validation
    open_ssl_context(ca_file, skip_validation=skipped, ca_option=option)


def _check_spool(config: Config) -> None:
    if not {"datadog", "otlp"} & {*config.sinks} or config.spool_path is None:
        return
    path = Path(config.spool_path)
    with explain_os_error(f"write to the spool folder {path}", "Check spool_path."):
        if path.exists():
            _make_file_in(path)
            return
        # The spool creates missing folders.
        with tempfile.TemporaryDirectory(dir=_find_existing(path.parent)):
            pass


def _check_jsonl(config: Config) -> None:
    if "jsonl" not in config.sinks or config.jsonl_path is None:
        return
    path = Path(config.jsonl_path)
    if path.exists():
        JsonLinesSink(path).check()
        return
    with explain_os_error(f"write to {path}", "Check jsonl_path."):
        _make_file_in(path.parent)


def _find_existing(path: Path) -> Path:
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def _make_file_in(folder: Path) -> None:
    with tempfile.TemporaryFile(dir=folder):
        pass


_CHECKS: Final[Mapping[str, Callable[[Config], None]]] = {
    "jsonl_path": _check_jsonl,
    "ca_file": _check_ca_file,
    "otlp_ca_file": _check_otlp_ca_file,
    "spool_path": _check_spool,
}
