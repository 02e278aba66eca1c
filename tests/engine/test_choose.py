import pytest

from statsd_trio.engine import choose
from statsd_trio.engine.choose import EngineChoice, choose_engine
from statsd_trio.engine.native import find_native
from statsd_trio.engine.plain import PlainEngine
from statsd_trio.errors import ConfigError


class Stub(PlainEngine):
    """Stands for the native engine."""


def test_the_native_engine_runs_where_it_is_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(choose, "find_native", lambda: Stub)
    assert choose_engine() == EngineChoice(Stub)
    assert choose_engine("native") == EngineChoice(Stub)
    assert choose_engine("plain") == EngineChoice(PlainEngine)


def test_the_plain_engine_runs_where_no_other_is_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(choose, "find_native", lambda: None)
    why = "the native one is not installed"
    assert choose_engine() == EngineChoice(PlainEngine, why)
    assert choose_engine("plain") == EngineChoice(PlainEngine)


def test_asking_for_what_is_missing_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(choose, "find_native", lambda: None)
    with pytest.raises(ConfigError) as caught:
        choose_engine("native")
    (problem,) = caught.value.problems
    assert "not installed" in problem
    assert "Install Rust" in problem


def test_one_that_cannot_be_loaded_is_not_taken_for_a_missing_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: str) -> None:
        raise ImportError("undefined symbol")

    monkeypatch.setattr("importlib.import_module", fail)
    with pytest.raises(ImportError, match="undefined symbol"):
        find_native()
    why = "the native one cannot be loaded: undefined symbol"
    assert choose_engine() == EngineChoice(PlainEngine, why)
    with pytest.raises(ConfigError, match="cannot be loaded: undefined symbol"):
        choose_engine("native")
