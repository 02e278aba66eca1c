"""The pytest plugin: a real DogStatsD server for a test.

PYTEST_DONT_REWRITE

Every pytest of an environment that has this package imports this module, so it
imports nothing: what it needs is imported by the fixtures, in a test run that uses
them. Fixtures for Trio stand in a module of their own, for where pytest-trio is.
"""

from collections.abc import Generator, Iterator
from typing import Any

import pytest

# The fixtures that a test used, to be asked at its end.
_USED = pytest.StashKey[list[Any]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the plugin's options."""
    group = parser.getgroup("dogstatsd", "metrics received by a real DogStatsD server")
    group.addoption(
        "--dogstatsd-strict",
        action="store_true",
        help="fail a test that sent a line which DogStatsD rejects",
    )
    group.addoption(
        "--dogstatsd-timeout",
        type=float,
        metavar="SECONDS",
        help="how long an assertion waits for what it names (default: the ini option)",
    )
    group.addoption(
        "--dogstatsd-telemetry",
        action="store_true",
        help="count what Datadog's clients report of themselves among the metrics",
    )
    parser.addini(
        "dogstatsd_telemetry",
        "whether to count what clients report of themselves among the metrics",
        type="bool",
        default=False,
    )
    parser.addini(
        "dogstatsd_timeout",
        "how many seconds an assertion on metrics waits for what it names",
        default="2",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Add the fixtures for Trio where there is pytest-trio."""
    if config.pluginmanager.hasplugin("trio"):
        # It has imported trio already.
        from pytest_statsd_trio import trio_fixtures

        config.pluginmanager.register(trio_fixtures, "statsd_trio_fixtures")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test that forgot an `await` or, in a strict run, sent a bad line."""
    is_strict = False
    problems: list[str] = []
    try:
        result = yield
        is_strict = item.config.getoption("dogstatsd_strict")
    finally:
        # A test that failed by itself is asked too, so that no coroutine is left.
        for fixture in item.stash.setdefault(_USED, []):
            problems += fixture.finish(is_strict=is_strict)
    if problems:
        # There is no line of the test to show; two fixtures may say the same.
        pytest.fail("\n\n".join(dict.fromkeys(problems)), pytrace=False)
    return result


def read_timeout(config: pytest.Config) -> float:
    """Read how many seconds an assertion waits."""
    chosen: float | None = config.getoption("dogstatsd_timeout")
    if chosen is not None:
        return chosen
    written = str(config.getini("dogstatsd_timeout"))
    try:
        return float(written)
    except ValueError as error:
        raise pytest.UsageError(
            f"dogstatsd_timeout is {written!r}, which is no number of seconds"
        ) from error


def read_counts_telemetry(config: pytest.Config) -> bool:
    """Read whether the telemetry of clients counts as metrics of a test."""
    return bool(
        config.getoption("dogstatsd_telemetry") or config.getini("dogstatsd_telemetry")
    )


def watch_item(item: pytest.Item, fixture: Any) -> None:
    """Have *fixture* asked at the end of *item* what the test did wrong."""
    item.stash.setdefault(_USED, []).append(fixture)


@pytest.fixture(scope="session")
def _dogstatsd_session(request: pytest.FixtureRequest) -> Iterator[Any]:
    from pytest_statsd_trio.session import open_session

    with open_session(
        read_timeout(request.config),
        counts_telemetry=read_counts_telemetry(request.config),
    ) as session:
        yield session


@pytest.fixture
def dogstatsd(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    _dogstatsd_session: Any,
) -> Iterator[Any]:
    """A DogStatsD server on real sockets, and assertions on what it receives.

    The environment points clients made in the test at it.
    """
    with _dogstatsd_session.begin_test() as received:
        for name, value in received.environment.items():
            monkeypatch.setenv(name, value)
        watch_item(request.node, received)
        yield received


@pytest.fixture
def dogstatsd_async(request: pytest.FixtureRequest) -> Any:
    """The same as `dogstatsd`, with assertions to await.

    In a Trio test the server runs in the test's own loop, on the test's clock.
    """
    is_trio = request.node.get_closest_marker("trio") is not None
    if is_trio and request.config.pluginmanager.hasplugin("statsd_trio_fixtures"):
        return request.getfixturevalue("_dogstatsd_trio")
    received = request.getfixturevalue("dogstatsd").make_async()
    watch_item(request.node, received)
    return received
