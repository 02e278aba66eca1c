"""A deliberately wrong test for each failure message, run by pytest itself."""

import re
from collections.abc import Callable

import pytest

Run = Callable[..., pytest.RunResult]


def read_message(result: pytest.RunResult) -> str:
    """Read what pytest shows as the error, port numbers replaced."""
    lines = [
        line.removeprefix("E").removeprefix("       ").rstrip()
        for line in result.outlines
        if re.match(r"E( |$)", line)
    ]
    return re.sub(r"127\.0\.0\.1:\d+", "HOST:PORT", "\n".join(lines)) + "\n"


@pytest.fixture
def show(run_tests: Run) -> Callable[..., str]:
    """Run one wrong test and read the message of its failure."""

    def run(*body: str) -> str:
        result = run_tests(
            "def test_wrong(dogstatsd):\n    " + "\n    ".join(body),
            "--dogstatsd-timeout=0.01",
        )
        result.assert_outcomes(failed=1)
        return read_message(result)

    return run


def test_other_tag_is_marked(show: Callable[..., str]) -> None:
    assert show(
        "send(dogstatsd, b'orders:1|c|#a,env:prod')",
        "dogstatsd.assert_counter('orders', 1, tags={'env': 'test'})",
    ) == (
        "AssertionError: no counter orders with total 1 and tags env:test arrived "
        "within 0.01 s\n"
        "\n"
        "nearest:\n"
        "  orders:1|c|#a,env:prod\n"
        "                ^^^^^^^^ env:prod, not env:test\n"
        "\n"
        "received in this test:\n"
        "  orders:1|c|#a,env:prod\n"
    )


def test_lacking_tag_is_marked_behind_the_line(show: Callable[..., str]) -> None:
    assert ("  orders:1|c\n             ^ no tag env:test\n") in show(
        "send(dogstatsd, b'orders:1|c')",
        "dogstatsd.assert_counter('orders', tags={'env': 'test'})",
    )


def test_other_type_is_marked(show: Callable[..., str]) -> None:
    assert (
        "no timing took arrived within 0.01 s\n"
        "\n"
        "nearest:\n"
        "  took:1|d\n"
        "         ^ a distribution, not a timing\n"
    ) in show("send(dogstatsd, b'took:1|d')", "dogstatsd.assert_timing('took')")


def test_other_value_is_marked_and_the_total_told(show: Callable[..., str]) -> None:
    assert (
        "no counter orders with total 3 arrived within 0.01 s\n"
        "\n"
        "nearest:\n"
        "  orders:1|c  (2 times)\n"
        "         ^ the total of 3 lines is 4, not 3\n"
        "  orders:1|c|@0.5\n"
        "         ^   ^^^^ the total of 3 lines is 4, not 3\n"
    ) in show(
        "send(dogstatsd, b'orders:1|c', b'orders:1|c', b'orders:1|c|@0.5')",
        "dogstatsd.assert_counter('orders', 3)",
    )


@pytest.mark.parametrize(
    ("line", "assertion", "headline", "complaint"),
    [
        (
            "depth:1:2|g",
            "assert_gauge('depth', 1)",
            "gauge depth with last value 1",
            "      ^^^ the last value is 2, not 1",
        ),
        (
            "users:ann|s",
            "assert_set('users', {'bob', 'ann'})",
            "set users with members ['ann', 'bob']",
            "      ^^^ the members are ['ann']",
        ),
        (
            "users:ann|s",
            "assert_set('users', 2)",
            "set users with 2 members",
            "      ^^^ 1 member, not 2: ['ann']",
        ),
        (
            "took:7|h",
            "assert_histogram('took', count=2, between=(0, 5))",
            "histogram took with 2 values and values between 0 and 5",
            "     ^ 1 value, not 2; 7 is not between 0 and 5",
        ),
        (
            "took:7|ms",
            "assert_timing('took', values=[8])",
            "timing took with values [8]",
            "     ^ the values are [7]",
        ),
        (
            "took:7|d",
            "assert_distribution('took', count=2)",
            "distribution took with 2 values",
            "     ^ 1 value, not 2",
        ),
    ],
)
def test_value_of_each_type_is_told(
    show: Callable[..., str], line: str, assertion: str, headline: str, complaint: str
) -> None:
    message = show(f"send(dogstatsd, b'{line}')", f"dogstatsd.{assertion}")
    assert f"no {headline} arrived" in message
    assert f"  {line}\n  {complaint}\n" in message


