import os
import socket
import sys
from pathlib import Path

import pytest

from statsd_trio.dev.port_owner import PortOwner, find_port_owner

_ROW = "7: 0100007F:1FBD 00000000:0000 07 0:0 00:0 0 0 0 4711 2 0 0"
TABLE = f"sl local_address rem_address st queues tr retrnsmt uid inode\n{_ROW}\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_who_has_a_port_is_found() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        owner = find_port_owner(sock.getsockname()[1], "udp")
    assert owner is not None
    assert owner.pid == os.getpid()
    assert owner.command


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_who_listens_on_a_port_is_found_and_not_who_is_connected_to_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            owner = find_port_owner(port, "tcp")
            server, _ = listener.accept()
            listener.close()
            assert find_port_owner(port, "tcp") is None
            server.close()
    assert owner is not None
    assert owner.pid == os.getpid()


def test_a_command_line_is_cut_and_nobody_is_named_for_another_port(
    tmp_path: Path,
) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "udp").write_text(TABLE)
    (tmp_path / "12" / "fd").mkdir(parents=True)
    (tmp_path / "12" / "fd" / "3").symlink_to("socket:[4711]")
    (tmp_path / "12" / "cmdline").write_bytes(b"python\0" + b"x" * 200)
    assert find_port_owner(8125, "udp", tmp_path) == PortOwner(12, "python " + "x" * 93)
    assert find_port_owner(8126, "udp", tmp_path) is None
