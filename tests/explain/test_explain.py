import json

import pytest
from hypothesis import given, strategies as st

from statsd_trio.aggregation.settings import AggregationSettings
from statsd_trio.explain import (
    Explanation,
    describe_explanation,
    explain_line,
    render_explanation,
)
from statsd_trio.protocol import (
    Message,
    ParseError,
    Reason,
    Sample,
    format_message,
    parse_message,
)
from statsd_trio.rules import (
    FilterList,
    Mapper,
    MapperProfile,
    MetricMapping,
    Namespace,
    Rules,
    TagFilter,
    TagFilterEntry,
)
from statsd_trio.testing.strategies import lines, messages

NOW = 1_700_000_000.0


def explain(line: str | bytes) -> Explanation:
    raw = line.encode() if isinstance(line, str) else line
    return explain_line(raw, now=NOW)


def render(line: str | bytes) -> str:
    return render_explanation(explain(line))


def list_series(line: str) -> list[tuple[str, str, float | None]]:
    return [(series.name, series.type, series.value) for series in explain(line).series]


def list_warnings(line: str | bytes) -> list[str]:
    return [warning.code for warning in explain(line).warnings]


def test_a_counter_reads_as_a_tree() -> None:
    assert render("page.views:1|c|@0.5|#env:prod,env:prod") == (
        "page.views:1|c|@0.5|#env:prod,env:prod\n"
        "  counter named page.views\n"
        "    value        1\n"
        "    sample rate  0.5, each value stands for 2\n"
        "    tags         env:prod, env:prod\n"
        "    becomes\n"
        "      page.views  rate 0.2 (per second: 2 in 10 seconds)\n"
        "  warning: The tag 'env:prod' appears 2 times; it counts once."
    )


def test_a_rejected_line_has_a_caret_a_reason_and_the_line_that_was_meant() -> None:
    assert render("bad:1,5|c") == (
        "bad:1,5|c\n"
        "     ^\n"
        "  rejected (bad_value): '1,5' is not a number; write digits with an optional "
        "sign, point and exponent, such as 10, -1.5 or 2e6.\n"
        "  try: bad:1.5|c"
    )


def test_every_part_of_a_sample_is_told() -> None:
    text = render(
        "a:1:2|g|T1699999990|#host:,device:sda, x|c:ci-abc,in-5|e:cn-web|card:low"
    )
    assert "values       1, 2\n" in text
    assert "time         1699999990 (unix seconds), not aggregated\n" in text
    assert "host         none\n" in text
    assert "tags         device:sda, ' x'\n" in text
    assert (
        "origin       container id abc, cgroup inode 5, external data cn-web, "
        "cardinality low\n"
    ) in text
    assert (
        "a  gauge 2 (the last value, at 1699999990, not aggregated), device sda\n"
    ) in text


def test_every_part_of_an_event_is_told() -> None:
    assert render("_e{5,6}:title|a\\nbcd|d:5|k:key|s:nagios|t:error|p:low|h:web") == (
        "_e{5,6}:title|a\\nbcd|d:5|k:key|s:nagios|t:error|p:low|h:web\n"
        "  event (error, priority low)\n"
        "    title        title\n"
        "    text         a\\nbcd\n"
        "    time         5\n"
        "    grouped by   key\n"
        "    source       nagios\n"
        "    host         web\n"
        "    tags         none\n"
        "    becomes      an event in Datadog's event explorer\n"
        "  warning: The timestamp is 1699999995 seconds in the past; Datadog takes "
        "events of the last 18 hours."
    )


def test_every_part_of_a_service_check_is_told() -> None:
    assert render("_sc|db.up|2|#env:prod|m:down") == (
        "_sc|db.up|2|#env:prod|m:down\n"
        "  service check named db.up\n"
        "    status       2 (CRITICAL)\n"
        "    message      down\n"
        "    time         of arrival\n"
        "    tags         env:prod\n"
        "    becomes      one run of the check"
    )


def test_an_event_at_the_time_of_arrival_says_so() -> None:
    assert "time         of arrival" in render("_e{1,1}:a|b")


def test_a_service_check_without_a_message_has_no_such_line() -> None:
    assert "message" not in render("_sc|db.up|0|d:1700000000")


def test_a_rate_without_effect_says_so() -> None:
    assert "sample rate  0.5, without effect\n" in render("a:1|g|@0.5")


def test_a_long_list_of_values_is_cut() -> None:
    text = render(f"a:{':'.join(map(str, range(50)))}|d")
    assert "18, 19, and 30 more\n" in text