def test_nearest_comes_first_and_what_has_nothing_in_common_not_at_all(
    show: Callable[..., str],
) -> None:
    message = show(
        "send(dogstatsd, b'checkout.complete:1|c|#env:test', b'cpu:1|c|#env:test',",
        "    b'checkout.completed:1|g|#env:test', b'checkout.completed:1|c',",
        "    b'shop.checkout.completed:1|c|#env:test')",
        "dogstatsd.assert_counter('checkout.completed', 1, tags={'env': 'test'})",
    )
    nearest = message.partition("nearest:\n")[2].partition("\n\n")[0]
    assert nearest == (
        "  checkout.completed:1|c\n"
        "                         ^ no tag env:test\n"
        "  checkout.completed:1|g|#env:test\n"
        "                       ^ a gauge, not a counter\n"
        "  checkout.complete:1|c|#env:test\n"
        "  ^^^^^^^^^^^^^^^^^ another name than checkout.completed\n"
        "  shop.checkout.completed:1|c|#env:test\n"
        "  ^^^^^^^^^^^^^^^^^^^^^^^ another name than checkout.completed"
    )


def test_rejected_line_is_shown_with_the_reason(show: Callable[..., str]) -> None:
    message = show(
        "send(dogstatsd, b'orders:one|c')", "dogstatsd.assert_counter('orders')"
    )
    assert (
        "\nrejected:\n  orders:one|c\n         ^ bad_value: 'one' is not a number"
    ) in message
    assert "no packet arrived" not in message


def test_no_packet_tells_of_buffers_and_of_port_8125(show: Callable[..., str]) -> None:
    assert show(
        "import sys; sys.modules.pop('datadog', None)",
        "dogstatsd.assert_counter('orders', 1)",
    ) == (
        "AssertionError: no counter orders with total 1 arrived within 0.01 s\n"
        "\n"
        "no packet arrived\n"
        "a client that collects metrics before it sends them must be flushed\n"
        "a client made before the test may still send to port 8125: make it in the "
        "test, or point it at HOST:PORT\n"
    )


def test_default_client_that_points_elsewhere_is_seen(show: Callable[..., str]) -> None:
    message = show(
        "import sys, types",
        "client = types.SimpleNamespace(host='localhost', port=8125, socket_path=None)",
        "sys.modules['datadog'] = types.SimpleNamespace(statsd=client)",
        "try: dogstatsd.assert_counter('orders')",
        "finally: del sys.modules['datadog']",
    )
    assert "`datadog.statsd` of this process sends to localhost:8125: call" in message


def show_with_client(show: Callable[..., str], default: object, **flags: bool) -> str:
    """Show a failure in a program with a client, and what its class has as default."""
    return show(
        "import sys, types",
        f"client = types.SimpleNamespace(**{flags})",
        f"def make(disable_buffering={default}): pass",
        "base = types.SimpleNamespace(DogStatsd=make)",
        "sys.modules['datadog'] = types.SimpleNamespace(statsd=client)",
        "sys.modules['datadog.dogstatsd.base'] = base",
        "try: dogstatsd.assert_counter('orders')",
        "finally: del sys.modules['datadog'], sys.modules['datadog.dogstatsd.base']",
    )


def test_client_that_buffers_is_to_be_flushed(show: Callable[..., str]) -> None:
    hint = "`datadog` collects metrics before it sends them: call `flush()`"
    # As datadog 0.56 is by default, then when it is told to, and as 0.43 was.
    assert "flush" not in show_with_client(show, default=True)
    assert hint in show_with_client(show, default=True, _disable_buffering=False)
    assert hint in show_with_client(show, default=True, _disable_aggregation=False)
    assert hint in show_with_client(show, default=False, _disable_buffering=True)


def test_real_client_is_not_said_to_buffer(show: Callable[..., str]) -> None:
    assert "flush" not in show("import datadog", "dogstatsd.assert_counter('orders')")


def test_telemetry_that_is_kept_apart_is_told_of(show: Callable[..., str]) -> None:
    apart = "a client's telemetry arrived, and is kept apart in `dogstatsd.telemetry`"
    sent = "send(dogstatsd, b'datadog.dogstatsd.client.metrics:1|c')"
    message = show(sent, "dogstatsd.assert_counter('orders')")
    assert apart in message
    assert "no packet arrived" not in message
    more = "send(dogstatsd, b'orders:1|c')"
    wanted = "dogstatsd.assert_counter('datadog.dogstatsd.client.metrics')"
    assert apart in show(sent, more, wanted)
    assert apart not in show(sent, more, "dogstatsd.assert_counter('orders', 2)")


