"""Whole runs: tests kept apart, options, other plugins, the cost of the import."""

import subprocess
import sys
import textwrap
from collections.abc import Callable

import pytest

SEND = """
import socket


def send(dogstatsd, *lines):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        for line in lines:
            client.sendto(line, dogstatsd.address)
"""

Run = Callable[..., pytest.RunResult]


def test_each_test_begins_with_nothing(run_tests: Run) -> None:
    result = run_tests(
        """
        def test_first(dogstatsd):
            send(dogstatsd, b"orders:1|c")

        def test_second(dogstatsd):
            dogstatsd.assert_none()
            send(dogstatsd, b"orders:1|c")
            dogstatsd.assert_counter("orders", 1)
        """
    )
    result.assert_outcomes(passed=2)


def test_what_comes_between_tests_is_kept_apart(run_tests: Run) -> None:
    result = run_tests(
        """
        former = []

        def test_first(dogstatsd):
            former.append(dogstatsd)

        def test_between():
            send(former[0], b"orders:1|c")

        def test_second(dogstatsd):
            assert [metric.name for metric in dogstatsd.late.metrics] == ["orders"]
            assert not dogstatsd.metrics
            dogstatsd.assert_counter("orders", timeout=0)
        """
    )
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        [
            "E * no counter orders arrived within 0 s",
            "E *arrived before this test began, so sent by an earlier one:",
            "E *  orders:1|c",
        ]
    )


def test_strict_run_fails_the_test_that_sent_a_rejected_line(run_tests: Run) -> None:
    result = run_tests(
        """
        def test_guilty(dogstatsd):
            send(dogstatsd, b"orders:one|c")

        def test_innocent(dogstatsd):
            send(dogstatsd, b"orders:1|c")

        def test_without_metrics():
            pass
        """,
        "--dogstatsd-strict",
    )
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["1 line was rejected", "FAILED *::test_guilty*"])


def test_strict_run_says_it_once(run_tests: Run) -> None:
    result = run_tests(
        """
        def test_guilty(dogstatsd, dogstatsd_async):
            send(dogstatsd, b"orders:one|c")
        """,
        "--dogstatsd-strict",
    )
    assert result.outlines.count("1 line was rejected") == 1
    result.stdout.no_fnmatch_line("*traceback entries are hidden*")
    result.stdout.no_fnmatch_line("*During handling*")


FORGOTTEN = "assert_counter() in *test_forgotten*.py:1? was not awaited*"


def test_forgotten_await_fails_an_asyncio_test(run_tests: Run) -> None:
    result = run_tests(
        """
        import asyncio

        def test_forgetful(dogstatsd_async):
            async def main():
                send(dogstatsd_async, b"orders:1|c")
                await dogstatsd_async.settle()
                dogstatsd_async.assert_counter("orders", 1, timeout=9)
                dogstatsd_async.snapshot()
            asyncio.run(main())

        def test_innocent(dogstatsd_async):
            asyncio.run(dogstatsd_async.assert_none())
        """
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            FORGOTTEN,
            "snapshot() in *test_forgotten*.py:1? was not awaited*",
            "FAILED *::test_forgetful*",
        ]
    )


def test_forgotten_await_fails_a_trio_test(run_tests: Run) -> None:
    result = run_tests(
        """
        import pytest

        @pytest.mark.trio
        async def test_forgetful(dogstatsd_async):
            dogstatsd_async.assert_counter("orders", 1, timeout=9)

        @pytest.mark.trio
        async def test_fails_by_itself(dogstatsd_async):
            dogstatsd_async.assert_counter("orders", 1)
            raise OSError
        """,
        "-W",
        "error",
    )
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines([FORGOTTEN, "FAILED *::test_fails* - OSE*"])
    assert "never awaited" not in result.outlines


@pytest.mark.parametrize("where", ["option", "ini"])
def test_telemetry_is_counted_where_it_is_asked_for(
    run_tests: Run, pytester: pytest.Pytester, where: str
) -> None:
    if where == "ini":
        pytester.makeini("[pytest]\ndogstatsd_telemetry = true")
    result = run_tests(
        """
        import pytest

        def test_sync(dogstatsd):
            send(dogstatsd, b"datadog.dogstatsd.client.metrics:3|c")
            dogstatsd.assert_counter("datadog.dogstatsd.client.metrics", 3)
            assert not dogstatsd.telemetry

        @pytest.mark.trio
        async def test_trio(dogstatsd_async):
            send(dogstatsd_async, b"datadog.dogstatsd.client.metrics:3|c")
            await dogstatsd_async.assert_counter("datadog.dogstatsd.client.metrics", 3)
        """,
        *(["--dogstatsd-telemetry"] if where == "option" else []),
    )
    result.assert_outcomes(passed=2)


