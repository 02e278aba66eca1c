import attrs

from statsd_trio.protocol.messages import ClientOrigin, MetricType, Sample
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


def make_sample(name: str, *tags: str, host: str | None = None) -> Sample:
    return Sample(name, MetricType.COUNTER, (1.0,), tags=tags, host=host)


def make_mapper(**tags: str) -> Mapper:
    mapping = MetricMapping("job.*.time", "job.time", tags=tags)
    return Mapper([MapperProfile("jobs", "job.", (mapping,))])


def test_without_rules_the_sample_itself_comes_back() -> None:
    sample = make_sample("a", "x:1")

    assert Rules().apply(sample) is sample


def test_mapped_tags_follow_the_clients() -> None:
    rules = Rules(mapper=make_mapper(name="$1"))

    assert rules.apply(make_sample("job.mail.time", "x:1")) == make_sample(
        "job.time", "x:1", "name:mail"
    )


def test_mapped_host_tag_is_the_host() -> None:
    rules = Rules(mapper=make_mapper(host="$1", name="x"))

    assert rules.apply(make_sample("job.web1.time", host="h")) == make_sample(
        "job.time", "name:x", host="web1"
    )


def test_mapping_that_keeps_name_and_tags_may_change_the_host() -> None:
    mapping = MetricMapping("job.*.time", "job.$1.time", tags={"host": "web1"})
    rules = Rules(mapper=Mapper([MapperProfile("jobs", "job.", (mapping,))]))

    assert rules.apply(make_sample("job.mail.time")) == make_sample(
        "job.mail.time", host="web1"
    )


def test_mapped_reserved_tags_are_read_as_the_clients() -> None:
    # Source: datadog-agent, comp/dogstatsd/server/impl/enrich.go: the tags of the
    # mapper are added before the reserved ones are taken out.
    tags = {
        "dd.internal.jmx_check_name": "kafka",
        "dd.internal.entity_id": "uid",
        "dd.internal.card": "low",
    }
    mapping = MetricMapping("job.*.time", "job.time", tags=tags)
    rules = Rules(mapper=Mapper([MapperProfile("jobs", "job.", (mapping,))]))
    sample = make_sample("job.mail.time", "x:1")

    mapped = rules.apply(sample)
    assert mapped is not None
    assert mapped.tags == ("x:1",)
    assert mapped.origin == ClientOrigin(
        cardinality="low", entity_id="uid", jmx_check_name="kafka"
    )

    mapped = rules.apply(attrs.evolve(sample, origin=ClientOrigin(cardinality="none")))
    assert mapped is not None
    assert mapped.tags == ("x:1", "dd.internal.card:low")
    assert mapped.origin == ClientOrigin(
        cardinality="none", entity_id="uid", jmx_check_name="kafka"
    )


def test_mapping_without_host_tag_keeps_the_host() -> None:
    rules = Rules(mapper=make_mapper(name="x"))

    assert rules.apply(make_sample("job.web1.time", host="h")) == make_sample(
        "job.time", "name:x", host="h"
    )


def test_namespace_is_judged_by_the_mapped_name() -> None:
    rules = Rules(mapper=make_mapper(), namespace=Namespace("shop", ["job.time"]))

    assert rules.apply(make_sample("job.mail.time")) == make_sample("job.time")
    assert rules.apply(make_sample("job.other")) == make_sample("shop.job.other")


def test_filter_list_is_asked_for_the_prefixed_name() -> None:
    rules = Rules(namespace=Namespace("shop"), filterlist=FilterList(["shop.a", "b"]))

    assert rules.apply(make_sample("a")) is None
    assert rules.apply(make_sample("b")) is not None


def test_tags_are_filtered_by_the_prefixed_name() -> None:
    rules = Rules(
        namespace=Namespace("shop"),
        tag_filter=TagFilter([TagFilterEntry("shop.a", ["pod"])]),
    )

    assert rules.apply(make_sample("a", "pod:1", "x:1")) == make_sample("shop.a", "x:1")


def test_generated_series_is_dropped_alone() -> None:
    rules = Rules(
        filterlist=FilterList(["my.histo.max"]),
        generated_filterlist=FilterList(["my.histo.max"]),
    )

    assert not rules.keeps_series("my.histo.max")
    assert rules.keeps_series("my.histo.avg")
    assert rules.apply(make_sample("my.histo")) is not None
