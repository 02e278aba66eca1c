"""What the fixture receives, and which assertions hold."""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from unittest.mock import ANY

import pytest
from datadog.dogstatsd.base import DogStatsd as Client

from pytest_statsd_trio.fixture import DogStatsd, make_fixture
from pytest_statsd_trio.session import begin_test, open_session
from statsd_trio.protocol import MetricType, ServiceStatus

Send = Callable[..., None]


def test_counter_adds_up_lines_packed_values_and_rates(
    dogstatsd: DogStatsd, send_udp: Send
) -> None:
    send_udp(dogstatsd, b"hits:1:2|c\nhits:1|c|@0.1", b"hits:4|c|#a")
    dogstatsd.assert_counter("hits", 17)


def test_counter_with_tags_counts_only_lines_that_have_them(
    dogstatsd: DogStatsd, send_udp: Send
) -> None:
    send_udp(dogstatsd, b"hits:1|c|#env:test,a", b"hits:2|c|#env:prod")
    dogstatsd.assert_counter("hits", 1, tags={"env": "test"})
    dogstatsd.assert_counter("hits", 2, tags=["env:prod"])
    dogstatsd.assert_counter("hits", 1, tags=["a"])
    dogstatsd.assert_counter("hits", 1, tags={"a": None})
    dogstatsd.assert_counter("hits", 3, tags={"env": ANY})


def test_tags_as_one_string_are_an_error(dogstatsd: DogStatsd) -> None:
    with pytest.raises(TypeError, match="env:test"):
        dogstatsd.assert_counter("hits", tags="env:test")


def test_gauge_is_the_last_value(dogstatsd: DogStatsd, send_udp: Send) -> None:
    send_udp(dogstatsd, b"depth:1|g", b"depth:2.5:3|g")
    dogstatsd.assert_gauge("depth", 3)
    dogstatsd.assert_gauge("depth", pytest.approx(3.001, abs=0.01))


def test_set_has_members(dogstatsd: DogStatsd, send_udp: Send) -> None:
    send_udp(dogstatsd, b"users:ann|s", b"users:7|s", b"users:ann|s")
    dogstatsd.assert_set("users", {"ann", 7})
    dogstatsd.assert_set("users", 2)
    dogstatsd.assert_set("users")


@pytest.mark.parametrize("kind", ["histogram", "timing", "distribution"])
def test_values_are_counted_bounded_and_listed(
    dogstatsd: DogStatsd, send_udp: Send, kind: str
) -> None:
    wire_type = {"histogram": "h", "timing": "ms", "distribution": "d"}[kind]
    check = getattr(dogstatsd, f"assert_{kind}")
    send_udp(dogstatsd, f"took:3:1.5|{wire_type}".encode(), b"took:900|g")
    check("took", count=2, between=(0, 3))
    check("took", values=[3, 1.5])
    check("took", values=pytest.approx([3, 1.501], abs=0.01))
    with pytest.raises(AssertionError, match=r"1\.5 is not between 2 and 3"):
        check("took", between=(2, 3), timeout=0)
    with pytest.raises(AssertionError, match="2 values, not 1"):
        check("took", count=1, timeout=0)


def test_event_is_found_by_its_fields(dogstatsd: DogStatsd, send_udp: Send) -> None:
    send_udp(dogstatsd, b"_e{5,4}:title|text|t:error|k:key|p:low|s:src|#a:b")
    dogstatsd.assert_event(title="title")
    dogstatsd.assert_event(
        title=ANY,
        text="text",
        alert_type="error",
        priority="low",
        aggregation_key="key",
        source_type_name="src",
        tags={"a": "b"},
    )
    with pytest.raises(AssertionError):
        dogstatsd.assert_event(title="title", priority="normal", timeout=0)


def test_service_check_is_found_by_name_and_status(
    dogstatsd: DogStatsd, send_udp: Send
) -> None:
    send_udp(dogstatsd, b"_sc|db|1|#a:b|m:slow")
    dogstatsd.assert_service_check("db")
    dogstatsd.assert_service_check("db", "warning", message="slow", tags=["a:b"])
    dogstatsd.assert_service_check("db", 1)
    dogstatsd.assert_service_check("db", ServiceStatus.WARNING)
    with pytest.raises(ValueError, match="CRITICAL"):
        dogstatsd.assert_service_check("db", "bad")
    with pytest.raises(AssertionError):
        dogstatsd.assert_service_check("db", "ok", timeout=0)


