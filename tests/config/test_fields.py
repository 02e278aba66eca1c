import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from statsd_trio.config import Config, Secret
from statsd_trio.config.options import OPTIONS, SECTIONS
from statsd_trio.config.secret import mask_credentials, mask_urls

KEY = "0123456789abcdef0123456789abcdef"


def test_every_field_is_an_option_or_for_programs_alone() -> None:
    fields = {field.name for field in attrs.fields(Config)}

    assert fields - OPTIONS.keys() == {
        "sockets",
        "on_sample",
        "on_rejected",
        "on_event",
    }


def test_every_section_stands_in_one_place() -> None:
    options = [option for section in SECTIONS.values() for option in section]

    assert options == list(OPTIONS.values())


def test_default_of_an_option_is_that_of_its_field() -> None:
    # Shown in the documentation, the help and the schema; hostname's is the machine's.
    for option in OPTIONS.values():
        expected = getattr(Config(), option.name)
        assert option.default == (None if option.name == "hostname" else expected)


def test_no_two_options_share_a_name_anywhere() -> None:
    options = OPTIONS.values()
    for names in (
        [option.name for option in options],
        [option.flag for option in options],
        [variable for option in options for variable in option.environ],
        [key for option in options for key in option.keys],
    ):
        assert len(names) == len(set(names))


def test_defaults_stand_their_own_checks() -> None:
    for option in OPTIONS.values():
        option.type.check(getattr(Config(), option.name))


@pytest.mark.parametrize(
    ("name", "default"), [("buffer_size", 8192), ("queue_size", 1024)]
)
def test_zero_logs_an_error_and_takes_the_default(
    name: str, default: int, caplog: pytest.LogCaptureFixture
) -> None:
    changes: dict[str, Any] = {name: 0}
    config = Config(**changes)

    assert getattr(config, name) == default
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert record.getMessage() == f"{name} is 0; using the default, {default}"


def test_no_queue_size_is_the_default() -> None:
    assert Config(queue_size=None).queue_size == 1024


def test_string_is_not_taken_for_its_characters() -> None:
    with pytest.raises(TypeError, match="not the string 'env:prod'"):
        Config(tags="env:prod")


def test_lists_become_tuples() -> None:
    assert Config(tags=["a", "b"]).tags == ("a", "b")


def test_no_form_of_a_config_shows_a_secret() -> None:
    config = Config(
        api_key=KEY,
        dd_url=f"https://user:{KEY}@intake.example",
        additional_endpoints={f"https://user:{KEY}@more.example": [KEY]},
        proxy=f"http://user:{KEY}@proxy.example:3128",
    )

    for shown in (repr(config), f"{config}", str(attrs.asdict(config))):
        assert KEY not in shown
        for place in ("intake.example", "more.example", "proxy.example:3128"):
            assert place in shown


def test_secret_is_revealed_on_demand() -> None:
    config = Config(api_key=KEY)

    assert config.api_key == Secret(KEY)
    assert isinstance(config.api_key, Secret)
    assert config.api_key.reveal() == KEY


def test_key_may_be_something_that_fetches_it() -> None:
    async def fetch() -> str:
        await trio.lowlevel.checkpoint()
        return KEY

    assert Config(api_key=fetch).api_key is fetch


def test_spool_with_a_size_alone_is_in_the_state_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    spooling = Config(spool_max_bytes=1)

    assert Config().spool_path is None
    assert spooling.spool_path is not None
    assert Path(spooling.spool_path).name == "statsd-trio"
    if sys.platform == "linux":
        assert Path(spooling.spool_path) == tmp_path / "statsd-trio"


def test_state_folder_that_systemd_made_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/private/a:/var/lib/b")

    assert Config(spool_max_bytes=1).spool_path == "/var/lib/private/a"
    assert Config(spool_max_bytes=1, spool_path="/x").spool_path == "/x"


def test_short_secret_gives_nothing_away() -> None:
    assert str(Secret("hunter2")) == "***"
    assert str(Secret(KEY)) == "***cdef"


def test_secrets_compare_by_what_they_hide() -> None:
    assert Secret(KEY) == Secret(KEY)
    assert hash(Secret(KEY)) == hash(Secret(KEY))
    assert Secret(KEY) != Secret("other")
    assert Secret(KEY) != KEY


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("http://user:pass@host:1", "http://***@host:1"),
        ("http://host:1", "http://host:1"),
        ("user:p@ss@host", "***@host"),
        ("https://user:p//a/ss@host", "https://***@host"),
        ("user:pass//word@host", "***@host"),
        ("https://host/api?api_key=k&b=1", "https://host/api?***"),
        ("https://u:p@host?", "https://***@host?"),
    ],
)
def test_credentials_of_a_url_are_masked(url: str, masked: str) -> None:
    assert mask_credentials(url) == masked


def test_credentials_are_masked_wherever_a_url_stands_in_a_text() -> None:
    text = "['http://user:p@ss@host:1', 'https://host', 'mail@host', http://h/?k=1 ?]"

    masked = "['http://***@host:1', 'https://host', 'mail@host', http://h/?*** ?]"
    assert mask_urls(text) == masked


def test_a_config_needs_no_yaml_and_no_cattrs() -> None:
    code = (
        "import sys; from statsd_trio.config import Config; Config();"
        "print(sys.modules.keys() & {'yaml', 'cattrs', 'platformdirs'})"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "set()"


def test_a_blank_key_is_none() -> None:
    config = Config(api_key=" ", additional_endpoints={"http://x": ["", " ", "k"]})

    assert config.api_key is None
    assert config.additional_endpoints == {Secret("http://x"): (Secret("k"),)}
