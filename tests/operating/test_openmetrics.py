import re

import attrs

from statsd_trio.ledger import Ledger, RouteLedger
from statsd_trio.operating.openmetrics import render_openmetrics

SAMPLE = re.compile(
    r'(?P<name>[a-z_]+)(\{[a-z]+="(?:[^"\\\n]|\\.)*"(,[a-z]+="(?:[^"\\\n]|\\.)*")*\})?'
    r" -?[0-9.e+]+"
)


def test_every_count_stands_under_its_name(ledger: Ledger) -> None:
    lines = render_openmetrics(ledger, is_ready=True).splitlines()

    for line in (
        'statsd_trio_engine{name="plain"} 1',
        'statsd_trio_packets_total{listener="unix"} 7',
        'statsd_trio_listener_failing{listener="unix"} 0',
        "statsd_trio_queue_peak 40",
        "statsd_trio_lines_total 12",
        'statsd_trio_lines_accepted_total{kind="event"} 1',
        'statsd_trio_lines_rejected_total{reason="bad_value"} 1',
        "statsd_trio_samples_aggregated_total 19",
        "statsd_trio_contexts 4",
        'statsd_trio_points_pending{sink="datadog"} 1',
        'statsd_trio_points_refused_total{sink="datadog",status="400"} 3',
    ):
        assert line in lines


def test_readiness_and_failures_are_gauges(ledger: Ledger) -> None:
    main = attrs.evolve(
        ledger.sinks[0],
        api_key="valid",
        routes=(RouteLedger("series"), RouteLedger("events", 1_700_000_000.0)),
    )
    second = attrs.evolve(
        main, name="second", api_key="invalid", failing_since=1_700_000_001.0
    )
    shown = attrs.evolve(ledger, sinks=(main, second))

    lines = render_openmetrics(shown, is_ready=False).splitlines()

    lines = [line.replace("1700000000", "17e8") for line in lines]
    for line in (
        "statsd_trio_ready 0",
        'statsd_trio_sink_failing_since_seconds{sink="datadog"} 0',
        'statsd_trio_sink_failing_since_seconds{sink="second"} 1700000001',
        'statsd_trio_route_failing_since_seconds{sink="datadog",route="series"} 0',
        'statsd_trio_route_failing_since_seconds{sink="datadog",route="events"} 17e8',
        'statsd_trio_api_key_invalid{sink="datadog"} 0',
        'statsd_trio_api_key_invalid{sink="second"} 1',
    ):
        assert line in lines
    assert "statsd_trio_ready 1" in render_openmetrics(shown, is_ready=True)


def test_what_the_system_cannot_tell_is_left_out(ledger: Ledger) -> None:
    text = render_openmetrics(ledger, is_ready=True)

    assert text.count("statsd_trio_kernel_dropped_total{") == 1
    assert "granted_buffer_bytes" not in text


def test_labels_are_escaped(ledger: Ledger) -> None:
    text = render_openmetrics(ledger, is_ready=True)

    assert r'statsd_trio_packets_total{listener="udp \"a\\b\"\n"} 5' in text


def test_text_keeps_to_the_format(ledger: Ledger) -> None:
    text = render_openmetrics(ledger, is_ready=True)
    *lines, end = text.splitlines()

    assert text.endswith("\n")
    assert end == "# EOF"
    family = kind = ""
    seen: set[str] = set()
    for line in lines:
        if line.startswith("# TYPE "):
            _, _, family, kind = line.split(" ")
            assert family not in seen
            seen.add(family)
        elif not line.startswith("# HELP "):
            match = SAMPLE.fullmatch(line)
            assert match
            assert match["name"] == family + ("_total" if kind == "counter" else "")
