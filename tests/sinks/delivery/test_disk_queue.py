import logging
import os
import stat
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from statsd_trio.sinks.datadog.routes import DatadogRoute
from statsd_trio.sinks.delivery.disk_queue import DiskQueue, SpoolFullError
from statsd_trio.sinks.delivery.payload import Payload, Route
from statsd_trio.sinks.delivery.spool import name_target
from statsd_trio.sinks.delivery.spool_file import format_spool_file
from statsd_trio.sinks.delivery.transaction import SpoolFile, Transaction

TARGET = name_target("https://api.example.com", 0, DatadogRoute.SERIES)
OTHER_TARGET = name_target("https://api.example.com", 1, DatadogRoute.SERIES)

OpenQueue = Callable[..., DiskQueue]


def make(
    time: int = 1, body: bytes = b"body", route: Route = DatadogRoute.SERIES
) -> Transaction:
    return Transaction(Payload(route, "zstd", 1, body), (time, 0))


SIZE = len(format_spool_file([make()]))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "run" / "spool"


@pytest.fixture
def open_queue(directory: Path) -> Generator[OpenQueue]:
    opened: list[DiskQueue] = []

    def open_it(max_bytes: int = 10**6) -> DiskQueue:
        queue = DiskQueue(directory, max_bytes)
        opened.append(queue)
        return queue

    yield open_it
    for queue in opened:
        queue.close()


@contextmanager
def dying(queue: DiskQueue) -> Generator[None]:
    """Let go of the lock as the system does when a process is killed."""
    yield
    os.close(queue._process._descriptor)
    queue._process._descriptor = os.open(os.devnull, os.O_RDONLY)


def pop(queue: DiskQueue, target: str = TARGET) -> list[SpoolFile]:
    """Take what can be taken now, as one does who looks at the disk first."""
    queue.refresh()
    files: list[SpoolFile] = []
    while found := queue.pop(target, DatadogRoute.SERIES):
        files += found
    return files


def get_bodies(files: list[SpoolFile]) -> list[bytes]:
    return [
        one.payload.body
        for file in files
        for one in sorted(file.waiting, key=lambda one: one.order)
    ]


def count(queue: DiskQueue, target: str = TARGET) -> Any:
    queue.index.count_findings()
    return queue.index.counts_of(target)


def list_files(directory: Path, pattern: str) -> list[Path]:
    return sorted(directory.glob(pattern))


def test_what_one_server_wrote_another_reads(open_queue: OpenQueue) -> None:
    first = open_queue()
    assert first.push(TARGET, [make(1, b"a"), make(2, b"b")]) == 2
    (file,) = pop(open_queue())
    assert get_bodies([file]) == [b"a", b"b"]
    assert (file.points, file.is_own, file.is_changed) == (2, False, False)
    assert not any(one.is_doubtful for one in file.waiting)


def test_files_are_for_their_owner_only(open_queue: OpenQueue, directory: Path) -> None:
    open_queue().push(TARGET, [make()])
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(f.stat().st_mode) for f in directory.iterdir()} == {0o600}


