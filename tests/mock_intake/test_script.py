from collections.abc import Callable
from pathlib import Path

import pytest

from statsd_trio.errors import ConfigError
from statsd_trio.mock_intake import Fault, Route, Rule, load_script
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
    ("rule", "fault", "status"),
    [
        (Rule(), Fault.ACCEPT, 503),
        (Rule(delay_seconds=1), Fault.ACCEPT, 503),
        (Rule(status=500), Fault.ANSWER, 500),
        (Rule(fault="answer"), Fault.ANSWER, 503),
        (Rule(retry_after=5), Fault.ANSWER, 503),
        (Rule(location="/a"), Fault.ANSWER, 307),
        (Rule(location="/a", status=301), Fault.ANSWER, 301),
        (Rule(fault="half_answer"), Fault.HALF_ANSWER, 202),
        (Rule(fault="half_answer", status=500), Fault.HALF_ANSWER, 500),
        (Rule(fault="endless_answer"), Fault.ENDLESS_ANSWER, 202),
        (Rule(fault=Fault.HANG, status=500), Fault.HANG, 500),
    ],
)
def test_what_is_left_out_is_chosen(rule: Rule, fault: Fault, status: int) -> None:
    assert (rule.fault, rule.choose_status()) == (fault, status)


def test_headers_are_collected() -> None:
    rule = Rule(location="/a", retry_after=5, headers={"x-a": "b"})
    assert rule.collect_headers() == {"x-a": "b", "location": "/a", "retry-after": "5"}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Rule(route="metrics"), "'metrics' is not one of series, sketches"),
        (lambda: Rule(fault="explode"), "'explode' is not one of accept, answer, hang"),
        (lambda: Rule(status=199), "'status' must be >= 200: 199"),
        (lambda: Rule(status=600), "'status' must be <= 599: 600"),
        (lambda: Rule(times=-1), "'times' must be >= 0: -1"),
        (lambda: Rule(skip=-1), "'skip' must be >= 0: -1"),
        (
            lambda: Rule(delay_seconds=float("nan")),
            "'delay_seconds' must be >= 0.0: nan",
        ),
        (lambda: Rule(after_seconds=-1), "'after_seconds' must be >= 0.0: -1"),
        (lambda: Rule(for_seconds=float("inf")), "'for_seconds' must be < inf"),
        (lambda: Rule(location="/a\r\nx: y"), "location must be printable ASCII"),
        (lambda: Rule(retry_after="ü"), "retry_after must be printable ASCII"),
        (lambda: Rule(headers={"a b": "c"}), "'a b' is not the name of a header"),
        (lambda: Rule(headers={"x": "\n"}), "value of x must be printable ASCII"),
        (lambda: Rule(headers={"Content-Length": "1"}), "Content-Length cannot be set"),
    ],
)
def test_a_rule_that_cannot_be_used_says_why(
    make: Callable[[], Rule], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ('{"status":"503"}', "status: must be a whole number, not '503'"),
        ('{"status":true}', "status: must be a whole number, not True"),
        ('{"skip":1.5}', "skip: must be a whole number, not 1.5"),
        ('{"delay_seconds":"1"}', "delay_seconds: must be a number, not '1'"),
        ('{"body":1}', "body: must be text, not 1"),
        ('{"retry_after":[]}', "retry_after must be seconds or a date, not []"),
        ('{"headers":"x"}', "headers: must be a table, not 'x'"),
        ('{"headers":{"x":1}}', "headers, 'x': must be text, not 1"),
        ('{"fault":[]}', "[] is not one of accept, answer"),
    ],
)
def test_a_value_of_another_type_is_not_taken(
    tmp_path: Path, rule: str, problem: str
) -> None:
    path = tmp_path / "outage.json"
    path.write_text(f'{{"rules":[{rule}]}}')

    with pytest.raises(ConfigError) as caught:
        load_script(path)

    (told,) = caught.value.problems
    assert told.startswith(f"{path}: rules, entry 1")
    assert problem in told


RULES = (
    Rule(route="series", status=503, retry_after=5, times=3),
    Rule(fault="hang", skip=1),
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
        fault = "hang"
        skip = 1
        """
    )
    assert load_script(path) == RULES


def test_a_json_script_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "outage.json"
    path.write_text(
        '{"rules":[{"route":"series","status":503,"retry_after":"5","times":3},'
        '{"fault":"hang","skip":1}]}'
    )
    assert load_script(path) == RULES


def test_every_rule_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    path = tmp_path / "outage.json"
    path.write_text(
        '{"rules":[{"statuz":503},{},{"colour":1},[],{"fault":"hang","times":-1}]}'
    )
    with pytest.raises(ConfigError) as caught:
        load_script(path)
    assert caught.value.problems == [
        f"{path}: rules, entry 1: unknown key 'statuz' (did you mean status?)",
        f"{path}: rules, entry 3: unknown key 'colour'",
        f"{path}: rules, entry 4: must be a table, not []",
        f"{path}: rules, entry 5: 'times' must be >= 0: -1",
    ]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.toml", b"rules = [", "Invalid value"),
        ("a.toml", b"\xff", "can't decode"),
        ("a.toml", b"", "rules: is missing"),
        ("a.toml", b"rules = []\nport = 1", "unknown key 'port'"),
        ("a.toml", b"rules = 1", "rules: must be a list, not 1"),
        ("a.json", b"{", "Expecting"),
        ("a.json", b"[]", "must be a table, not"),
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
