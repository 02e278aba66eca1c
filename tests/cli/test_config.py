import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from statsd_trio.cli import main
from statsd_trio.config.options import OPTIONS, SECTIONS

KEY = "0123456789abcdef0123456789abcdef"


def run(*arguments: str, **environ: str | None) -> Result:
    return CliRunner().invoke(
        main, ["config", *arguments], env={"DD_API_KEY": KEY, **environ}
    )


def test_show_tells_what_was_set_and_by_what() -> None:
    done = run("show", "--sink", "console", DD_DOGSTATSD_PORT="9125")

    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "port     9125     DD_DOGSTATSD_PORT",
        "sinks    console  --sink",
        "api_key  ***cdef  DD_API_KEY",
        f"{len(OPTIONS) - 3} more fields at their default; --all shows them.",
    ]


def test_check_warns_of_rules_that_have_no_effect() -> None:
    done = run("check", DD_METRIC_FILTERLIST="shop.* 123")

    assert done.exit_code == 0
    assert done.stderr.startswith("Warning: metric_filterlist: ignored '123'")


def test_show_survives_an_output_that_lacks_a_character() -> None:
    words = ["config", "show", "--sink", "none", "--tags", "señor:\N{SNOWMAN}"]
    done = CliRunner(charset="latin-1").invoke(main, words)

    assert done.exit_code == 0
    assert "señor:\\u2603" in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="pipes are POSIX's")
@pytest.mark.parametrize("words", ["show --sink none --all", "schema"])
def test_reader_that_left_is_no_traceback(words: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "statsd_trio", "config", *words.split()]
    done = subprocess.run(
        command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)

    assert done.stderr == ""


def test_show_all_tells_the_defaults_too() -> None:
    lines = run("show", "--all").stdout.splitlines()

    assert len(lines) == len(OPTIONS)
    assert lines[0].split() == ["use_dogstatsd", "true", "default"]


def test_show_as_json_has_every_field() -> None:
    shown = json.loads(run("show", "--json", "--port", "80").stdout)

    assert list(shown) == list(OPTIONS)
    assert shown["port"] == {"value": 80, "source": "--port"}
    assert shown["api_key"] == {"value": "***cdef", "source": "DD_API_KEY"}


def test_show_of_a_fresh_machine_needs_no_key() -> None:
    done = run("show", DD_API_KEY=None)

    assert done.exit_code == 0
    assert (
        done.stdout
        == f"{len(OPTIONS)} more fields at their default; --all shows them.\n"
    )
    [problem] = done.stderr.splitlines()
    assert problem.startswith("Error: no API key")


