import pytest

from statsd_trio.protocol import (
    ClientOrigin,
    Event,
    Message,
    MetricType,
    Sample,
    ServiceCheck,
    ServiceStatus,
    format_message,
    parse_message,
)

COUNTER = MetricType.COUNTER


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (Sample("a", COUNTER, (1.0,)), b"a:1|c"),
        (Sample("a", COUNTER, (1.0, -0.5, 1e300)), b"a:1:-0.5:1e+300|c"),
        (Sample("a", MetricType.SET, ("x:y",)), b"a:x:y|s"),
        (
            Sample(
                "a",
                COUNTER,
                (1.0,),
                sample_rate=0.5,
                tags=("b",),
                timestamp=5,
                host="h",
                origin=ClientOrigin("ci", 7, "ext", "low", "pod", "jmx"),
            ),
            (
                b"a:1|c|@0.5|#b,host:h,dd.internal.entity_id:pod,"
                b"dd.internal.jmx_check_name:jmx|T5|c:ci-ci,in-7|e:ext|card:low"
            ),
        ),
        (Sample("a", COUNTER, (1.0,), host=""), b"a:1|c|#host:"),
        (Event("größe", "b\nc"), b"_e{7,4}:gr\xc3\xb6\xc3\x9fe|b\\nc"),
        (
            Event("t", "x", 5, "h", "k", "low", "s", "error", ("a",)),
            b"_e{1,1}:t|x|d:5|h:h|k:k|p:low|s:s|t:error|#a",
        ),
        (Event("t", "x", host=""), b"_e{1,1}:t|x|#host:"),
        (ServiceCheck("a", ServiceStatus.OK), b"_sc|a|0"),
        (
            ServiceCheck("a", ServiceStatus.UNKNOWN, 5, "h", "m", ("b",)),
            b"_sc|a|3|d:5|h:h|#b|m:m",
        ),
        (ServiceCheck("a", ServiceStatus.OK, host=""), b"_sc|a|0|#host:"),
    ],
)
def test_message_is_written_as_documented(message: Message, line: bytes) -> None:
    assert format_message(message) == line


@pytest.mark.parametrize(
    "message",
    [
        Sample("a", COUNTER, (1.0,), tags=("",)),
        Sample("a", COUNTER, (1.0,), tags=("b\r",)),
        ServiceCheck("a", ServiceStatus.OK, message="\r"),
        Event("t", "text\r"),
    ],
)
def test_what_the_wire_hardly_carries_comes_back(message: Message) -> None:
    assert parse_message(format_message(message)) == message


@pytest.mark.parametrize(
    "message",
    [
        Sample("", COUNTER, (1.0,)),
        Sample("a:b", COUNTER, (1.0,)),
        Sample("_sc.a", COUNTER, (1.0,)),
        Sample("a", COUNTER, ()),
        Sample("a", COUNTER, (float("nan"),)),
        Sample("a", COUNTER, (1.0,), sample_rate=2.0),
        Sample("a", COUNTER, (1.0,), timestamp=0),
        Sample("a", COUNTER, (1.0,), tags=("host:b",)),
        Sample("a", COUNTER, (1.0,), origin=ClientOrigin()),
        Sample("_e{1,1}", COUNTER, (1.0,)),
        Sample("a", MetricType.SET, ()),
        Sample("a", MetricType.SET, ("",)),
        Sample("a", MetricType.SET, ("b", "c")),
        Sample("a", MetricType.SET, ("b|c",)),
        Sample("a", COUNTER, (1.0,), tags=("b,c",)),
        Sample("a", COUNTER, (1.0,), tags=("b\nc",)),
        Sample("a", COUNTER, (1.0,), tags=("\ud800",)),
        Sample("a", COUNTER, (1.0,), origin=ClientOrigin(container_id="b,c")),
        Sample("a", COUNTER, (1.0,), origin=ClientOrigin(external_data="b|c")),
        Event("", "text"),
        Event("title", r"a\nb"),
        Event("title", "text", aggregation_key="a|b"),
        Event("title", "text", timestamp=0),
        Event("title", "text", priority="urgent"),
        ServiceCheck("", ServiceStatus.OK),
        ServiceCheck("a|b", ServiceStatus.OK),
        ServiceCheck("a", ServiceStatus.OK, message="a\nb"),
    ],
    ids=repr,
)
def test_what_the_wire_cannot_carry_is_refused(message: Message) -> None:
    with pytest.raises(ValueError, match=r"no line can carry|surrogates"):
        format_message(message)


def test_the_part_that_the_wire_cannot_carry_is_named() -> None:
    with pytest.raises(ValueError, match=r"tags=\('b,c',\): it reads as \('b', 'c'\)"):
        format_message(Sample("a", COUNTER, (1.0,), tags=("b,c",)))


def test_how_a_line_was_read_is_not_written() -> None:
    event = Event("t", "x", unknown_fields=3, is_repaired=True, warnings=("w",))
    assert format_message(event) == b"_e{1,1}:t|x"
