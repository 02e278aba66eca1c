"""Find the origin of a series or sketch: the product that made the metric.

There are three kinds. What a JMX check sent has the check's origin, as the Agent writes
it. What a tag shows to come from a serverless platform has the origin that Datadog's
serverless components write. Everything else has the origin of the Agent's DogStatsD.

Sources: datadog-agent, pkg/metrics/metricsource.go and
pkg/serializer/internal/metrics/origin_mapping.go (product 10); serverless-components,
crates/dogstatsd/src/origin.rs, commit 14ba9bb (product 1).
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final, NamedTuple


class Origin(NamedTuple):
    """Where a metric was made, in Datadog's numbers."""

    product: int
    category: int
    service: int


_DOGSTATSD: Final = Origin(10, 10, 0)

_AGENT: Final = 10
_INTEGRATIONS: Final = 11
_JMX_SERVICES: Final = {
    "activemq": 12,
    "cassandra": 28,
    "confluent_platform": 40,
    "hazelcast": 70,
    "hive": 73,
    "hivemq": 74,
    "hudi": 76,
    "ignite": 83,
    "jboss_wildfly": 87,
    "kafka": 90,
    "presto": 130,
    "solr": 147,
    "sonarqube": 148,
    "tomcat": 163,
    "weblogic": 172,
}
_OTHER_JMX_SERVICE: Final = 9

_SERVERLESS: Final = 1
_LAMBDA: Final = 38
_LAMBDA_TAG: Final = "function_arn"
_LAMBDA_PREFIX: Final = f"{_LAMBDA_TAG}:"
# If several match, the first one counts.
_PLATFORMS: Final = {
    _LAMBDA_TAG: _LAMBDA,
    "origin:appservice": 35,
    "origin:cloudrun": 36,
    "origin:containerapp": 37,
    "origin:azurefunction": 71,
}
_PLATFORM_TAGS: Final = frozenset(_PLATFORMS)
_RUNTIME_NAMES: Final = ("jvm.", "runtime.")
_ENHANCED_NAMES: Final = frozenset({"aws.lambda", "gcp.run", "azure.functions"})
_CUSTOM_SERVICE: Final = 472
_ENHANCED_SERVICE: Final = 473
_RUNTIME_SERVICE: Final = 474
_DATADOG_NAMES: Final = "datadog."


def find_origin(
    name: str, tags: Sequence[str], jmx_check_name: str | None
) -> Origin | None:
    """Return the origin of a metric; None if it has none.

    Args:
        name: the name of the metric.
        tags: sorted tags.
        jmx_check_name: None if it was not sent by a JMX check.
    """
    if jmx_check_name is not None:
        service = _JMX_SERVICES.get(jmx_check_name, _OTHER_JMX_SERVICE)
        return Origin(_AGENT, _INTEGRATIONS, service)
    category = _find_platform(tags)
    if category is None:
        return _DOGSTATSD
    if name.startswith(_DATADOG_NAMES):
        return None
    return Origin(_SERVERLESS, category, _find_service(name))


def _find_platform(tags: Sequence[str]) -> int | None:
    # The tags are sorted, so a tag with this key can only be here.
    position = bisect_left(tags, _LAMBDA_PREFIX)
    if position < len(tags) and tags[position].startswith(_LAMBDA_PREFIX):
        return _LAMBDA
    # Nearly all metrics come from no such platform, and need only this one call.
    if _PLATFORM_TAGS.isdisjoint(tags):
        return None
    return next(category for tag, category in _PLATFORMS.items() if tag in tags)


def _find_service(name: str) -> int:
    if name.startswith(_RUNTIME_NAMES):
        return _RUNTIME_SERVICE
    if ".".join(name.split(".", 2)[:2]) in _ENHANCED_NAMES:
        return _ENHANCED_SERVICE
    return _CUSTOM_SERVICE
