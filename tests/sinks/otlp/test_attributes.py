import pytest

from statsd_trio.sinks.otlp.attributes import complete_resource, read_labels


def read(*tags: str, host: str = "") -> dict[str, object]:
    labels = read_labels(tags, host)
    return {
        one.key: getattr(one.value, str(one.value.WhichOneof("value")))
        for one in labels.attributes
    }


def test_a_tag_is_an_attribute() -> None:
    assert read("color:red", "url:http://x/y") == {
        "color": "red",
        "url": "http://x/y",
    }


def test_a_tag_without_a_value_is_true() -> None:
    assert read("canary") == {"canary": True}


def test_an_empty_value_stays_empty() -> None:
    assert read("color:") == {"color": ""}


def test_a_tag_without_a_key_is_all_of_it_the_key() -> None:
    assert read(":red", ":") == {":red": True, ":": True}


def test_tags_that_share_a_key_are_joined_and_counted() -> None:
    assert read("a:1", "a:2", "b:1") == {"a": "1,2", "b": "1"}
    assert read("a", "a:1") == {"a": "true,1"}
    assert read_labels(("a", "a:1", "a:2", "b:1"), "").joined == 2


def test_what_describes_the_resource_leaves_the_attributes() -> None:
    labels = read_labels(("a:1", "env:prod", "service:web", "version:3"), "web-1")
    assert dict(labels.resource) == {
        "host.name": "web-1",
        "service.name": "web",
        "deployment.environment.name": "prod",
        "service.version": "3",
    }
    assert [one.key for one in labels.attributes] == ["a"]


@pytest.mark.parametrize("tags", [("env:a", "env:b"), ("env",), ("env:",)])
def test_what_does_not_name_one_environment_stays_an_attribute(
    tags: tuple[str, ...],
) -> None:
    labels = read_labels(tags, "")
    assert labels.resource == ()
    assert [one.key for one in labels.attributes] == ["env"]


def test_devices_and_resources_are_attributes() -> None:
    labels = read_labels(("a:1",), "", [("device", "sda"), ("pod", "x")])
    assert [one.key for one in labels.attributes] == ["a", "device", "pod"]


def test_a_service_always_has_a_name_and_a_host_an_instance() -> None:
    assert complete_resource((), {}) == {"service.name": "unknown_service:statsd-trio"}
    complete = complete_resource((("host.name", "a"),), {"service.name": "web"})
    assert complete == {
        "service.name": "web",
        "host.name": "a",
        "service.instance.id": "a",
    }


def test_tags_go_before_the_defaults() -> None:
    defaults = {"service.name": "web", "service.instance.id": "7"}
    complete = complete_resource(
        (("host.name", "a"), ("service.name", "api")), defaults
    )
    assert complete["service.name"] == "api"
    assert complete["service.instance.id"] == "7"


def test_a_lone_surrogate_is_refused() -> None:
    for tag in ("a:\ud800", "env:\ud800"):
        with pytest.raises(UnicodeEncodeError):
            read_labels((tag,), "")
