from pathlib import Path

import pytest

from statsd_trio.sinks.delivery import process_lock
from statsd_trio.sinks.delivery.process_lock import (
    ProcessLock,
    is_process_running,
    parse_lock_name,
)


def test_process_runs_until_it_lets_go(tmp_path: Path) -> None:
    lock = ProcessLock.acquire(tmp_path)
    assert is_process_running(tmp_path, lock.name)
    lock.release()
    assert not is_process_running(tmp_path, lock.name)
    assert list(tmp_path.iterdir()) == []


def test_file_of_a_process_that_ended_is_removed(tmp_path: Path) -> None:
    (tmp_path / "01234567.owner").touch()
    assert not is_process_running(tmp_path, "01234567")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_opened_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "01234567.owner").symlink_to("/etc/hostname")
    assert is_process_running(tmp_path, "01234567")


def test_lock_is_told_by_its_name() -> None:
    assert parse_lock_name("01234abc.owner") == "01234abc"
    assert parse_lock_name("README.owner") is None


def test_directory_that_vanished_stops_no_release(tmp_path: Path) -> None:
    directory = tmp_path / "spool"
    directory.mkdir()
    lock = ProcessLock.acquire(directory)
    (directory / f"{lock.name}.owner").unlink()
    directory.rmdir()
    directory.touch()  # So that nothing can be looked up below it.
    lock.release()


def test_process_whose_file_was_taken_for_a_dead_one_s_takes_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, calls = process_lock._lock, list[int]()

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

    monkeypatch.setattr(process_lock, "_lock", lock_too_late)
    acquired = ProcessLock.acquire(tmp_path)
    assert len(calls) == 3
    monkeypatch.undo()
    assert is_process_running(tmp_path, acquired.name)
    acquired.release()
