import base64
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from statsd_trio.cli import main


def run(*arguments: str, standard_input: bytes = b"") -> Result:
    return CliRunner().invoke(main, ["explain", *arguments], input=standard_input)


def test_an_accepted_line_exits_with_0() -> None:
    result = run("a:1|c")
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, "a:1|c")


def test_a_rejected_line_among_others_exits_with_1() -> None:
    result = run("a:x|c", "b:1|c")
    assert result.exit_code == 1
    assert "counter named b" in result.stdout


def test_lines_come_from_standard_input() -> None:
    result = run(standard_input=b"a:1|c\r\n\n\xff:1|c\n\r\nb:2|g")
    heads = [text.splitlines()[0] for text in result.stdout.split("\n\n")]
    assert heads == ["a:1|c\\r", "\\xff:1|c", "b:2|g"]


def test_an_argument_of_several_lines_is_several_lines() -> None:
    result = run("--json", "a:1|c\nb:1|c")
    names = [json.loads(each)["message"]["name"] for each in result.stdout.splitlines()]
    assert names == ["a", "b"]


def test_json_is_one_object_a_line() -> None:
    result = run("--json", "a:1|c|@0.5", "a:x|c")
    accepted, rejected = map(json.loads, result.stdout.splitlines())
    assert (accepted["accepted"], accepted["weight"]) == (True, 2.0)
    assert rejected["error"]["reason"] == "bad_value"
    assert result.exit_code == 1


def test_json_keeps_control_characters_and_escapes_apart() -> None:
    result = run("--json", "a\x1b:1|c", r"a\x1b:1|c")
    control, escaped = map(json.loads, result.stdout.splitlines())
    assert (control["line"], escaped["line"]) == ("a\x1b:1|c", r"a\x1b:1|c")
    assert "\x1b" not in result.stdout
    assert "line_base64" not in control


def test_json_has_the_bytes_of_a_line_that_is_not_utf8() -> None:
    result = run("--json", standard_input=b"a:1|c|#b:\xff\xfe")
    described = json.loads(result.stdout)
    assert described["line"] == "a:1|c|#b:\ufffd"
    assert base64.b64decode(described["line_base64"]) == b"a:1|c|#b:\xff\xfe"


def test_empty_line_is_said_to_be() -> None:
    result = run("")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "The line is empty; a server ignores it.\n"


def test_line_that_begins_with_a_dash_is_taken_after_two() -> None:
    refused = run("-x:1|c")
    assert refused.exit_code == 2
    assert "put -- before the first LINE" in refused.stderr
    assert "named -x" in run("--", "-x:1|c").stdout


def test_time_is_the_wall_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1000.0)
    assert "10 seconds in the future" in run("a:1|c|T1010").stdout


def test_a_line_is_read_as_the_server_of_a_configuration_reads_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "server.toml"
    path.write_text('namespace = "shop"\nmetric_filterlist = ["shop.noise*"]\n')
    result = run("--config", str(path), "a:1|c", "noise.b:1|c")
    assert "shop.a  rate 0.1" in result.stdout
    assert "becomes      nothing: its name is on the filter list" in result.stdout
    assert result.exit_code == 0  # what is filtered is not rejected


@pytest.mark.parametrize(
    ("variable", "value"),
    [("DD_METRIC_FILTERLIST", "noise"), ("STATSD_TRIO_CONFIG", "server.toml")],
)
def test_a_line_is_read_as_the_variables_say(
    variable: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "server.toml").write_text('metric_filterlist = ["noise"]\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(variable, value)
    assert "nothing: its name is on the filter list" in run("noise:1|c").stdout


def test_a_configuration_that_cannot_be_used_exits_with_2(tmp_path: Path) -> None:
    result = run("--config", str(tmp_path / "none.toml"), "a:1|c")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "none.toml" in result.stderr


def test_nothing_to_explain_is_no_error() -> None:
    assert run().exit_code == 0
