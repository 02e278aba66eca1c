from collections.abc import Callable

import pytest

from pytest_statsd_trio.fixture import DogStatsd

Send = Callable[..., None]

LINES = [
    b"hits:1|c|#b,a",
    b"hits:1|c|@0.5|#a,b",
    b"hits:1|c",
    b"depth:3|g",
    b"depth:1|g",
    b"took.ms:2:1|d",
    b"took.ms:3|d",
    b"users:b|s",
    b"users:a|s",
    b"_e{1,2}:t|\\n|#a:b",
    b"_sc|db|2|m:down",
    b"hits:one|c",
]


def test_snapshot_is_sorted_and_adds_up(dogstatsd: DogStatsd, send_udp: Send) -> None:
    send_udp(dogstatsd, *LINES)
    assert dogstatsd.snapshot() == (
        "depth gauge = 1\n"
        "hits counter = 1\n"
        "hits counter #a,b = 3\n"
        "took.ms distribution = 1, 2, 3\n"
        "users set = a, b\n"
        "event title='t' text='\\n'|#a:b\n"
        "service check name='db' status=CRITICAL message='down'\n"
        "rejected bad_value hits:one|c\n"
    )


def test_order_of_arrival_does_not_show(dogstatsd: DogStatsd, send_udp: Send) -> None:
    lines = [line for line in LINES if b"|g" not in line]
    send_udp(dogstatsd, *reversed(lines))
    backwards = dogstatsd.snapshot()
    dogstatsd._session.recorder.begin()
    send_udp(dogstatsd, *lines)
    assert dogstatsd.snapshot() == backwards


def test_values_are_masked_by_pattern(dogstatsd: DogStatsd, send_udp: Send) -> None:
    send_udp(dogstatsd, b"hits:1|c", b"took.ms:1.5|d")
    assert dogstatsd.snapshot(mask=["*.ms"]) == (
        "hits counter = 1\ntook.ms distribution = *\n"
    )
    assert dogstatsd.snapshot(mask=True) == (
        "hits counter = *\ntook.ms distribution = *\n"
    )


def test_mask_of_one_string_is_an_error(dogstatsd: DogStatsd) -> None:
    with pytest.raises(TypeError, match="ms"):
        dogstatsd.snapshot(mask="*.ms")
