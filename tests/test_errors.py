import errno

import pytest

from statsd_trio.errors import describe_os_error, explain_os_error


@pytest.mark.parametrize(
    ("error", "described"),
    [
        (FileNotFoundError(errno.ENOENT, "No such file", "/x"), "/x: No such file"),
        (OSError(errno.EIO, "broken"), "broken"),
        (OSError(errno.EIO, "/x is broken", "/x"), "/x is broken"),
        (OSError("words alone"), "words alone"),
        (TimeoutError(), "TimeoutError"),
    ],
    ids=repr,
)
def test_error_of_the_system_is_described_with_its_file(
    error: OSError, described: str
) -> None:
    assert describe_os_error(error) == described


def test_explained_error_says_what_was_tried_and_keeps_its_kind() -> None:
    with (
        pytest.raises(FileNotFoundError) as raised,
        explain_os_error("read the file /x", "Check x."),
    ):
        raise OSError(errno.ENOENT, "No such file")

    assert raised.value.errno == errno.ENOENT
    assert raised.value.strerror == "could not read the file /x: No such file. Check x."
