from statsd_trio.aggregation.settings import AggregationSettings
from statsd_trio.config import Config
from statsd_trio.server.settings import (
    list_figures,
    make_aggregation_settings,
    make_rules,
)


def test_stages_that_are_told_nothing_do_as_the_options_say() -> None:
    config = Config(hostname="")

    assert make_aggregation_settings(config, make_rules(config)) == (
        AggregationSettings()
    )


def test_a_figure_named_twice_is_made_once() -> None:
    config = Config(
        histogram_aggregates=("sum", "max", "sum"),
        histogram_percentiles=("0.99", "0.95", "0.950"),
    )
    figures = ("sum", "max", "95percentile", "99percentile")

    assert list_figures(config) == figures
    assert make_aggregation_settings(config, make_rules(config)).figures == figures
