import pytest

from statsd_trio.sinks.datadog.origins import Origin, find_origin


@pytest.mark.parametrize(
    ("name", "tags", "origin"),
    [
        # Source: serverless-components, crates/dogstatsd/src/origin.rs, its tests.
        ("runtime.memory.used", ["function_arn:hello123"], Origin(1, 38, 474)),
        ("jvm.memory.used", ["function_arn:hello123"], Origin(1, 38, 474)),
        (
            "aws.lambda.enhanced.invocations",
            ["function_arn:hello123"],
            Origin(1, 38, 473),
        ),
        ("my.custom.metric", ["function_arn:hello123"], Origin(1, 38, 472)),
        ("gcp.run.enhanced.cold_start", ["origin:cloudrun"], Origin(1, 36, 473)),
        ("my.custom.metric", ["origin:cloudrun"], Origin(1, 36, 472)),
        ("my.custom.metric", ["origin:appservice"], Origin(1, 35, 472)),
        ("my.custom.metric", ["origin:containerapp"], Origin(1, 37, 472)),
        (
            "azure.functions.enhanced.instance",
            ["origin:azurefunction"],
            Origin(1, 71, 473),
        ),
        ("my.custom.metric", ["origin:azurefunction"], Origin(1, 71, 472)),
        ("datadog.agent.running", ["function_arn:hello123"], None),
        # All others are of the Agent's DogStatsD here, and of nobody there.
        ("unknown.metric", ["unknown:tag"], Origin(10, 10, 0)),
        ("datadog.agent.running", ["unknown:tag"], Origin(10, 10, 0)),
        ("aws.lambda.errors", [], Origin(10, 10, 0)),
    ],
)
def test_a_serverless_platform_is_found_by_tag_and_name(
    name: str, tags: list[str], origin: Origin | None
) -> None:
    assert find_origin(name, tags, None) == origin


@pytest.mark.parametrize(
    ("tags", "category"),
    [
        (["function_arn", "origin:appservice"], 38),
        (["a", "function_arn-x", "function_arn:", "origin:cloudrun"], 38),
        (["function_arn-x", "function_arn2:x", "origin:cloudrun"], 36),
        (["origin:azurefunction", "origin:containerapp", "origin:cloudrun"], 36),
        (["origin:cloudrun2", "z"], 10),
        (["dd.origin:cloudrun"], 10),
    ],
)
def test_the_first_platform_in_the_order_of_the_source_wins(
    tags: list[str], category: int
) -> None:
    origin = find_origin("a", sorted(tags), None)
    assert origin is not None
    assert origin.category == category


@pytest.mark.parametrize(
    ("name", "service"),
    [
        ("aws.lambda", 473),
        ("aws.lambda2.x", 472),
        ("aws.lambda.x.y", 473),
        ("x.aws.lambda", 472),
        ("jvm", 472),
        ("runtimes.x", 472),
    ],
)
def test_the_service_is_found_by_the_first_parts_of_the_name(
    name: str, service: int
) -> None:
    assert find_origin(name, ["origin:cloudrun"], None) == Origin(1, 36, service)


@pytest.mark.parametrize(
    ("check", "service"),
    [("kafka", 90), ("tomcat", 163), ("hivemq", 74), ("my_check", 9), ("", 9)],
)
def test_a_jmx_check_has_the_service_of_its_integration(
    check: str, service: int
) -> None:
    # Source: datadog-agent, pkg/serializer/internal/metrics/origin_mapping.go.
    assert find_origin("a", ["origin:cloudrun"], check) == Origin(10, 11, service)
