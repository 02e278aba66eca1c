import pytest

from statsd_trio.engine.choose import choose_engine


@pytest.fixture(autouse=True)
def run_with_each_engine(engine_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `serve` take one engine, then the other, whatever the configuration says."""
    monkeypatch.setattr(
        "statsd_trio.server.pipeline.choose_engine",
        lambda _: choose_engine(engine_name),
    )