@pytest.mark.parametrize(
    ("line", "series"),
    [
        ("a:3:4|c|@0.1", [("a", "rate", 7.0)]),
        ("a:3:4|g", [("a", "gauge", 4.0)]),
        ("a:x|s", [("a", "gauge", 1.0)]),
        ("a:3:4|d", [("a", "distribution", None)]),
        ("a:3:4|c|T5", [("a", "rate", 0.7)]),
        ("a:3:4|g|T5", [("a", "gauge", 4.0)]),
        # The server sends no infinity.
        ("a:1e308|c|@0.01", []),
        ("a:1:1|h|@6e-309", []),
        ("a:1e308:1|c|@0.1", [("a", "rate", 1.0)]),
        # Source: datadog-agent, pkg/metrics/histogram_test.go: 1,10,4,5,2,2.
        (
            "a:1:10:4:5:2:2|h",
            [
                ("a.max", "gauge", 10.0),
                ("a.median", "gauge", 2.0),
                ("a.avg", "gauge", 4.0),
                ("a.count", "rate", 0.6),
                ("a.95percentile", "gauge", 10.0),
            ],
        ),
        (
            "a:1:2|ms|@0.5",
            [
                ("a.max", "gauge", 2.0),
                ("a.median", "gauge", 1.0),
                ("a.avg", "gauge", 1.5),
                ("a.count", "rate", 0.4),
                ("a.95percentile", "gauge", 2.0),
            ],
        ),
    ],
)
def test_a_line_becomes_the_series_of_its_type(
    line: str, series: list[tuple[str, str, float | None]]
) -> None:
    assert list_series(line) == series


def test_a_packed_value_with_a_timestamp_is_one_point() -> None:
    text = render("a:1:2|c|T1657100430")
    assert (
        "    becomes\n      a  rate 0.3 (per second: 3 in 10 seconds, at 1657100430, "
        "not aggregated)\n"
    ) in text


def test_the_device_of_a_distribution_stays_a_tag() -> None:
    (series,) = explain("d:1|d|#device:sda").series
    assert (series.tags, series.device) == (("device:sda",), None)
    assert "device sda" not in render("d:1|d|#device:sda")


def test_values_that_the_server_drops_are_told() -> None:
    assert explain("a:1e308:1|c|@0.1").dropped == {"overflow": 1}
    assert explain("a:1:nan:inf:nan|h").dropped == {"nan": 2, "infinity": 1}
    assert "dropped      1 of the values (overflow)\n" in render("a:1e308:1|c|@0.1")
    text = render("a:1:1|h|@6e-309")
    assert "sample rate  6e-309, too small to be counted with\n" in text
    assert text.endswith("    becomes      nothing")


def test_the_rules_and_settings_of_the_server_hold() -> None:
    mapping = MetricMapping("job.*.time", "job.time", tags={"job": "$1"})
    rules = Rules(
        mapper=Mapper([MapperProfile("jobs", "job.", (mapping,))]),
        namespace=Namespace("shop"),
        filterlist=FilterList(["shop.noise*"]),
        tag_filter=TagFilter([TagFilterEntry("shop.job.time", ("pod",))]),
    )
    settings = AggregationSettings(
        tags=("env:x",), counter_type="count", interval_seconds=20
    )
    line = b"job.mail.time:3|c|#pod:a,b"
    explanation = explain_line(line, now=NOW, rules=rules, settings=settings)
    (series,) = explanation.series
    assert (series.name, series.type, series.value) == ("shop.job.time", "count", 3.0)
    assert series.tags == ("b", "env:x", "job:mail")
    text = render_explanation(explanation)
    assert "more tags    env:x, job:mail\n    without      pod:a\n" in text
    assert "shop.job.time  count 3 (in 20 seconds)" in text

    filtered = explain_line(b"noise.a:1|c", now=NOW, rules=rules, settings=settings)
    assert (filtered.is_filtered, filtered.series) == (True, ())
    assert describe_explanation(filtered)["filtered"] is True
    assert "becomes      nothing: its name is on the filter list" in (
        render_explanation(filtered)
    )


def test_histograms_are_told_as_they_are_set_up() -> None:
    settings = AggregationSettings(
        histogram_aggregates=("min", "sum"),
        histogram_percentiles=(50,),
        histogram_copy_to_distribution=True,
        histogram_copy_to_distribution_prefix="copy.",
    )
    explanation = explain_line(b"a:3:4|h", now=NOW, settings=settings)
    assert [(each.name, each.meaning) for each in explanation.series] == [
        ("a.min", "the smallest value"),
        ("a.sum", "the sum"),
        ("a.50percentile", "50 of 100 values are at most this"),
        ("copy.a", "a sketch, from which Datadog computes any percentile"),
    ]