def test_strict_run_fails_a_trio_test_too(run_tests: Run) -> None:
    result = run_tests(
        """
        import pytest

        @pytest.mark.trio
        async def test_guilty(dogstatsd_async):
            send(dogstatsd_async, b"orders:one|c")
        """,
        "--dogstatsd-strict",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["1 line was rejected", "FAILED *::test_guilty*"])


def test_run_that_is_not_strict_passes(run_tests: Run) -> None:
    result = run_tests(
        """
        def test_guilty(dogstatsd):
            send(dogstatsd, b"orders:one|c")
        """
    )
    result.assert_outcomes(passed=1)


def test_timeout_is_read_from_the_ini_file(
    run_tests: Run, pytester: pytest.Pytester
) -> None:
    pytester.makeini("[pytest]\ndogstatsd_timeout = 0.02")
    result = run_tests(
        """
        def test_wrong(dogstatsd):
            dogstatsd.assert_counter("orders")
        """
    )
    result.stdout.fnmatch_lines(["E *arrived within 0.02 s"])


def test_timeout_that_is_no_number_is_an_error(
    run_tests: Run, pytester: pytest.Pytester
) -> None:
    pytester.makeini("[pytest]\ndogstatsd_timeout = soon")
    result = run_tests("def test_any(dogstatsd): pass")
    assert result.ret != 0
    result.stdout.fnmatch_lines(["*dogstatsd_timeout is 'soon'*"])


@pytest.mark.parametrize("seconds", ["nan", "inf"])
def test_timeout_that_never_ends_is_an_error(run_tests: Run, seconds: str) -> None:
    result = run_tests(
        "def test_any(dogstatsd): pass", f"--dogstatsd-timeout={seconds}"
    )
    assert result.ret != 0
    result.stdout.fnmatch_lines([f"*--dogstatsd-timeout is {seconds}, which is not*"])


def test_log_of_the_server_stays_out_of_the_tests(run_tests: Run) -> None:
    result = run_tests(
        """
        def test_quiet(dogstatsd, caplog):
            send(dogstatsd, b"orders:one|c")
            dogstatsd.settle()
            assert caplog.records == []

        def test_wrong(dogstatsd):
            assert False
        """,
        "--log-level=DEBUG",
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.no_fnmatch_line("*rejected*")
    result.stdout.no_fnmatch_line("*stopped:*")


def test_environment_is_as_before_after_the_test(run_tests: Run) -> None:
    result = run_tests(
        """
        import os

        def test_first(dogstatsd):
            assert "DD_DOGSTATSD_URL" in os.environ

        def test_second():
            assert "DD_DOGSTATSD_URL" not in os.environ
        """
    )
    result.assert_outcomes(passed=2)


def test_works_without_pytest_trio(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import asyncio

        def test_sync(dogstatsd):
            dogstatsd.assert_none()

        def test_asyncio(dogstatsd_async):
            asyncio.run(dogstatsd_async.assert_none())
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:trio", "-W", "error")
    result.assert_outcomes(passed=2)


def test_works_in_workers_and_in_random_order(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        SEND
        + textwrap.dedent(
            """
            import pytest

            @pytest.mark.parametrize("number", range(20))
            def test_alone(dogstatsd, number):
                dogstatsd.assert_none()
                send(dogstatsd, b"orders:%d|c" % number)
                dogstatsd.assert_counter("orders", number)
            """
        )
    )
    result = pytester.runpytest_subprocess("-n", "2", "-p", "randomly", "-p", "no:trio")
    result.assert_outcomes(passed=20)
    result.stdout.fnmatch_lines(["Using --randomly-seed=*"])


PROBE = """
import sys
import pytest
before = set(sys.modules)
import pytest_statsd_trio
print(*sorted(set(sys.modules) - before))
"""


def test_import_brings_in_nothing_but_itself() -> None:
    answer = subprocess.run(
        [sys.executable, "-c", PROBE], capture_output=True, check=True, text=True
    )
    assert answer.stdout.split() == ["pytest_statsd_trio"]


def test_run_without_the_fixtures_never_imports_the_server(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_nothing_loaded():
            assert "pytest_statsd_trio" in sys.modules
            assert "statsd_trio" not in sys.modules
            assert "trio" not in sys.modules
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:trio", "-p", "no:anyio")
    result.assert_outcomes(passed=1)