def test_default_client_that_points_here_is_not_blamed(
    show: Callable[..., str],
) -> None:
    message = show(
        "import sys, types",
        "client = types.SimpleNamespace(host='localhost', port=dogstatsd.port)",
        "sys.modules['datadog'] = types.SimpleNamespace(statsd=client)",
        "try: dogstatsd.assert_counter('orders')",
        "finally: del sys.modules['datadog']",
    )
    assert "of this process" not in message


def test_event_s_differing_fields_are_marked(show: Callable[..., str]) -> None:
    assert (
        "no event with title='Order placed' and tags env:test arrived within 0.01 s\n"
        "\n"
        "nearest:\n"
        "  event title='Order placed' text='x'|#env:prod\n"
        "                                       ^^^^^^^^ env:prod, not env:test\n"
        "  event title='Other' text='x'\n"
        "        ^^^^^^^^^^^^^          ^ another title; no tag env:test\n"
    ) in show(
        "send(dogstatsd, b'_e{5,1}:Other|x', b'_e{12,1}:Order placed|x|#env:prod')",
        "dogstatsd.assert_event(title='Order placed', tags={'env': 'test'})",
    )


def test_service_check_s_differing_fields_are_marked(
    show: Callable[..., str],
) -> None:
    assert (
        "no service check with name='db' and status=0 arrived within 0.01 s\n"
        "\n"
        "nearest:\n"
        "  service check name='db' status=CRITICAL\n"
        "                          ^^^^^^^^^^^^^^^ another status\n"
    ) in show(
        "send(dogstatsd, b'_sc|db|2')", "dogstatsd.assert_service_check('db', 'ok')"
    )


def test_unwanted_metric_is_shown(show: Callable[..., str]) -> None:
    assert show(
        "send(dogstatsd, b'failures:1|c', b'orders:1|c')",
        "dogstatsd.assert_none('failures')",
    ) == (
        "AssertionError: metric failures arrived, but none should have\n"
        "\n"
        "  failures:1|c\n"
        "\n"
        "received in this test:\n"
        "  failures:1|c\n"
        "  orders:1|c\n"
    )


def test_long_lists_are_capped(show: Callable[..., str]) -> None:
    message = show(
        "send(dogstatsd, *[b'orders:%d|c' % n for n in range(30)])",
        "send(dogstatsd, *[b'orders:x%d|c' % n for n in range(30)])",
        "dogstatsd.assert_counter('orders', 1)",
    )
    nearest, rejected, received = message.split("\n\n")[1:]
    assert nearest.endswith("  ... and 25 more")
    assert rejected.endswith("  ... and 10 more")
    assert received.endswith("  ... and 10 more\n")


def test_long_and_odd_lines_stay_one_line(show: Callable[..., str]) -> None:
    message = show(
        "send(dogstatsd, 'orders:1|c|#a\\x1b[2J\\u202e,{}'.format('x' * 500).encode())",
        "dogstatsd.assert_counter('orders', 2)",
    )
    assert "  orders:1|c|#a\\x1b[2J\\u202e,xxx" in message
    assert max(map(len, message.splitlines())) < 180


def test_valid_shows_what_was_rejected(show: Callable[..., str]) -> None:
    message = show("send(dogstatsd, b'orders')", "dogstatsd.assert_valid()")
    assert message.startswith(
        "AssertionError: 1 line was rejected\n"
        "\n"
        "rejected:\n"
        "  orders\n"
        "         ^ no_colon:"
    )


def test_lossless_shows_what_was_lost(show: Callable[..., str]) -> None:
    assert show(
        "send(dogstatsd, b'orders:1|c\\n' * 1000)", "dogstatsd.assert_lossless()"
    ) == (
        "AssertionError: lost in this test:\n  1 packet cut short on udp://HOST:PORT\n"
    )


def test_traceback_ends_at_the_test_s_own_line(run_tests: Run) -> None:
    result = run_tests(
        """
        def test_wrong(dogstatsd):
            dogstatsd.assert_counter("orders", timeout=0)  # this line
        """
    )
    (shown,) = [line for line in result.outlines if line.startswith(">")]
    assert shown.endswith("# this line")