def test_timestamps_count_where_the_server_uses_them() -> None:
    explanation = explain_line(b"a:1|c|T5", now=NOW, use_timestamps=False)
    assert "aggregated" not in explanation.series[0].meaning


@given(messages(), st.floats(0, 4e9))
def test_no_value_of_a_metric_is_unaccounted_for(message: Message, now: float) -> None:
    if not isinstance(message, Sample):
        return
    explanation = explain_line(format_message(message), now=now)
    dropped = sum(explanation.dropped.values())
    assert bool(explanation.series) == (dropped < len(message.values))


def test_a_series_has_its_tags_sorted_and_once() -> None:
    (series,) = explain("a:1|c|#c,b,c,device:d,dd.internal.resource:x:y,host:h").series
    assert (series.tags, series.device, series.host) == (("b", "c"), "d", "h")


@pytest.mark.parametrize(
    ("line", "weight"),
    [
        ("a:1|c|@0.4", 2.5),
        ("a:1|h|@0.4", 2.5),
        ("a:1|d|@0.4", 2.0),
        ("a:1|g|@0.4", 1.0),
        ("a:1|s|@0.4", 1.0),
        ("a:1|c|@0.4|T5", 1.0),
    ],
)
def test_weight_follows_the_type(line: str, weight: float) -> None:
    assert explain(line).weight == weight


@pytest.mark.parametrize(
    ("line", "codes"),
    [
        ("a:1|c", []),
        ("a:1|c|@0.1|#b,c|T1699999999|c:ci-x|e:x|card:low", ["ignored_rate"]),
        ("a:1|g|@0.5", ["ignored_rate"]),
        ("a:1|s|@0.5", ["ignored_rate"]),
        ("a:5|g|@0", ["ignored_rate"]),
        ("a:1|c|@1|T1699999999", []),
        ("a:1|h|@0.21", []),
        ("a:1|ms|@0.9", []),
        ("a:1|d|@0.1", []),
        ("a:1|d|@0.21", ["fractional_weight"]),
        ("a:+5|g", ["gauge_delta"]),
        ("a:-5|g", ["gauge_delta"]),
        ("a:-5|c", []),
        ("a:1:2|g", ["gauge_values"]),
        ("a:1:2|g|T1699999999", ["gauge_values"]),
        ("a:1|c|T1700000100", ["future_timestamp"]),
        ("a:1|c|T1700000000000", ["future_timestamp"]),
        ("a:1|c|T1699990000", ["old_timestamp"]),
        ("_e{1,1}:a|b|d:1699930000", ["old_timestamp"]),
        ("_e{1,1}:a|b|d:1699936000", []),
        ("_e{1,1}:a|b|d:1700000100", ["future_timestamp"]),
        ("_sc|a|0|d:1", []),
        ("a:1|c|#b,b", ["duplicate_tag"]),
        ("a:1|c|#b,", ["empty_tag"]),
        ("a:1|c|#b c", ["tag_space"]),
        (f"a:1|c|#{'b' * 201}", ["long_tag"]),
        (f"{'a' * 201}:1|c", ["long_name"]),
        ("größe:1|c", ["non_ascii_name"]),
        ("a-b:1|c", ["name_characters"]),
        ("_a:1|c", ["name_start"]),
        ("a:1|c|x", ["unknown_field"]),
        ("a:1|c|#b|#c", ["repeated_field"]),
        ("a:1|c|c:in-x", ["unread_origin"]),
        ("_e{1,1}:a|b|x|d:y", ["ignored_field", "unknown_field"]),
        ("_e{1,1}:a|b|#c,c", ["duplicate_tag"]),
        ("_sc|a|0|m:b|d:1699999999", ["message_not_last"]),
        ("_sc|a|0|m:b|x", ["unknown_field", "message_not_last"]),
        ("_sc|a|0|d:1699999999|m:b", []),
        ("_sc:a|0|", ["ignored_field"]),
        (b"a:1|c|#\xff", ["not_utf8"]),
        (b"_e{1,1}:\xff|b", ["not_utf8"]),
        (b"_sc|a|0|m:\xff", ["not_utf8"]),
    ],
)
def test_what_is_legal_but_odd_is_told(line: str | bytes, codes: list[str]) -> None:
    assert list_warnings(line) == codes


