"""The pytest plugin: a real DogStatsD server for a test.

PYTEST_DONT_REWRITE

Every pytest of an environment that has this package imports this module. It therefore
imports nothing else: what the fixtures need is imported when a test run uses them.
"""

import math
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pytest_statsd_trio.fixture import AsyncDogStatsd, DogStatsd

__all__ = ["AsyncDogStatsd", "DogStatsd"]

# Finds problems of a test at its end; it is told whether the run is strict.
_Finder = Callable[..., list[str]]
_FINDERS = pytest.StashKey[list[_Finder]]()


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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test that forgot an `await` or, in a strict run, sent a bad line."""
    is_strict = False
    problems: list[str] = []
    try:
        result = yield
        is_strict = item.config.getoption("dogstatsd_strict")
    finally:
        # This is also called for a test that failed by itself, so that no coroutine is
        # left.
        for find_problems in item.stash.setdefault(_FINDERS, []):
            problems += find_problems(is_strict=is_strict)
    if problems:
        # There is no line of the test to show, and two fixtures may say the same.
        pytest.fail("\n\n".join(dict.fromkeys(problems)), pytrace=False)
    return result


def read_timeout(config: pytest.Config) -> float:
    """Return how many seconds an assertion waits."""
    name, written = "--dogstatsd-timeout", config.getoption("dogstatsd_timeout")
    if written is None:
        name, written = "dogstatsd_timeout", config.getini("dogstatsd_timeout")
    try:
        seconds = float(written)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise pytest.UsageError(
            f"{name} is {written!r}, which is not a number of seconds"
        )
    return seconds


def read_counts_telemetry(config: pytest.Config) -> bool:
    """Return whether the telemetry of clients counts as metrics of a test."""
    return bool(
        config.getoption("dogstatsd_telemetry") or config.getini("dogstatsd_telemetry")
    )


def __getattr__(name: str) -> Any:
    # The types of the fixtures, for annotations in tests.
    if name in __all__:
        from pytest_statsd_trio import fixture

        return getattr(fixture, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@pytest.fixture(scope="session")
def _dogstatsd_session(request: pytest.FixtureRequest) -> Iterator[Any]:
    from pytest_statsd_trio.session import open_session

    with open_session(
        read_timeout(request.config),
        counts_telemetry=read_counts_telemetry(request.config),
    ) as session:
        yield session


@pytest.fixture
def _dogstatsd_test(
    monkeypatch: pytest.MonkeyPatch, _dogstatsd_session: Any
) -> Iterator[Any]:
    from pytest_statsd_trio.session import begin_test

    with begin_test(_dogstatsd_session):
        _point_clients_at(_dogstatsd_session, monkeypatch)
        yield _dogstatsd_session


@pytest.fixture
def dogstatsd(request: pytest.FixtureRequest, _dogstatsd_test: Any) -> Any:
    """A DogStatsD server on real sockets, with assertions on what it receives.

    The environment directs clients that are made in the test to it.
    """
    from pytest_statsd_trio.checks import find_problems
    from pytest_statsd_trio.fixture import make_fixture

    _watch(request, partial(find_problems, _dogstatsd_test))
    return make_fixture(_dogstatsd_test)


@pytest.fixture
def dogstatsd_async(request: pytest.FixtureRequest) -> Any:
    """The same as `dogstatsd`, with assertions to await.

    In a Trio test the server runs in the test's own loop, on the test's clock.
    """
    is_trio = request.node.get_closest_marker("trio") is not None
    if is_trio and request.config.pluginmanager.hasplugin("trio"):
        return request.getfixturevalue("_dogstatsd_trio")
    session = request.getfixturevalue("_dogstatsd_test")
    from pytest_statsd_trio.checks import Calls, find_problems, run_in_thread
    from pytest_statsd_trio.fixture import make_async_fixture

    calls = Calls(run_in_thread)
    _watch(request, partial(find_problems, session, calls))
    return make_async_fixture(session, calls)


@pytest.fixture(scope="session")
def _dogstatsd_folder() -> Iterator[Any]:
    from pytest_statsd_trio.endpoint import open_socket_folder

    with open_socket_folder() as folder:
        yield folder


# Only Trio tests ask for this fixture, and pytest-trio runs it for them.
@pytest.fixture
async def _dogstatsd_trio(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    nursery: Any,
    _dogstatsd_folder: Any,
) -> AsyncIterator[Any]:
    from pytest_statsd_trio.checks import Calls, find_problems, run_in_loop
    from pytest_statsd_trio.fixture import make_async_fixture
    from pytest_statsd_trio.session import open_trio_session

    session = await open_trio_session(
        nursery,
        next(_dogstatsd_folder),
        read_timeout(request.config),
        counts_telemetry=read_counts_telemetry(request.config),
    )
    _point_clients_at(session, monkeypatch)
    calls = Calls(run_in_loop)
    _watch(request, partial(find_problems, session, calls))
    yield make_async_fixture(session, calls)
    session.waiter.close()


def _point_clients_at(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in session.endpoint.environment.items():
        monkeypatch.setenv(name, value)


def _watch(request: pytest.FixtureRequest, find_problems: _Finder) -> None:
    request.node.stash.setdefault(_FINDERS, []).append(find_problems)