def test_open_directory_is_warned_of(
    open_queue: OpenQueue, directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    directory.mkdir(parents=True)
    directory.chmod(0o755)
    open_queue()
    assert "can be entered by other users" in caplog.text


def test_newest_file_is_taken_first(open_queue: OpenQueue) -> None:
    queue = open_queue()
    for time in (2, 3, 1):
        queue.push(TARGET, [make(time, b"%d" % time)])
    assert get_bodies(pop(queue)) == [b"3", b"2", b"1"]


def test_each_target_has_its_own_files(open_queue: OpenQueue) -> None:
    queue = open_queue()
    queue.push(TARGET, [make(body=b"mine")])
    assert queue.index.has_waiting(TARGET)
    assert not queue.index.has_waiting(OTHER_TARGET)
    assert pop(queue, OTHER_TARGET) == []
    assert get_bodies(pop(queue)) == [b"mine"]
    assert not queue.index.has_waiting(TARGET)


def test_many_small_files_are_taken_at_once_and_one_large(
    open_queue: OpenQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
    queue = open_queue(max_bytes=10**8)
    for time in range(200):
        queue.push(TARGET, [make(time)])
    assert len(queue.pop(TARGET, DatadogRoute.SERIES)) == 64
    queue.push(TARGET, [make(1000, b"x" * 2**21)])
    queue.push(TARGET, [make(1001, b"x" * 2**21)])
    assert len(queue.pop(TARGET, DatadogRoute.SERIES)) == 1


def test_nothing_is_read_but_the_file_that_is_taken(
    open_queue: OpenQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = open_queue()
    for time in range(3):
        queue.push(TARGET, [make(time)])

    def fail(path: object) -> object:
        raise AssertionError("the directory was read")

    monkeypatch.setattr(os, "scandir", fail)
    queue.push(TARGET, [make(4)])
    queue.acknowledge(queue.pop(TARGET, DatadogRoute.SERIES))


def test_file_is_claimed_once(open_queue: OpenQueue) -> None:
    first, second = open_queue(), open_queue()
    for time in range(100):
        first.push(TARGET, [make(time, b"%d" % time)])
    second.refresh()
    taken: list[bytes] = []
    for queue in [first, second] * 3:
        taken += get_bodies(queue.pop(TARGET, DatadogRoute.SERIES))
    assert sorted(taken) == sorted(b"%d" % time for time in range(100))


def test_claim_of_a_dead_process_is_taken_over_as_doubtful(
    open_queue: OpenQueue,
) -> None:
    first, second = open_queue(), open_queue()
    first.push(TARGET, [make()])
    with dying(first):
        assert len(pop(first)) == 1
        assert pop(second) == []
    (file,) = pop(second)
    assert [one.is_doubtful for one in file.waiting] == [True]
    assert file.is_changed, "it may not go back as if nothing had happened"


def test_acknowledged_file_is_removed(open_queue: OpenQueue, directory: Path) -> None:
    queue = open_queue()
    queue.push(TARGET, [make()])
    queue.acknowledge(pop(queue))
    assert list_files(directory, "*.spool*") == []


def test_released_file_can_be_taken_again(open_queue: OpenQueue) -> None:
    first, second = open_queue(), open_queue()
    first.push(TARGET, [make(body=b"mine")])
    (file,) = pop(first)
    assert pop(second) == []
    first.release(file)
    assert first.index.has_waiting(TARGET)
    (file,) = pop(second)
    assert get_bodies([file]) == [b"mine"]
    assert not any(one.is_doubtful for one in file.waiting)


def test_oldest_files_go_over_the_bound(open_queue: OpenQueue) -> None:
    queue = open_queue(max_bytes=3 * SIZE)
    for time in (3, 1, 2, 4):
        queue.push(TARGET, [make(time, b"%4d" % time)])
    assert count(queue).evicted == 1
    assert get_bodies(pop(queue)) == [b"   4", b"   3", b"   2"]


def test_files_of_all_targets_share_the_bound(open_queue: OpenQueue) -> None:
    queue = open_queue(max_bytes=SIZE)
    queue.push(TARGET, [make()])
    queue.push(OTHER_TARGET, [make()])
    assert (count(queue).evicted, count(queue, OTHER_TARGET).evicted) == (1, 0)


def test_room_that_another_server_made_is_used(open_queue: OpenQueue) -> None:
    first, second = open_queue(max_bytes=2 * SIZE), open_queue()
    first.push(TARGET, [make(1)])
    first.push(TARGET, [make(2)])
    second.acknowledge(second.pop(TARGET, DatadogRoute.SERIES) or pop(second))
    first.push(TARGET, [make(3)])
    assert (count(first).evicted, count(first).gone) == (0, 2)


def test_files_set_aside_count_towards_the_bound(
    open_queue: OpenQueue, directory: Path
) -> None:
    queue = open_queue(max_bytes=SIZE)
    queue.push(TARGET, [make()])
    (file,) = list_files(directory, "*.spool")
    file.write_bytes(b"x" * SIZE)
    assert pop(queue) == []
    assert count(queue).set_aside == 1
    queue.refresh()
    queue.push(TARGET, [make()])
    assert list_files(directory, "*.bad") == []


def test_what_another_process_is_sending_is_not_dropped(open_queue: OpenQueue) -> None:
    first, second = open_queue(), open_queue(max_bytes=SIZE)
    first.push(TARGET, [make()])
    pop(first)
    second.refresh()
    with pytest.raises(SpoolFullError):
        second.push(TARGET, [make()])


def test_claim_of_a_dead_process_can_make_room(
    open_queue: OpenQueue, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = open_queue(), open_queue(max_bytes=SIZE)
    with dying(first):
        first.push(TARGET, [make()])
        pop(first)
    second.refresh()
    second.push(TARGET, [make()])
    assert "dropped 1 file that other processes wrote to the spool" in caplog.text


def test_file_longer_than_the_bound_is_refused(
    open_queue: OpenQueue, directory: Path
) -> None:
    queue = open_queue(max_bytes=100)
    with pytest.raises(SpoolFullError):
        queue.push(TARGET, [make(body=b"x" * 100)])
    assert list_files(directory, "*.tmp*") == []


def test_file_that_was_deleted_is_gone(open_queue: OpenQueue, directory: Path) -> None:
    queue = open_queue()
    for time in range(3):
        queue.push(TARGET, [make(time)])
    list_files(directory, "*.spool")[0].unlink()
    queue.refresh()
    assert count(queue).gone == 1
    list_files(directory, "*.spool")[1].unlink()
    assert len(queue.pop(TARGET, DatadogRoute.SERIES)) == 1
    assert count(queue).gone == 2


def test_file_that_another_server_took_is_gone(open_queue: OpenQueue) -> None:
    first, second = open_queue(), open_queue()
    first.push(TARGET, [make(), make()])
    pop(second)
    first.refresh()
    assert count(first).gone == 2
    first.refresh()
    assert count(first).gone == 2
    assert not first.index.has_waiting(TARGET)


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
    open_queue: OpenQueue,
    directory: Path,
    damage: Callable[[bytes], bytes],
    caplog: pytest.LogCaptureFixture,
) -> None:
    queue = open_queue()
    queue.push(TARGET, [make(1, b"good")])
    queue.push(TARGET, [make(2, b"bad")])
    *_, newest = list_files(directory, "*.spool")
    newest.write_bytes(damage(newest.read_bytes()))
    assert get_bodies(pop(queue)) == [b"good"]
    assert [f.name for f in list_files(directory, "*.bad")] == [f"{newest.stem}.bad"]
    assert "set aside" in caplog.text
    assert (count(queue).set_aside, count(queue).gone) == (1, 1)
    assert pop(queue) == []
    assert count(queue).set_aside == 1


def set_aside(queue: DiskQueue) -> int:
    """Take what there is, which cannot be read, and count it."""
    assert pop(queue) == []
    set_aside: int = count(queue).set_aside
    return set_aside


def test_giant_file_is_set_aside_unread(open_queue: OpenQueue, directory: Path) -> None:
    queue = open_queue()
    queue.push(TARGET, [make()])
    (file,) = list_files(directory, "*.spool")
    os.truncate(file, 10**10)
    assert set_aside(queue) == 1


def test_file_of_another_route_is_set_aside(open_queue: OpenQueue) -> None:
    queue = open_queue()
    queue.push(TARGET, [make(route=DatadogRoute.EVENTS)])
    assert set_aside(queue) == 1


def test_link_is_set_aside_and_not_followed(
    open_queue: OpenQueue, directory: Path, tmp_path: Path
) -> None:
    queue = open_queue()
    queue.push(TARGET, [make()])
    (file,) = list_files(directory, "*.spool")
    elsewhere = tmp_path / "elsewhere"
    file.rename(elsewhere)
    file.symlink_to(elsewhere)
    assert set_aside(queue) == 1
    assert elsewhere.exists()


def test_pipe_does_not_block(open_queue: OpenQueue, directory: Path) -> None:
    queue = open_queue()
    queue.push(TARGET, [make()])
    (file,) = list_files(directory, "*.spool")
    file.unlink()
    os.mkfifo(file)
    assert set_aside(queue) == 1


def test_half_written_file_of_a_dead_process_is_set_aside(
    open_queue: OpenQueue, directory: Path
) -> None:
    first, second = open_queue(), open_queue()
    with dying(first):
        first.push(TARGET, [make()])
        (file,) = list_files(directory, "*.spool")
        torn = directory / file.name.replace(".spool", f".tmp.{first._process.name}")
        file.rename(torn)
        assert set_aside(second) == 0
    assert set_aside(second) == 1
    assert torn.exists() is False


def test_files_of_others_are_left_alone(open_queue: OpenQueue, directory: Path) -> None:
    queue = open_queue()
    foreign = [directory / "README", directory / "data.spool", directory / "x.tmp"]
    for path in foreign:
        path.write_bytes(b"mine")
    assert pop(queue) == pop(queue, OTHER_TARGET) == []
    assert all(path.read_bytes() == b"mine" for path in foreign)


def test_file_appears_whole_or_not_at_all(
    open_queue: OpenQueue, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = open_queue()
    seen: list[list[str]] = []

    def fail(descriptor: int) -> None:
        seen.append([path.suffixes[1] for path in list_files(directory, "*-*")])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        queue.push(TARGET, [make()])
    assert seen == [[".tmp"]]
    assert list_files(directory, "*-*") == []


def test_file_whose_directory_cannot_be_synced_does_not_stay(
    open_queue: OpenQueue, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = open_queue()

    def fail_for_directories(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail_for_directories)
    with pytest.raises(OSError, match="Input/output error"):
        queue.push(TARGET, [make()])
    assert list_files(directory, "*-*") == []
    assert not queue.index.has_waiting(TARGET)


def test_file_and_directory_are_synced_before_it_counts(
    open_queue: OpenQueue, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = open_queue()
    synced: list[tuple[bool, list[str]]] = []

    def fsync(descriptor: int) -> None:
        is_directory = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        suffixes = [path.suffixes[1] for path in list_files(directory, "*-*")]
        synced.append((is_directory, suffixes))

    monkeypatch.setattr(os, "fsync", fsync)
    queue.push(TARGET, [make()])
    assert synced == [(False, [".tmp"]), (True, [".spool"])]


def test_directory_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        DiskQueue(tmp_path / "file" / "spool", 100)


def test_directory_that_vanished_is_left_without_a_word(
    open_queue: OpenQueue, directory: Path
) -> None:
    queue = open_queue()
    for path in directory.iterdir():
        path.unlink()
    directory.rmdir()
    with pytest.raises(FileNotFoundError):
        queue.push(TARGET, [make()])
    with pytest.raises(FileNotFoundError):
        queue.refresh()


def test_nothing_secret_is_in_a_name(open_queue: OpenQueue, directory: Path) -> None:
    queue = open_queue()
    queue.push(TARGET, [make()])
    assert "example" not in "".join(path.name for path in directory.iterdir())


def test_locks_of_dead_processes_are_removed(
    open_queue: OpenQueue, directory: Path
) -> None:
    first = open_queue()
    for number in range(5):
        (directory / f"0000000{number}.owner").touch()
    open_queue()
    first.refresh()
    assert len(list_files(directory, "*.owner")) == 2


def test_spool_says_when_it_drops_nothing(
    open_queue: OpenQueue, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    open_queue().push(TARGET, [make()])
    assert caplog.records == []