def test_a_timestamp_that_datadog_drops_says_so() -> None:
    assert "and Datadog drops it" in render("a:1|c|T1700000601")
    assert "and Datadog drops it" not in render("a:1|c|T1700000600")


@pytest.mark.parametrize(
    ("line", "suggestion"),
    [
        ("a:1__000|c", "a:1000|c"),
        ("a: 5 |c", "a:5|c"),
        ("a:\uff11\uff12|c", "a:12|c"),
        ("a:1,5|c", "a:1.5|c"),
        ("a:1,000,000|c", "a:1000000|c"),
        ("a:x|c", None),
        ("a:1|C", "a:1|c"),
        ("a:1| ms |#b", "a:1|ms|#b"),
        ("a:1|gauge", "a:1|g"),
        ("a:1|q", None),
        ("a=1|c", "a:1|c"),
        ("a 1|c", "a:1|c"),
        ("a|c", None),
        ("a:1|c|@50%", "a:1|c|@0.5"),
        ("a:1|c|@0,5|#b", "a:1|c|@0.5|#b"),
        ("a:1|c|@x", None),
        ("a:1|c|T5.5|#b", "a:1|c|T5|#b"),
        ("a:1|d|T5|#b", "a:1|d|#b"),
        ("_e{5,9}:title|text|#a", "_e{5,4}:title|text|#a"),
        ("_e{3,2}:größe|ab", "_e{7,2}:größe|ab"),
        ("_e{}:title|text", "_e{5,4}:title|text"),
        ("_e:title|text|#a", "_e{5,4}:title|text|#a"),
        ("_e{5,4}", None),
        ("_sc|a|OK|#b", "_sc|a|0|#b"),
        ("_sc|a| critical ", "_sc|a|2"),
        ("_sc|a|fine", None),
        ("a:1", None),
        (b"Z\xfcrich:1|c", "Zürich:1|c"),
        (b"a:1_|c\r", "a:1|c"),
    ],
)
def test_the_line_that_was_meant_is_guessed(
    line: str | bytes, suggestion: str | None
) -> None:
    rejection = explain(line).rejection
    assert rejection is not None
    assert rejection.suggestion == (suggestion and suggestion.encode())


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        ("größe:x|c", 6),
        ("\u65e5\u672c:x|c", 5),
        ("e\u0301:x|c", 2),
        ("\x1b:x|c", 5),
        (b"ab\xff:1|c", 2),
        ("_e{4,2}:größe|ab", 11),
    ],
)
def test_the_caret_stands_under_the_fault(line: str | bytes, cells: int) -> None:
    assert render(line).splitlines()[1] == " " * cells + "^"


def test_a_long_rejected_line_is_cut_around_the_fault() -> None:
    first, caret, *_ = render("a:" + "1:" * 500 + "x|c").splitlines()
    assert first.startswith("...1:1:")
    assert first[len(caret) - 1] == "x"
    first, caret, *_ = render("a:" + "1:" * 500 + "x:" + "2:" * 500 + "|c").splitlines()
    assert len(first) < 120
    assert first[len(caret) - 1] == "x"


def test_a_long_accepted_line_is_cut() -> None:
    first = render(f"{'a' * 1000}:1|c").splitlines()[0]
    assert first == "a" * 100 + "... (1004 characters)"


@pytest.mark.parametrize(
    ("line", "kind"),
    [("a:1|c", "metric"), ("_e{1,1}:a|b", "event"), ("_sc|a|0", "service_check")],
)
def test_a_description_names_its_kind(line: str, kind: str) -> None:
    assert describe_explanation(explain(line))["kind"] == kind


@given(lines())
def test_any_line_is_explained_in_printable_text(line: bytes) -> None:
    text = render(line)
    assert all(each.isprintable() for each in text.split("\n"))


@given(lines(), st.floats(0, 4e9))
def test_any_line_is_described_in_json(line: bytes, now: float) -> None:
    described = describe_explanation(explain_line(line, now=now))
    assert json.loads(json.dumps(described, allow_nan=False))["accepted"] == (
        "error" not in described
    )


@given(lines())
def test_a_suggestion_is_always_accepted(line: bytes) -> None:
    rejection = explain(line).rejection
    if rejection is not None and rejection.suggestion is not None:
        parse_message(rejection.suggestion)


@given(lines())
def test_rejected_means_rejected_by_the_parser(line: bytes) -> None:
    try:
        parse_message(line)
        reason: Reason | None = None
    except ParseError as error:
        reason = error.reason
    rejection = explain(line).rejection
    assert (rejection and rejection.reason) == reason
