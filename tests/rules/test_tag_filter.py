import pytest

from statsd_trio.protocol.messages import MetricType
from statsd_trio.rules.tag_filter import TagFilter, TagFilterEntry

TAGS = ("env:prod", "pod:a:b", "flag")
COUNTER = MetricType.COUNTER


def test_exclude_drops_the_listed_tags() -> None:
    tag_filter = TagFilter([TagFilterEntry("m", ["pod", "flag"])])

    assert tag_filter.keep("m", COUNTER, TAGS) == ("env:prod",)


def test_include_drops_all_others() -> None:
    tag_filter = TagFilter([TagFilterEntry("m", ["pod"], "include")])

    assert tag_filter.keep("m", COUNTER, TAGS) == ("pod:a:b",)


def test_include_of_nothing_drops_all() -> None:
    tag_filter = TagFilter([TagFilterEntry("m", [], "include")])

    assert tag_filter.keep("m", COUNTER, TAGS) == ()


def test_other_metrics_keep_their_tags() -> None:
    tag_filter = TagFilter([TagFilterEntry("m", ["pod"])])

    assert tag_filter.keep("m2", COUNTER, TAGS) is TAGS


def test_tags_that_need_no_change_are_handed_back() -> None:
    tag_filter = TagFilter([TagFilterEntry("m", ["other"])])

    assert tag_filter.keep("m", COUNTER, TAGS) is TAGS


@pytest.mark.parametrize(
    ("metric_type", "is_filtered"),
    [
        (MetricType.COUNTER, True),
        (MetricType.DISTRIBUTION, True),
        (MetricType.GAUGE, False),
        (MetricType.SET, False),
        (MetricType.HISTOGRAM, False),
        (MetricType.TIMER, False),
    ],
)
def test_only_what_adds_up_is_filtered(
    metric_type: MetricType, is_filtered: bool
) -> None:
    tag_filter = TagFilter([TagFilterEntry("m", ["pod"])])

    assert (tag_filter.keep("m", metric_type, TAGS) != TAGS) is is_filtered


def test_entries_of_one_action_add_up() -> None:
    tag_filter = TagFilter([TagFilterEntry("m", ["pod"]), TagFilterEntry("m", ["env"])])

    assert tag_filter.keep("m", COUNTER, TAGS) == ("flag",)


@pytest.mark.parametrize("actions", [("include", "exclude"), ("exclude", "include")])
def test_exclude_wins_over_include(actions: tuple[str, str]) -> None:
    tags = {"include": ["env"], "exclude": ["pod"]}
    entries = [TagFilterEntry("m", tags[action], action) for action in actions]

    assert TagFilter(entries).keep("m", COUNTER, TAGS) == ("env:prod", "flag")


def test_unknown_action_is_refused() -> None:
    with pytest.raises(ValueError, match="action"):
        TagFilterEntry("m", [], "drop")
