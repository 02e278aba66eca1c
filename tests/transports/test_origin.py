import struct
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from statsd_trio.transports.origin import (
    Credentials,
    identify_process,
    parse_container_id,
    read_container_id,
    unpack_credentials,
)
from statsd_trio.transports.packet import Origin

ID = "2a25" * 16


@pytest.mark.parametrize(
    ("cgroup", "container_id"),
    [
        (f"12:memory:/docker/{ID}\n11:cpu:/docker/{ID}\n", ID),
        (f"0::/system.slice/docker-{ID}.scope\n", ID),
        (
            f"0::/kubepods.slice/kubepods-pod12.slice/cri-containerd-{ID}.scope",
            ID,
        ),
        (f"1:name=systemd:/kubepods/besteffort/pod3d274242/{ID}", ID),
        (f"0::/kubepods/x:cri-containerd:{ID}", ID),
        (
            "9:perf_event:/ecs/55091c13/55091c13b8cf4801b527f4601742204d-432624918",
            "55091c13b8cf4801b527f4601742204d-432624918",
        ),
        (
            "1:name=systemd:/garden/6f265890-5165-7fab-6b52-18d1",
            "6f265890-5165-7fab-6b52-18d1",
        ),
        (f"2:cpu:/\n1:name=systemd:/docker/{ID}", ID),
        ("0::/\n", None),
        ("0::/user.slice/user-1000.slice/session-2.scope", None),
        ("", None),
        ("no colon", None),
    ],
)
def test_the_container_is_found_in_a_cgroup(
    cgroup: str, container_id: str | None
) -> None:
    assert parse_container_id(cgroup) == container_id


@given(st.text())
def test_any_text_of_a_cgroup_is_read_without_error(cgroup: str) -> None:
    parse_container_id(cgroup)


def test_the_container_of_a_process_is_read_from_proc(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "cgroup").write_text(f"0::/docker/{ID}\n")
    assert read_container_id(7, tmp_path) == ID


def test_a_process_that_is_gone_has_no_container(tmp_path: Path) -> None:
    assert read_container_id(7, tmp_path) is None


def test_credentials_are_unpacked() -> None:
    assert unpack_credentials(struct.pack("=3i", 1, 2, 3)) == Credentials(1, 2, 3)


@pytest.mark.parametrize("raw", [b"", b"x" * 11, b"x" * 13])
def test_what_are_no_credentials_are_none(raw: bytes) -> None:
    assert unpack_credentials(raw) is None


@pytest.mark.parametrize("credentials", [None, Credentials(0, 0, 0)])
def test_a_process_of_another_namespace_has_no_pid(
    credentials: Credentials | None,
) -> None:
    assert identify_process("unixgram", "name", credentials) == Origin(
        "unixgram", "name"
    )


def test_a_process_is_named_with_its_container() -> None:
    origin = identify_process(
        "unixgram", "name", Credentials(7, 8, 9), {7: "c0ffee"}.get
    )
    assert origin == Origin("unixgram", "name", "pid 7", 7, 8, 9, "c0ffee")
