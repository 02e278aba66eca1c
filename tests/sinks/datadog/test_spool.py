import logging
import os
import stat
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from statsd_trio.sinks.datadog.ownership import Owner, is_owner_alive
from statsd_trio.sinks.datadog.payloads import Payload, Route
from statsd_trio.sinks.datadog.spool import Spool, SpoolFullError, name_target
from statsd_trio.sinks.datadog.spoolfile import Record, format_spool_file

TARGET = name_target("https://api.example.com", 0)
OTHER_TARGET = name_target("https://api.example.com", 1)


def make_record(time: int = 1, body: bytes = b"body") -> Record:
    return Record(Payload(Route.SERIES, "zstd", 1, body), time)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "run" / "spool"


@pytest.fixture
def open_spool(directory: Path) -> Generator[Callable[..., Spool]]:
    opened: list[Spool] = []

    def open_it(max_bytes: int = 10**6) -> Spool:
        spool = Spool(directory, max_bytes)
        opened.append(spool)
        return spool

    yield open_it
    for spool in opened:
        spool.close()


@contextmanager
def dying(spool: Spool) -> Generator[None]:
    """Let go of the lock as the system does when a process is killed."""
    yield
    os.close(spool._owner._descriptor)
    spool._owner._descriptor = os.open(os.devnull, os.O_RDONLY)


def claim_bodies(spool: Spool, target: str = TARGET) -> list[bytes]:
    bodies = []
    while (claim := spool.claim_newest(target).claim) is not None:
        bodies += [record.payload.body for record in claim.records]
    return bodies


def list_files(directory: Path, pattern: str) -> list[Path]:
    return sorted(directory.glob(pattern))


def test_what_one_server_wrote_another_reads(open_spool: Any) -> None:
    first = open_spool()
    first.write(TARGET, [make_record(1, b"a"), make_record(2, b"b")])
    second = open_spool()
    claim = second.claim_newest(TARGET).claim
    assert [record.payload.body for record in claim.records] == [b"a", b"b"]
    assert not any(record.is_doubtful for record in claim.records)


def test_files_are_for_their_owner_only(open_spool: Any, directory: Path) -> None:
    spool = open_spool()
    spool.write(TARGET, [make_record()])
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(f.stat().st_mode) for f in directory.iterdir()} == {0o600}


