import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from statsd_trio.transports.unix_path import OwnedPath, bind_path

pytestmark = [
    pytest.mark.usefixtures("no_leaks"),
    pytest.mark.skipif("sys.platform == 'win32'", reason="no Unix sockets in Python"),
]


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "dsd.socket")


@pytest.fixture
def as_nobody() -> Iterator[None]:
    """Give up root's power over every file, if that is who runs this."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_only_the_path_itself_appears(path: str, tmp_path: Path) -> None:
    sock, bound = bind_path(path, socket.SOCK_DGRAM)
    names = [entry.name for entry in tmp_path.iterdir()]
    bound.remove()
    sock.close()
    assert names == ["dsd.socket"]
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_dead_servers_path_is_replaced(path: str, kind: socket.SocketKind) -> None:
    dead = socket.socket(socket.AF_UNIX, kind)
    dead.bind(path)
    dead.close()
    sock, bound = bind_path(path, kind)
    sock.listen() if kind == socket.SOCK_STREAM else None
    with socket.socket(socket.AF_UNIX, kind) as client:
        client.connect(path)
    bound.remove()
    sock.close()


@pytest.mark.parametrize("ours", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
@pytest.mark.parametrize("theirs", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_live_servers_path_is_refused_by_name(
    path: str, ours: socket.SocketKind, theirs: socket.SocketKind
) -> None:
    with socket.socket(socket.AF_UNIX, theirs) as live:
        live.bind(path)
        if theirs == socket.SOCK_STREAM:
            live.listen()
        with pytest.raises(OSError, match=f"{path}: a live server") as caught:
            bind_path(path, ours)
        assert caught.value.errno == errno.EADDRINUSE
        assert Path(path).is_socket()


def test_a_live_server_with_a_full_backlog_is_refused_by_name(path: str) -> None:
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as live,
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client,
    ):
        live.bind(path)
        live.listen(0)
        client.connect(path)
        with pytest.raises(OSError, match="a live server"):
            bind_path(path, socket.SOCK_STREAM)


def test_a_file_that_is_no_socket_is_never_removed(path: str) -> None:
    Path(path).write_text("mine")
    with pytest.raises(FileExistsError, match=f"{path}: it exists and is not a socket"):
        bind_path(path, socket.SOCK_DGRAM)
    assert Path(path).read_text() == "mine"


def test_a_link_to_a_file_is_never_followed(path: str, tmp_path: Path) -> None:
    (tmp_path / "target").write_text("mine")
    Path(path).symlink_to(tmp_path / "target")
    with pytest.raises(FileExistsError, match="not a socket"):
        bind_path(path, socket.SOCK_DGRAM)


def test_a_path_of_107_bytes_is_bound(tmp_path: Path) -> None:
    path = str(tmp_path / "x")
    path = path + "x" * (107 - len(path))
    sock, bound = bind_path(path, socket.SOCK_DGRAM)
    exists = Path(path).is_socket()
    bound.remove()
    sock.close()
    assert exists


@pytest.mark.parametrize("length", [108, 109, 300])
def test_a_path_too_long_is_named(tmp_path: Path, length: int) -> None:
    path = str(tmp_path / "x")
    path = path + "x" * (length - len(path))
    with pytest.raises(OSError, match=path) as caught:
        bind_path(path, socket.SOCK_DGRAM)
    assert caught.value.errno == errno.ENAMETOOLONG
    assert not any(tmp_path.iterdir())


def test_a_name_of_one_letter_is_bound(tmp_path: Path) -> None:
    sock, bound = bind_path(str(tmp_path / "s"), socket.SOCK_DGRAM)
    names = [entry.name for entry in tmp_path.iterdir()]
    bound.remove()
    sock.close()
    assert names == ["s"]


def test_no_free_name_beside_it_is_an_error(tmp_path: Path) -> None:
    for letter in "abcdefghijklmnopqrstuvwxyz0123456789":
        (tmp_path / letter).touch()
    with pytest.raises(OSError, match="no temporary name is free"):
        bind_path(str(tmp_path / "S"), socket.SOCK_DGRAM)


@pytest.mark.parametrize("path", ["", "/"])
def test_a_path_without_a_name_is_refused(path: str) -> None:
    with pytest.raises(OSError, match="it has no file name"):
        bind_path(path, socket.SOCK_DGRAM)


def test_a_folder_that_is_lacking_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / "nowhere" / "dsd.socket")
    with pytest.raises(FileNotFoundError, match=f"{path}: No such file"):
        bind_path(path, socket.SOCK_DGRAM)


@pytest.mark.usefixtures("as_nobody")
def test_a_folder_without_permission_is_named() -> None:
    with pytest.raises(PermissionError, match=r"/etc/dsd\.socket: Permission denied"):
        bind_path("/etc/dsd.socket", socket.SOCK_DGRAM)


def test_a_path_that_another_server_took_over_stays(path: str) -> None:
    sock, bound = bind_path(path, socket.SOCK_DGRAM)
    sock.close()
    successor, theirs = bind_path(path, socket.SOCK_DGRAM)
    bound.remove()
    still_there = Path(path).is_socket()
    theirs.remove()
    successor.close()
    assert still_there


def test_a_failed_rename_leaves_nothing_behind(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: object) -> Path:
        raise PermissionError(errno.EPERM, "sticky")

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(PermissionError, match="sticky"):
        bind_path(path, socket.SOCK_DGRAM)
    assert not any(tmp_path.iterdir())


def test_a_path_is_removed_once_though_its_inode_comes_back(tmp_path: Path) -> None:
    path, kept = tmp_path / "socket", tmp_path / "kept"
    path.touch()
    owned = OwnedPath(str(path), path.lstat())
    # As where a server that came meanwhile got the inode that had become free.
    kept.hardlink_to(path)
    owned.remove()
    assert not path.exists()
    kept.rename(path)
    owned.remove()
    assert path.exists()
