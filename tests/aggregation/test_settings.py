from statsd_trio.aggregation.settings import parse_percentiles, select_aggregates

# Source of the vectors: datadog-agent, pkg/metrics/histogram_test.go.


def test_percentiles_become_whole_numbers() -> None:
    fractions = ["0.95", "0.96", "0.28", "0.57", "0.58"]
    assert parse_percentiles(fractions) == (28, 57, 58, 95, 96)


def test_what_is_no_percentile_is_skipped() -> None:
    assert parse_percentiles(["0.95", "test", "0.12test", 0.22, 200, -50]) == (22, 95)


def test_a_percentile_named_twice_is_sent_once() -> None:
    assert parse_percentiles(["0.95", "0.950"]) == (95,)


def test_unknown_aggregates_are_skipped_and_the_order_is_kept() -> None:
    assert select_aggregates(["sum", "mean", "max", "sum"]) == ("sum", "max")
