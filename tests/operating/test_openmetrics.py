import attrs
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from statsd_trio.ledger import Ledger, RouteLedger
from statsd_trio.operating.openmetrics import render_openmetrics


def render(ledger: Ledger, *, is_ready: bool = True) -> str:
    return render_openmetrics(ledger, is_ready=is_ready).decode()


def read_samples(text: str) -> dict[tuple[str, ...], float]:
    """Read a text as Prometheus does: names and values of labels to the value."""
    return {
        (sample.name, *(part for pair in sample.labels.items() for part in pair)): (
            sample.value
        )
        for family in text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
        for sample in family.samples
    }


def test_every_count_stands_under_its_name(ledger: Ledger) -> None:
    samples = read_samples(render(ledger))

    expected = {
        ("statsd_trio_engine", "name", "plain"): 1,
        ("statsd_trio_packets_total", "listener", "unix"): 7,
        ("statsd_trio_listener_failing", "listener", "unix"): 0,
        ("statsd_trio_queue_peak",): 40,
        ("statsd_trio_lines_total",): 12,
        ("statsd_trio_lines_accepted_total", "kind", "event"): 1,
        ("statsd_trio_lines_rejected_total", "reason", "bad_value"): 1,
        ("statsd_trio_samples_aggregated_total",): 19,
        ("statsd_trio_contexts",): 4,
        ("statsd_trio_points_pending", "sink", "datadog"): 1,
        ("statsd_trio_points_refused_total", "sink", "datadog", "status", "400"): 3,
    }
    assert expected.items() <= samples.items()


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

    samples = read_samples(render(shown, is_ready=False))

    route = "statsd_trio_route_failing_since_seconds"
    expected = {
        ("statsd_trio_ready",): 0,
        ("statsd_trio_sink_failing_since_seconds", "sink", "datadog"): 0,
        ("statsd_trio_sink_failing_since_seconds", "sink", "second"): 1_700_000_001,
        (route, "route", "series", "sink", "datadog"): 0,
        (route, "route", "events", "sink", "datadog"): 1_700_000_000,
        ("statsd_trio_api_key_invalid", "sink", "datadog"): 0,
        ("statsd_trio_api_key_invalid", "sink", "second"): 1,
    }
    assert expected.items() <= samples.items()
    assert read_samples(render(shown))["statsd_trio_ready",] == 1


def test_what_the_system_cannot_tell_is_left_out(ledger: Ledger) -> None:
    text = render(ledger)

    assert text.count("statsd_trio_kernel_dropped_total{") == 1
    assert "granted_buffer_bytes" not in text


def test_labels_are_escaped(ledger: Ledger) -> None:
    text = render(ledger)

    assert r'statsd_trio_packets_total{listener="udp \"a\\b\"\n"} 5.0' in text


def test_a_family_is_announced_once_and_its_names_do_not_change(
    ledger: Ledger,
) -> None:
    text = render(ledger)

    families = list(text_string_to_metric_families(text))  # type: ignore[no-untyped-call]
    names = [family.name for family in families]
    assert len(names) == len(set(names))
    assert all(name.startswith("statsd_trio_") for name in names)
    assert all(family.samples and family.documentation for family in families)
    assert text.endswith("# EOF\n")
