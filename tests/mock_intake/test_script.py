from pathlib import Path
from typing import Any

import pytest

from statsd_trio.errors import ConfigError
from statsd_trio.mock_intake import Act, Route, Rule, load_script
from statsd_trio.mock_intake.script import Script


def play(
    *rules: Rule, routes: str = "series series series series", step_seconds: float = 0.0
) -> list[int]:
    """Tell which rule took each request, by its place from 1; 0 for none."""
    script = Script(rules, now=100.0)
    taken = [
        script.take_rule(Route(route), 100.0 + place * step_seconds)
        for place, route in enumerate(routes.split())
    ]
    return [0 if rule is None else rules.index(rule) + 1 for rule in taken]


def test_a_rule_takes_every_request() -> None:
    assert play(Rule(status=503)) == [1, 1, 1, 1]


def test_a_rule_with_times_is_used_up() -> None:
    assert play(Rule(status=503, times=2)) == [1, 1, 0, 0]


def test_a_rule_used_up_leaves_the_rest_to_the_next() -> None:
    assert play(Rule(status=500, times=1), Rule(status=503)) == [1, 2, 2, 2]


def test_a_rule_skips_requests_first() -> None:
    assert play(Rule(status=503, skip=2, times=1)) == [0, 0, 1, 0]


def test_a_rule_takes_its_route_alone() -> None:
    rule = Rule(route="sketches", status=503)
    assert play(rule, routes="series sketches events") == [0, 1, 0]


def test_a_rule_without_a_route_takes_an_unknown_one() -> None:
    rule = Rule(status=503)
    assert Script([rule], now=0.0).take_rule(None, 0.0) is rule


def test_a_rule_with_a_route_leaves_an_unknown_one() -> None:
    assert Script([Rule(route="series")], now=0.0).take_rule(None, 0.0) is None


def test_a_rule_lasts_for_its_seconds() -> None:
    rule = Rule(status=503, after_seconds=10, for_seconds=20)
    assert play(rule, step_seconds=10) == [0, 1, 1, 0]


def test_what_a_rule_leaves_by_time_does_not_use_it_up() -> None:
    rule = Rule(status=503, after_seconds=10, times=2)
    assert play(rule, step_seconds=10) == [0, 1, 1, 0]


@pytest.mark.parametrize(
    ("rule", "act", "status"),
    [
        (Rule(), Act.ACCEPT, 503),
        (Rule(delay_seconds=1), Act.ACCEPT, 503),
        (Rule(status=500), Act.ANSWER, 500),
        (Rule(act="answer"), Act.ANSWER, 503),
        (Rule(retry_after=5), Act.ANSWER, 503),
        (Rule(location="/a"), Act.ANSWER, 307),
        (Rule(location="/a", status=301), Act.ANSWER, 301),
        (Rule(act="half_answer"), Act.HALF_ANSWER, 202),
        (Rule(act="half_answer", status=500), Act.HALF_ANSWER, 500),
        (Rule(act="endless_answer"), Act.ENDLESS_ANSWER, 202),
        (Rule(act=Act.HANG, status=500), Act.HANG, 500),
    ],
)
def test_what_is_left_out_is_chosen(rule: Rule, act: Act, status: int) -> None:
    assert (rule.act, rule.choose_status()) == (act, status)


def test_headers_are_collected() -> None:
    rule = Rule(location="/a", retry_after=5, headers={"x-a": "b"})
    assert rule.collect_headers() == {"x-a": "b", "location": "/a", "retry-after": "5"}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"route": "metrics"}, "'metrics' is not one of series, sketches, events"),
        ({"act": "explode"}, "'explode' is not one of accept, answer, hang"),
        ({"act": []}, "is not one of"),
        ({"status": 199}, "status must be a status from 200 to 599, not 199"),
        ({"status": 600}, "status must be"),
        ({"status": "503"}, "status must be"),
        ({"status": True}, "status must be"),
        ({"times": -1}, "times must be a whole number, 0 or more, not -1"),
        ({"skip": 1.5}, "skip must be"),
        ({"delay_seconds": "1"}, "delay_seconds must be a number of seconds"),
        ({"delay_seconds": float("nan")}, "delay_seconds must be"),
        ({"after_seconds": -1}, "after_seconds must be"),
        ({"for_seconds": float("inf")}, "for_seconds must be"),
        ({"body": 1}, "body must be a string"),
        ({"location": "/a\r\nx: y"}, "location must be printable ASCII"),
        ({"retry_after": "ü"}, "retry_after must be printable ASCII"),
        ({"headers": "x"}, "headers must be a table of strings"),
        ({"headers": {"a b": "c"}}, "'a b' is not the name of a header"),
        ({"headers": {1: "c"}}, "1 is not the name of a header"),
        ({"headers": {"x": 1}}, "headers must be printable ASCII"),
        ({"headers": {"Content-Length": "1"}}, "Content-Length cannot be set"),
    ],
    ids=str,
)
def test_a_rule_that_cannot_be_used_names_its_field(
    fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Rule(**fields)


RULES = (
    Rule(route="series", status=503, retry_after=5, times=3),
    Rule(act="hang", skip=1),
)


def test_a_toml_script_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "outage.toml"
    path.write_text(
        """
        [[rules]]
        route = "series"
        status = 503
        retry_after = 5
        times = 3

        [[rules]]
        route = "*"
        act = "hang"
        skip = 1
        """
    )
    assert load_script(path) == RULES


def test_a_json_script_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "outage.json"
    path.write_text(
        '{"rules":[{"route":"series","status":503,"retry_after":"5","times":3},'
        '{"act":"hang","skip":1}]}'
    )
    assert load_script(path) == RULES


def test_every_rule_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    path = tmp_path / "outage.json"
    path.write_text(
        '{"rules":[{"statuz":503},{},{"colour":1},[],{"act":"hang","times":-1}]}'
    )
    with pytest.raises(ConfigError) as caught:
        load_script(path)
    assert caught.value.problems == [
        f"{path}: rule 1: there is no statuz; did you mean status?",
        f"{path}: rule 3: there is no colour",
        f"{path}: rule 4: [] is not a table",
        f"{path}: rule 5: times must be a whole number, 0 or more, not -1",
    ]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.toml", b"rules = [", "Invalid value"),
        ("a.toml", b"\xff", "can't decode"),
        ("a.toml", b"", "a script holds a list, rules, and no more"),
        ("a.toml", b"rules = []\nport = 1", "a script holds a list, rules"),
        ("a.toml", b"rules = 1", "rules must be a list of tables"),
        ("a.json", b"{", "Expecting"),
        ("a.json", b"[]", "a script holds a list, rules"),
    ],
)
def test_a_file_that_is_no_script_is_one_problem(
    tmp_path: Path, name: str, content: bytes, problem: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=problem) as caught:
        load_script(path)
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith(f"{path}: ")


def test_a_script_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_script(tmp_path / "none.toml")