def test_other_name_other_type_and_other_tags_do_not_count(
    dogstatsd: DogStatsd, send_udp: Send
) -> None:
    send_udp(dogstatsd, b"hit:1|c", b"hits:1|g", b"hits:1|c|#env:prod")
    with pytest.raises(AssertionError):
        dogstatsd.assert_counter("hits", tags={"env": "test"}, timeout=0)


def test_what_was_sent_together_is_judged_together(
    dogstatsd: DogStatsd, send_udp: Send
) -> None:
    send_udp(dogstatsd, *[b"hits:1|c"] * 200)
    with pytest.raises(AssertionError, match="200"):
        dogstatsd.assert_counter("hits", 1, timeout=0.05)


def test_assertion_waits_for_what_is_still_to_be_sent(
    dogstatsd: DogStatsd, send_udp: Send
) -> None:
    class Two:
        __hash__ = None  # type: ignore[assignment]

        def __eq__(self, total: object) -> bool:
            if total == 1:
                send_udp(dogstatsd, b"hits:1|c")
            return total == 2

    send_udp(dogstatsd, b"hits:1|c")
    dogstatsd.assert_counter("hits", Two(), timeout=60)


@pytest.mark.parametrize(
    ("kind", "wanted", "words"),
    [
        ("counter", {"value": "1"}, "'1' is text; write 1"),
        ("counter", {"value": b"2.5"}, "b'2.5' is text; write 2.5"),
        ("gauge", {"value": "high"}, "'high' is text$"),
        ("histogram", {"count": "2"}, "'2' is text; write 2"),
        ("timing", {"values": "1"}, "'1' is text; write 1"),
        ("distribution", {"values": [1, "2"]}, "'2' is text; write 2"),
        ("distribution", {"between": (1, "2")}, "'2' is text; write 2"),
        ("set", {"members": "ann"}, r"the text 'ann'; write \{'ann'\}"),
    ],
)
def test_text_in_place_of_a_number_is_an_error(
    dogstatsd: DogStatsd, kind: str, wanted: dict[str, object], words: str
) -> None:
    with pytest.raises(TypeError, match=words):
        getattr(dogstatsd, f"assert_{kind}")("hits", **wanted)


def test_telemetry_of_a_client_is_kept_apart(dogstatsd: DogStatsd) -> None:
    client = Client(telemetry_min_flush_interval=0)
    client.increment("hits")
    client.close_socket()
    assert dogstatsd.snapshot() == "hits counter = 1\n"
    names = {sample.name for sample in dogstatsd.telemetry}
    assert "datadog.dogstatsd.client.metrics" in names
    assert [sample.name for sample in dogstatsd.metrics] == ["hits"]
    with pytest.raises(AssertionError):
        dogstatsd.assert_counter("datadog.dogstatsd.client.metrics", timeout=0)


def test_nothing_but_telemetry_is_nothing(dogstatsd: DogStatsd, send_udp: Send) -> None:
    send_udp(dogstatsd, b"datadog.dogstatsd.client.metrics:3|c")
    dogstatsd.assert_none()
    assert len(dogstatsd.telemetry) == 1


def test_none_is_told_apart_by_tags(dogstatsd: DogStatsd, send_udp: Send) -> None:
    send_udp(dogstatsd, b"hits:1|c|#env:prod")
    dogstatsd.assert_none("failures")
    dogstatsd.assert_none("hits", tags={"env": "test"})
    with pytest.raises(AssertionError, match="hits:1"):
        dogstatsd.assert_none("hits")


def test_none_without_a_name_is_nothing_at_all(
    dogstatsd: DogStatsd, send_udp: Send
) -> None:
    dogstatsd.assert_none()
    send_udp(dogstatsd, b"_sc|db|0")
    with pytest.raises(AssertionError, match="name='db'"):
        dogstatsd.assert_none()


@pytest.mark.parametrize("transport", ["udp", "unixgram", "unixstream"])
@pytest.mark.parametrize("turn", range(20))
def test_none_sees_what_was_sent_just_before(
    dogstatsd: DogStatsd, send_each: dict[str, Send], transport: str, turn: int
) -> None:
    send_each[transport](dogstatsd, b"hits:1|c\n" * 50)
    with pytest.raises(AssertionError):
        dogstatsd.assert_none("hits")


