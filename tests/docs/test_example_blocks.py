"""The blocks of the documentation's pages, as the session docs_examples sees them."""

import pytest

from docs.example_blocks import Block, find_blocks, matches, parse, split_console


def test_a_block_has_its_language_line_and_code() -> None:
    page = "# Title\n\n```python\nprint(1)\n```\n"
    assert list(find_blocks(page)) == [Block(4, "python", "print(1)\n", "", "")]


def test_a_comment_in_front_of_a_block_belongs_to_it() -> None:
    page = "<!-- exits with: 2 -->\n```sh\nfalse\n```\n"
    assert list(find_blocks(page)) == [Block(3, "sh", "false\n", "exits with", "2")]


def test_a_comment_with_text_in_between_does_not() -> None:
    page = "<!-- not run: why -->\n\nText.\n\n```sh\ntrue\n```\n"
    assert [block.word for block in find_blocks(page)] == [""]


def test_an_unknown_comment_asks_for_nothing() -> None:
    page = "<!-- Options end. -->\n```sh\ntrue\n```\n"
    assert [block.word for block in find_blocks(page)] == [""]


def test_a_stop_stands_alone() -> None:
    page = "<!-- stop -->\n<!-- background: up -->\n```sh\ntrue\n```\n"
    assert [(block.word, block.value) for block in find_blocks(page)] == [
        ("stop", ""),
        ("background", "up"),
    ]


def test_a_longer_fence_holds_a_shorter_one() -> None:
    page = "````text\n```sh\nfalse\n```\n````\n"
    assert [block.language for block in find_blocks(page)] == ["text"]


def test_a_console_block_has_commands_and_what_they_print() -> None:
    commands = split_console("$ echo 1\n1\n$ echo \\\n    2\n2\n$ true\n")
    assert commands == [
        ("echo 1\n", "1\n"),
        ("echo \\\n    2\n", "2\n"),
        ("true\n", ""),
    ]


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("one\n", "one  \n\n"),
        ("a ... z", "a b\nc z"),
        ("at 10:00:00", "at 23:59:01"),
        ("at 2026-11-26T10:00:00Z", "at 2027-01-02T03:04:05Z"),
        ("at 1700000000", "at 1812345678"),
        ("name    1", "name  1"),
    ],
)
def test_what_may_differ_matches(shown: str, printed: str) -> None:
    assert matches(shown, printed)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("one", "two"),
        ("one", "one\ntwo"),
        ("at 10:00:00", "at noon"),
        ("  ^", "   ^"),
        ("name    1", "name 1"),
    ],
)
def test_what_must_not_differ_does_not_match(shown: str, printed: str) -> None:
    assert not matches(shown, printed)


def test_a_part_matches_within_what_was_printed() -> None:
    assert matches("two", "one\ntwo\nthree", is_part=True)


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("python", "await serve(config)"),
        ("yaml", "a: [1, 2]\n---\nb: 3"),
        ("json", '{"a": 1}'),
        ("toml", "a = 1"),
        ("ini", "[Socket]\nListenDatagram=1\nListenDatagram=2"),
        ("text", "anything ("),
    ],
)
def test_a_good_block_is_parsed(language: str, code: str) -> None:
    parse(Block(1, language, code, "", ""))


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("python", "def f(:"),
        ("yaml", "a: [1, 2"),
        ("json", "{"),
        ("toml", "a ="),
        ("ini", "ListenDatagram=1"),
    ],
)
def test_a_bad_block_is_refused(language: str, code: str) -> None:
    with pytest.raises((ValueError, SyntaxError)):
        parse(Block(1, language, code, "", ""))