@pytest.mark.parametrize("arguments", [[], ["--json"]], ids=repr)
def test_show_shows_what_it_can_read_of_a_file_that_nobody_can(
    arguments: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "s.toml"
    path.write_text("port = \n")

    done = run(
        "show",
        *arguments,
        "--config",
        str(path),
        DD_API_KEY=None,
        DD_DOGSTATSD_PORT="9125",
    )

    assert done.exit_code == 2
    assert "9125" in done.stdout
    # What the file says of the key is not known, so nothing is missed in it.
    [problem] = done.stderr.splitlines()
    assert problem.startswith(f"Error: {path}: ")


def test_show_warns_of_what_has_no_effect(tmp_path: Path) -> None:
    path = tmp_path / "datadog.yaml"
    path.write_text("statsd_forward_host: other\n")

    done = run("show", "--config", str(path))

    assert done.exit_code == 0
    assert "Warning: " in done.stderr


def test_show_writes_out_what_would_steer_a_terminal() -> None:
    done = run("show", "--socket-path", "/x\x1b[2J")

    assert r"/x\x1b[2J" in done.stdout


def test_show_leaves_out_what_cannot_be_read_and_says_why() -> None:
    done = run("show", "--port", "x", "--tcp-port", "y", "--queue-size", "7")

    assert done.exit_code == 2
    assert done.stdout.splitlines() == [
        "queue_size  7        --queue-size",
        "api_key     ***cdef  DD_API_KEY",
        f"{len(OPTIONS) - 4} more fields at their default; --all shows them.",
    ]
    assert done.stderr.splitlines() == [
        "Error: --port=x: not a port",
        "Error: --tcp-port=y: not a port",
    ]


@pytest.mark.parametrize("variable", ["DD_DD_URL", "DD_PROXY_HTTPS"])
@pytest.mark.parametrize("arguments", [["show"], ["show", "--json"]], ids=repr)
def test_show_masks_the_credentials_of_a_url(
    variable: str, arguments: list[str]
) -> None:
    done = run(*arguments, **{variable: "https://user:hunter2@engine.example"})

    assert done.exit_code == 0
    assert "https://***@engine.example" in done.stdout
    assert "hunter2" not in done.output


@pytest.mark.parametrize("command", ["show", "check"])
def test_refusal_masks_the_credentials_of_a_url(command: str) -> None:
    done = run(command, DD_DD_URL="ftp://user:hunter2@engine.example")

    assert done.exit_code == 2
    assert "DD_DD_URL=ftp://***@engine.example: not a URL" in done.stderr
    assert "hunter2" not in done.output


def test_check_of_a_good_configuration() -> None:
    done = run("check")

    assert done.exit_code == 0
    assert done.stdout == "The configuration can be used.\n"


def test_check_warns_of_what_has_no_effect(tmp_path: Path) -> None:
    path = tmp_path / "datadog.yaml"
    path.write_text("statsd_forward_host: other\n")

    done = run("check", "--config", str(path))

    assert done.exit_code == 0
    assert done.stderr == (
        f"Warning: {path}: statsd_forward_host: nothing is forwarded without"
        " statsd_forward_port\n"
    )


def test_check_of_a_bad_one_exits_with_2() -> None:
    done = run("check", DD_API_KEY=None)

    assert done.exit_code == 2
    assert "DD_API_KEY" in done.stderr
    assert done.stdout == ""


def test_check_says_that_the_engine_is_not_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("statsd_trio.engine.choose.find_native", lambda: None)
    done = run("check", "--sink", "none", "--engine", "native")

    assert done.exit_code == 2
    assert "--engine: the native engine is not installed. Install Rust" in done.stderr


def test_check_tries_the_files_and_leaves_nothing_behind(tmp_path: Path) -> None:
    plain, missing = tmp_path / "plain", tmp_path / "nope"
    plain.touch()

    good = run(
        "check",
        *("--sink", "datadog,jsonl", "--jsonl-path", f"{tmp_path}/points"),
        *("--spool-path", f"{missing}/spool", "--spool-max-bytes", "9MB"),
    )
    bad = run(
        "check",
        *("--sink", "datadog,jsonl", "--jsonl-path", f"{missing}/points"),
        *("--ca-file", f"{missing}.pem"),
        *("--spool-path", f"{plain}/spool", "--spool-max-bytes", "9MB"),
    )

    assert good.exit_code == 0
    assert list(tmp_path.iterdir()) == [plain]
    assert bad.exit_code == 2
    jsonl_path, ca_file, spool_path = bad.stderr.splitlines()
    assert jsonl_path == (
        f"Error: --jsonl-path: could not write to {missing}/points:"
        " No such file or directory. Check jsonl_path."
    )
    assert ca_file == (
        f"Error: --ca-file: could not read the CA file {missing}.pem:"
        " No such file or directory. Check ca_file."
    )
    assert spool_path == (
        f"Error: --spool-path: could not write to the spool folder {plain}/spool:"
        " Not a directory. Check spool_path."
    )


def test_check_tries_the_files_of_otlp(tmp_path: Path) -> None:
    plain, missing = tmp_path / "plain", tmp_path / "nope.pem"
    plain.touch()

    bad = run(
        "check",
        *("--sink", "otlp", "--otlp-ca-file", str(missing)),
        *("--spool-path", f"{plain}/spool", "--spool-max-bytes", "9MB"),
    )

    assert bad.exit_code == 2
    otlp_ca_file, spool_path = bad.stderr.splitlines()
    assert otlp_ca_file == (
        f"Error: --otlp-ca-file: could not read the CA file {missing}:"
        " No such file or directory."
        " Check otlp_ca_file (OTEL_EXPORTER_OTLP_CERTIFICATE)."
    )
    assert spool_path.startswith("Error: --spool-path: could not write to the spool")


def test_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text('counter_type = "count"\n')

    done = run("show", "--config", str(path))

    assert f"counter_type  count    {path}: counter_type" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["--sink", "console", "--sink", "jsonl"],
        ["--sink", "console,jsonl"],
        ["--sink", '["console", "jsonl"]'],
    ],
    ids=repr,
)
def test_list_may_be_repeated_or_joined(arguments: list[str]) -> None:
    shown = json.loads(run("show", "--json", *arguments).stdout)

    assert shown["sinks"]["value"] == ["console", "jsonl"]


def test_none_and_another_sink_are_told_that_none_stands_alone() -> None:
    done = run("check", "--sink", "none", "--sink", "console")

    assert done.exit_code == 2
    assert done.stderr == (
        "Error: --sink=none,console: none cannot be combined with others; remove it,"
        " or the others\n"
    )


def test_bad_item_of_a_repeated_flag_is_refused() -> None:
    done = run("check", "--tags", "a", "--tags", "[1")

    assert done.exit_code == 2
    assert done.stderr.startswith("Error: --tags=[1: not JSON")


def test_fact_is_a_pair_of_flags() -> None:
    shown = json.loads(
        run("show", "--json", "--no-self-metrics", "--non-local-traffic").stdout
    )

    assert shown["self_metrics"]["value"] is False
    assert shown["non_local_traffic"]["value"] is True


def test_schema_is_json() -> None:
    assert json.loads(run("schema").stdout)["title"] == "statsd-trio"


def test_help_has_a_section_a_group_and_a_flag_a_field() -> None:
    text = CliRunner().invoke(main, ["serve", "--help"]).stdout

    for title in SECTIONS:
        assert f"\n{title}:\n" in text
    for option in OPTIONS.values():
        assert f"--{option.flag}" in text
    assert "Example: " in text
