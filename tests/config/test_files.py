from pathlib import Path

import pytest
import yaml

from statsd_trio.config.files import MAX_FILE_BYTES, read_file
from statsd_trio.errors import ConfigError

# Nine levels of nine: a billion values in a few hundred bytes.
BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)
)


def refuse(path: Path) -> str:
    with pytest.raises(ConfigError) as refused:
        read_file(path)
    [problem] = refused.value.problems
    assert problem.startswith(f"{path}: ")
    assert "\n" not in problem
    return problem


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("s.toml", "port = 1\n"),
        ("s.yaml", "port: 1\n"),
        ("s.YML", "{port: 1}"),
        ("s.toml", "\ufeffport = 1\n"),
    ],
)
def test_reads_a_table(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")

    assert read_file(path) == {"port": 1}


@pytest.mark.parametrize("text", ["", "# nothing set\n"])
def test_file_of_comments_is_empty(tmp_path: Path, text: str) -> None:
    path = tmp_path / "datadog.yaml"
    path.write_text(text)

    assert read_file(path) == {}


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.toml", "port = \n", "line 1"),
        ("a.toml", "x = " + "[" * 100_000, "nested too deeply"),
        ("a.yaml", "a: [1\nb: 2\n", "line 2, column 2"),
        ("a.yaml", "a: !!python/object:os.system x\n", "line 1"),
        ("a.yaml", "[1, 2]", "is not a table"),
        ("a.yaml", "just words", "is not a table"),
        ("a.yaml", BOMB, "an alias is not supported (line 2, column 10)"),
        ("a.yaml", "a: " + "[" * 60, "nested too deeply (line 1, column"),
        ("a.yaml", "a: {" * 60, "nested too deeply (line 1, column"),
        # PyYAML 6.0.4 gives up on so many before our own bound, in words of its own.
        ("a.yaml", "a: " + "[" * 100_000, "(line 1, column"),
        ("a.yaml", "a: \x07", "characters that YAML does not allow"),
        ("a.yaml", "a: 2001-99-99", "month"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_refuses_what_it_cannot_understand(
    tmp_path: Path, name: str, text: str, words: str
) -> None:
    path = tmp_path / name
    path.write_text(text)

    assert words in refuse(path)


def test_problem_of_a_file_shows_none_of_its_text(tmp_path: Path) -> None:
    path = tmp_path / "datadog.yaml"
    path.write_text("api_key: 0123456789abcdef: x\n")

    assert "0123456789abcdef" not in refuse(path)


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"port = 1\x00"])
def test_refuses_what_is_no_text(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(data)

    assert "is not " in refuse(path)


def test_refuses_a_file_that_is_too_long(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(b"#" * (MAX_FILE_BYTES + 1))

    assert "is longer than" in refuse(path)


def test_refuses_a_folder(tmp_path: Path) -> None:
    assert "cannot be read" in refuse(tmp_path)


def test_refuses_a_path_that_cannot_be(tmp_path: Path) -> None:
    assert "cannot be read" in refuse(tmp_path / "a\0b")


@pytest.mark.skipif(not yaml.__with_libyaml__, reason="needs libyaml")
def test_yaml_is_read_by_its_parser_in_c(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The one in Python takes a hundred times as long for an Agent's file of comments.
    monkeypatch.setattr("yaml.SafeLoader", None)
    path = tmp_path / "datadog.yaml"
    path.write_text("# @param something - a word about it\n" * 8000 + "a: 1\n")

    assert read_file(path) == {"a": 1}
