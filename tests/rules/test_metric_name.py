import re

import pytest
from hypothesis import given, strategies as st

from statsd_trio.rules.metric_name import MAX_BYTES, normalize_name, normalize_prefix


# Source: datadog-agent, pkg/util/metricname/normalize_test.go.
@pytest.mark.parametrize(
    ("name", "stored"),
    [
        (
            "test*&(*._-_Metrictastic*(*)(  wut_who_doesthis??",
            "test.Metrictastic_wut_who_doesthis",
        ),
        ("?does.this.work?", "does.this.work"),
        ("5-2 arsenal over spurs", "arsenal_over_spurs"),
        (
            "dd.crawler.amazon web services.run_time",
            "dd.crawler.amazon_web_services.run_time",
        ),
        ("multiple-norm-1", "multiple_norm_1"),
        ("a$.b", "a.b"),
        ("a_.b", "a.b"),
        ("__init__.metric", "init.metric"),
        ("a___..b", "a..b"),
        ("a_.", "a."),
        ("a._b", "a.b"),
        ("a__b", "a_b"),
        ("a_b", "a_b"),
        ("a_", "a"),
        ("a_._b", "a.b"),
        ("n_o_i_n_d_e_x.pct_aggr.1234", "n_o_i_n_d_e_x.pct_aggr.1234"),
        ("MyMetric.Count", "MyMetric.Count"),
        ("1app.requests", "app.requests"),
        ("...foo", "foo"),
        ("foo...bar", "foo...bar"),
        ("foo.bar.", "foo.bar."),
        ("my metric  name", "my_metric_name"),
        ("host.cpu%util", "host.cpu_util"),
        ("caf\u00e9.requests", "caf.requests"),
        ("\U0001f363.metric", "metric"),
        ("a" * MAX_BYTES, "a" * MAX_BYTES),
    ],
)
def test_a_name_is_stored_as_datadog_stores_it(name: str, stored: str) -> None:
    assert normalize_name(name) == stored
    assert normalize_name(stored) == stored


@pytest.mark.parametrize(
    "name", ["", "_", "...", "123", "\U0001f363", "a" * (MAX_BYTES + 1), "a-" * 200]
)
def test_a_name_that_datadog_refuses_is_none(name: str) -> None:
    assert normalize_name(name) is None


@pytest.mark.parametrize(
    ("prefix", "stored"),
    [("service_", "service_"), ("service-", "service_"), ("a._", "a."), ("1a", "a")],
)
def test_a_start_of_names_keeps_its_end(prefix: str, stored: str) -> None:
    assert normalize_prefix(prefix) == stored


def normalize_by_bytes(name: str) -> str | None:
    """Follow the rules one by one, byte by byte."""
    raw = name.encode()
    letter = re.search(rb"[a-zA-Z]", raw)
    if letter is None or len(raw) > MAX_BYTES:
        return None
    stored = bytearray()
    for byte in raw[letter.start() :]:
        if chr(byte).isalnum() and byte < 128:
            stored.append(byte)
        elif byte == ord("."):
            if stored.endswith(b"_"):
                stored.pop()
            stored.append(byte)
        elif not stored.endswith((b".", b"_")):
            stored += b"_"
    return stored.removesuffix(b"_").decode()


@given(st.text("aZ9._- \u00e9", max_size=12) | st.text(max_size=12))
def test_the_rules_hold_for_any_name(name: str) -> None:
    assert normalize_name(name) == normalize_by_bytes(name)
