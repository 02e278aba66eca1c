import pytest

from statsd_trio.rules.namespace import Namespace


@pytest.mark.parametrize("prefix", ["shop", "shop."])
def test_prefix_ends_in_one_dot(prefix: str) -> None:
    assert Namespace(prefix).prepend("page.views") == "shop.page.views"


def test_no_prefix_changes_nothing() -> None:
    assert Namespace("", ["a"]).prepend("page.views") == "page.views"


def test_excluded_starts_stay_as_they_are() -> None:
    namespace = Namespace("shop", ["jvm", "datadog.agent"])

    assert namespace.prepend("jvm.heap") == "jvm.heap"
    assert namespace.prepend("jvmlike") == "jvmlike"
    assert namespace.prepend("datadog.other") == "shop.datadog.other"


def test_empty_exclusion_excludes_nothing() -> None:
    assert Namespace("shop", [""]).prepend("page.views") == "shop.page.views"
