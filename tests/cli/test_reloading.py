import logging
from typing import NoReturn

import pytest

from statsd_trio import Config, ConfigError
from statsd_trio.cli.reloading import Reloader, find_changes
from statsd_trio.config import SourcedConfig, load_sourced_config
from statsd_trio.ledger import Ledger

KEY = "0123456789abcdef0123456789abcdef"


def load(**flags: str) -> SourcedConfig:
    return load_sourced_config(environ={}, flags={"sinks": "none", **flags})


class FakeServer:
    """Keeps what it is told, and refuses to tell of anything."""

    def __init__(self) -> None:
        self.configs: list[Config] = []

    def reload(self, config: Config) -> None:
        self.configs.append(config)

    def ledger(self) -> Ledger:
        raise NotImplementedError

    async def wait_sinks_ended(self) -> NoReturn:
        raise NotImplementedError


def test_changes_are_the_fields_that_differ() -> None:
    changed = find_changes(
        load(tags="env:a", port="1").config, load(tags="env:b", port="2").config
    )

    assert [(option.name, option.is_live) for option in changed] == [
        ("port", False),
        ("tags", True),
    ]


async def test_what_is_live_is_taken_over_and_the_rest_needs_a_restart(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    loaded, server = load(tags="env:b", port="9125"), FakeServer()

    await Reloader(load().config, lambda: loaded).reload(server)

    assert server.configs == [loaded.config]
    assert caplog.messages == [
        "not reloaded: port changed to 9125 (--port), which needs a restart",
        "reloaded: tags is now env:b (--tags)",
    ]


async def test_key_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")

    await Reloader(load().config, lambda: load(api_key=KEY)).reload(FakeServer())

    assert "api_key" in caplog.text
    assert KEY not in caplog.text


async def test_what_waits_for_a_restart_is_told_at_each_reload(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    reloader = Reloader(load().config, lambda: load(port="9125", tags="env:b"))

    await reloader.reload(FakeServer())
    caplog.clear()
    await reloader.reload(FakeServer())

    [message] = caplog.messages
    assert "port" in message


async def test_reload_of_the_same_says_so(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")

    await Reloader(load().config, load).reload(FakeServer())

    assert caplog.messages == ["reloaded: nothing changed"]


async def test_unusable_configuration_changes_nothing_and_says_why(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = FakeServer()

    def refuse() -> SourcedConfig:
        raise ConfigError(["one thing", "another"])

    await Reloader(load().config, refuse).reload(server)

    assert server.configs == []
    assert [record.levelname for record in caplog.records] == ["ERROR"] * 3
    assert caplog.messages[:2] == ["one thing", "another"]


async def test_log_level_changes_at_once() -> None:
    await Reloader(load().config, lambda: load(log_level="debug")).reload(FakeServer())

    assert logging.getLogger("statsd_trio").level == logging.DEBUG
