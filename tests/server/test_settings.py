from statsd_trio.aggregation.settings import AggregationSettings
from statsd_trio.config import Config
from statsd_trio.server.settings import make_aggregation_settings, make_rules


def test_stages_that_are_told_nothing_do_as_the_options_say() -> None:
    config = Config(hostname="")

    assert make_aggregation_settings(config, make_rules(config)) == (
        AggregationSettings()
    )