def test_none_sees_all_of_many_connections(dogstatsd: DogStatsd) -> None:
    frame = b"\x08\0\0\0hits:1|c"
    with contextlib.ExitStack() as stack:
        assert dogstatsd.stream_socket_path is not None
        for _ in range(50):
            client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            stack.enter_context(client).connect(dogstatsd.stream_socket_path)
            client.sendall(frame)
        dogstatsd.settle()
        assert len(dogstatsd.metrics) == 50


def test_received_things_can_be_looked_at(dogstatsd: DogStatsd, send_udp: Send) -> None:
    send_udp(dogstatsd, b"hits:2|c|#a:b\n_e{1,1}:t|x\n_sc|db|0\nhits:x|c")
    dogstatsd.settle()
    (metric,) = dogstatsd.metrics
    assert (metric.name, metric.type, metric.values, metric.tags) == (
        "hits",
        MetricType.COUNTER,
        (2.0,),
        ("a:b",),
    )
    assert [event.title for event in dogstatsd.events] == ["t"]
    assert [check.name for check in dogstatsd.service_checks] == ["db"]
    assert [rejected.line for rejected in dogstatsd.rejected] == [b"hits:x|c"]


def test_valid_fails_for_a_rejected_line(dogstatsd: DogStatsd, send_udp: Send) -> None:
    send_udp(dogstatsd, b"hits:1|c")
    dogstatsd.assert_valid()
    send_udp(dogstatsd, b"hits:one|c")
    with pytest.raises(AssertionError, match="bad_value"):
        dogstatsd.assert_valid()


def test_lossless_fails_for_a_packet_that_was_cut(
    dogstatsd: DogStatsd, send_udp: Send
) -> None:
    send_udp(dogstatsd, b"hits:1|c")
    dogstatsd.assert_lossless()
    send_udp(dogstatsd, b"hits:1|c\n" * 1000)
    with pytest.raises(AssertionError, match="1 packet cut short on udp"):
        dogstatsd.assert_lossless()


def test_losses_of_a_former_test_are_not_of_this_one(send_udp: Send) -> None:
    with open_session(2) as session:
        with begin_test(session):
            send_udp(make_fixture(session), b"hits:1|c\n" * 1000)
        with begin_test(session):
            dogstatsd = make_fixture(session)
            assert sum(each.truncated for each in dogstatsd.ledger().listeners) == 1
            dogstatsd.assert_lossless()


def test_environment_points_at_the_server(dogstatsd: DogStatsd) -> None:
    assert os.environ["DD_AGENT_HOST"] == os.environ["STATSD_HOST"] == dogstatsd.host
    assert os.environ["DD_DOGSTATSD_PORT"] == os.environ["STATSD_PORT"]
    assert int(os.environ["STATSD_PORT"]) == dogstatsd.port
    assert os.environ["DD_DOGSTATSD_URL"] == dogstatsd.url
    assert dogstatsd.url == f"udp://{dogstatsd.host}:{dogstatsd.port}"


def test_real_client_made_in_the_test_needs_no_setting(dogstatsd: DogStatsd) -> None:
    with Client(disable_buffering=False) as client:
        client.increment("hits", tags=["env:test"])
    dogstatsd.assert_counter("hits", 1, tags={"env": "test"})


def test_subprocess_needs_no_setting(dogstatsd: DogStatsd) -> None:
    program = """
import os, socket
address = os.environ["STATSD_HOST"], int(os.environ["STATSD_PORT"])
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"hits:1|c", address)
"""
    subprocess.run([sys.executable, "-c", program], check=True)
    dogstatsd.assert_counter("hits", 1)


def test_name_of_a_marker_sent_by_a_user_does_no_harm(
    dogstatsd: DogStatsd, send_udp: Send
) -> None:
    send_udp(dogstatsd, b"pytest_statsd_trio.marker:1|g", b"hits:1|c")
    send_udp(dogstatsd, b"pytest_statsd_trio.marker:a|s", b"hits:1|c")
    dogstatsd.assert_counter("hits", 2)