def test_open_directory_is_warned_of(
    open_spool: Any, directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    directory.mkdir(parents=True)
    directory.chmod(0o755)
    open_spool()
    assert "can be entered by other users" in caplog.text


def test_newest_file_is_taken_first(open_spool: Any) -> None:
    spool = open_spool()
    for time in (2, 3, 1):
        spool.write(TARGET, [make_record(time, b"%d" % time)])
    assert claim_bodies(spool) == [b"3", b"2", b"1"]


def test_each_endpoint_and_key_has_its_own_files(open_spool: Any) -> None:
    spool = open_spool()
    spool.write(TARGET, [make_record(body=b"mine")])
    assert claim_bodies(spool, OTHER_TARGET) == []
    assert claim_bodies(spool) == [b"mine"]


def test_file_is_claimed_once(open_spool: Any) -> None:
    first, second = open_spool(), open_spool()
    for time in range(10):
        first.write(TARGET, [make_record(time, b"%d" % time)])
    taken = []
    for spool in [first, second] * 6:
        claim = spool.claim_newest(TARGET).claim
        taken += [] if claim is None else [r.payload.body for r in claim.records]
    assert sorted(taken) == [b"%d" % time for time in range(10)]


def test_claim_lost_to_another_process_is_passed_over(
    open_spool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = open_spool(), open_spool()
    first.write(TARGET, [make_record(1, b"old")])
    first.write(TARGET, [make_record(2, b"new")])
    entries = list(first._scan())
    second.claim_newest(TARGET)
    monkeypatch.setattr(first, "_scan", lambda: iter(entries))
    assert claim_bodies(first) == [b"old"]


def test_claim_of_a_dead_process_is_taken_over_as_doubtful(open_spool: Any) -> None:
    first, second = open_spool(), open_spool()
    first.write(TARGET, [make_record()])
    with dying(first):
        assert first.claim_newest(TARGET).claim is not None
        assert second.claim_newest(TARGET).claim is None
    claim = second.claim_newest(TARGET).claim
    assert [record.is_doubtful for record in claim.records] == [True]


def test_removed_file_is_gone(open_spool: Any, directory: Path) -> None:
    spool = open_spool()
    spool.write(TARGET, [make_record()])
    spool.remove(spool.claim_newest(TARGET).claim)
    assert list_files(directory, "*.spool*") == []


def test_oldest_files_go_over_the_bound(open_spool: Any) -> None:
    size = len(format_spool_file([make_record()]))
    spool = open_spool(max_bytes=3 * size)
    stems = []
    for time in (3, 1, 2):
        stem, dropped = spool.write(TARGET, [make_record(time, b"%4d" % time)])
        stems.append(stem)
        assert dropped == []
    _, dropped = spool.write(TARGET, [make_record(4, b"%4d" % 4)])
    assert dropped == [stems[1]]
    assert claim_bodies(spool) == [b"   4", b"   3", b"   2"]


def test_files_of_all_endpoints_share_the_bound(open_spool: Any) -> None:
    size = len(format_spool_file([make_record()]))
    spool = open_spool(max_bytes=size)
    stem, _ = spool.write(TARGET, [make_record()])
    assert spool.write(OTHER_TARGET, [make_record()])[1] == [stem]


def test_files_set_aside_count_towards_the_bound(
    open_spool: Any, directory: Path
) -> None:
    size = len(format_spool_file([make_record()]))
    spool = open_spool(max_bytes=size)
    spool.write(TARGET, [make_record()])
    (file,) = list_files(directory, "*.spool")
    file.write_bytes(b"x" * size)
    assert spool.claim_newest(TARGET).set_aside == 1
    spool.write(TARGET, [make_record()])
    assert list_files(directory, "*.bad") == []


def test_what_another_process_is_sending_is_not_dropped(open_spool: Any) -> None:
    size = len(format_spool_file([make_record()]))
    first, second = open_spool(), open_spool(max_bytes=size)
    first.write(TARGET, [make_record()])
    first.claim_newest(TARGET)
    with pytest.raises(SpoolFullError):
        second.write(TARGET, [make_record()])


def test_claim_of_a_dead_process_can_make_room(open_spool: Any) -> None:
    size = len(format_spool_file([make_record()]))
    first, second = open_spool(), open_spool(max_bytes=size)
    with dying(first):
        first.write(TARGET, [make_record()])
        first.claim_newest(TARGET)
    assert len(second.write(TARGET, [make_record()])[1]) == 1


def test_file_longer_than_the_bound_is_refused(
    open_spool: Any, directory: Path
) -> None:
    spool = open_spool(max_bytes=100)
    with pytest.raises(SpoolFullError):
        spool.write(TARGET, [make_record(body=b"x" * 100)])
    assert list_files(directory, "*.tmp*") == []


def keep_nothing(data: bytes) -> bytes:
    return data[:0]


def tear(data: bytes) -> bytes:
    return data[:-1]


def tear_early(data: bytes) -> bytes:
    return data[:40]


def replace(data: bytes) -> bytes:
    return data.replace(b"statsd-trio", b"something")


def flip_a_bit(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


@pytest.mark.parametrize(
    "damage", [keep_nothing, tear, tear_early, replace, flip_a_bit]
)
def test_damaged_file_is_set_aside_and_the_next_is_taken(
    open_spool: Any,
    directory: Path,
    damage: Callable[[bytes], bytes],
    caplog: pytest.LogCaptureFixture,
) -> None:
    spool = open_spool()
    spool.write(TARGET, [make_record(1, b"good")])
    spool.write(TARGET, [make_record(2, b"bad")])
    *_, newest = list_files(directory, "*.spool")
    newest.write_bytes(damage(newest.read_bytes()))
    claiming = spool.claim_newest(TARGET)
    assert claiming.set_aside == 1
    assert [r.payload.body for r in claiming.claim.records] == [b"good"]
    assert [f.name for f in list_files(directory, "*.bad")] == [f"{newest.stem}.bad"]
    assert "set aside" in caplog.text
    assert spool.claim_newest(TARGET).set_aside == 0


def test_giant_file_is_set_aside_unread(open_spool: Any, directory: Path) -> None:
    spool = open_spool()
    spool.write(TARGET, [make_record()])
    (file,) = list_files(directory, "*.spool")
    os.truncate(file, 10**10)
    assert spool.claim_newest(TARGET).set_aside == 1


def test_link_is_set_aside_and_not_followed(
    open_spool: Any, directory: Path, tmp_path: Path
) -> None:
    spool = open_spool()
    spool.write(TARGET, [make_record()])
    (file,) = list_files(directory, "*.spool")
    elsewhere = tmp_path / "elsewhere"
    file.rename(elsewhere)
    file.symlink_to(elsewhere)
    assert spool.claim_newest(TARGET).set_aside == 1
    assert elsewhere.exists()


def test_pipe_does_not_block(open_spool: Any, directory: Path) -> None:
    spool = open_spool()
    spool.write(TARGET, [make_record()])
    (file,) = list_files(directory, "*.spool")
    file.unlink()
    os.mkfifo(file)
    assert spool.claim_newest(TARGET).set_aside == 1


def test_half_written_file_of_a_dead_process_is_set_aside(
    open_spool: Any, directory: Path
) -> None:
    first, second = open_spool(), open_spool()
    with dying(first):
        first.write(TARGET, [make_record()])
        (file,) = list_files(directory, "*.spool")
        torn = directory / file.name.replace(".spool", f".tmp.{first._owner.name}")
        file.rename(torn)
        assert second.claim_newest(TARGET).set_aside == 0
    assert second.claim_newest(TARGET).set_aside == 1
    assert torn.exists() is False


def test_files_of_others_are_left_alone(open_spool: Any, directory: Path) -> None:
    spool = open_spool()
    foreign = [directory / "README", directory / "data.spool", directory / "x.tmp"]
    for path in foreign:
        path.write_bytes(b"mine")
    assert spool.claim_newest(TARGET) == spool.claim_newest(OTHER_TARGET)
    assert all(path.read_bytes() == b"mine" for path in foreign)


def test_file_appears_whole_or_not_at_all(
    open_spool: Any, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = open_spool()
    seen: list[list[str]] = []

    def fail(descriptor: int) -> None:
        seen.append([path.suffixes[1] for path in list_files(directory, "*-*")])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        spool.write(TARGET, [make_record()])
    assert seen == [[".tmp"]]
    assert list_files(directory, "*-*") == []


def test_file_and_directory_are_synced_before_it_counts(
    open_spool: Any, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = open_spool()
    synced: list[tuple[bool, list[str]]] = []

    def fsync(descriptor: int) -> None:
        is_directory = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        suffixes = [path.suffixes[1] for path in list_files(directory, "*-*")]
        synced.append((is_directory, suffixes))

    monkeypatch.setattr(os, "fsync", fsync)
    spool.write(TARGET, [make_record()])
    assert synced == [(False, [".tmp"]), (True, [".spool"])]


def test_directory_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        Spool(tmp_path / "file" / "spool", 100)


def test_nothing_secret_is_in_a_name(open_spool: Any, directory: Path) -> None:
    spool = open_spool()
    spool.write(TARGET, [make_record()])
    assert "example" not in "".join(path.name for path in directory.iterdir())


def test_owner_lives_until_it_leaves(tmp_path: Path) -> None:
    owner = Owner.enter(tmp_path)
    assert is_owner_alive(tmp_path, owner.name)
    owner.leave()
    assert not is_owner_alive(tmp_path, owner.name)


def test_file_of_a_dead_owner_is_removed(tmp_path: Path) -> None:
    (tmp_path / "01234567.owner").touch()
    assert not is_owner_alive(tmp_path, "01234567")
    assert list(tmp_path.iterdir()) == []


def test_owner_whose_file_was_taken_for_a_dead_one_s_takes_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from statsd_trio.sinks.datadog import ownership  # noqa: PLC0415 - patched here

    lock, calls = ownership._lock, []

    def lock_too_late(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 1:
            # Between making and locking, another process removes the file.
            for path in tmp_path.iterdir():
                path.unlink()
        if len(calls) == 2:
            # Or it holds the lock just then.
            raise BlockingIOError
        lock(descriptor)

    monkeypatch.setattr(ownership, "_lock", lock_too_late)
    owner = Owner.enter(tmp_path)
    assert len(calls) == 3
    monkeypatch.undo()
    assert is_owner_alive(tmp_path, owner.name)
    owner.leave()


def test_spool_says_when_it_drops_nothing(
    open_spool: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    open_spool().write(TARGET, [make_record()])
    assert caplog.records == []
