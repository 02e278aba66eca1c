"""Move payloads of one endpoint and key between memory and the queues on disk.

A disk may be slow at the worst moment, so worker threads do all the work. A payload is
``pending`` until its file is synced, and ``spooled`` only after that. A stop does not
wait for a disk that does not answer: the thread runs on by itself, and what it should
have written counts as abandoned.
"""

import errno
import math
from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import Final, TypeVar

import attrs
import trio

from statsd_trio.counters import SinkCounters
from statsd_trio.ki import protect_from_ki
from statsd_trio.ledger import SinkLedger
from statsd_trio.plural import describe_count
from statsd_trio.sinks.delivery.disk_queue import SpoolFullError
from statsd_trio.sinks.delivery.losses import LossReport
from statsd_trio.sinks.delivery.payload import Route
from statsd_trio.sinks.delivery.schedule import Schedule
from statsd_trio.sinks.delivery.spool import Spool
from statsd_trio.sinks.delivery.spool_file import split_into_files
from statsd_trio.sinks.delivery.spool_index import SpoolCounts
from statsd_trio.sinks.delivery.transaction import SpoolFile, Transaction
from statsd_trio.sinks.stop_time import StopTime

# A file is read completely, and stays claimed until all of it is sent.
_MAX_FILE_BYTES: Final = 2 * 1024 * 1024
# It is not a large part of the spool either, because the oldest files are removed as a
# whole.
_MAX_PART_OF_SPOOL: Final = 8

# How much may wait to be written, besides what was handed over last. If a disk is
# slower than payloads fail, this costs payloads instead of memory.
_MAX_OFFERED_BYTES: Final = 4 * 1024 * 1024

# How much longer than everything else the disk may take at a stop.
GRACE_SECONDS: Final = 0.9

# How often to check what other processes did to the directory.
_REFRESH_SECONDS: Final = 10.0

T = TypeVar("T")


class Spooler:
    """The spool of one endpoint and key.

    Attributes:
        stop: after the end of its time, an operation is only waited for one more
            second.
    """

    def __init__(
        self, spool: Spool, counters: SinkCounters, losses: LossReport
    ) -> None:
        self._disk = spool.disk
        self._targets = spool.targets
        self._run_in_thread = spool.run_in_thread
        self._counters = counters
        self._losses = losses
        part = self._disk.max_bytes // _MAX_PART_OF_SPOOL
        self._max_file_bytes = min(_MAX_FILE_BYTES, part)
        self.stop = StopTime()
        self._refresh_at = -math.inf
        self._offered: list[Transaction] = []
        self._offered_size = 0
        # Files taken from the disk, and those of them that are no longer needed.
        self._files: set[SpoolFile] = set()
        self._done: list[SpoolFile] = []
        self._changed = trio.lowlevel.ParkingLot()
        self._reported = SpoolCounts()

    @property
    def is_full(self) -> bool:
        """Whether no more should be offered, because much waits to be written."""
        return self._offered_size > _MAX_OFFERED_BYTES

    def offer(self, transactions: Iterable[Transaction]) -> None:
        """Hand over *transactions* to be written."""
        for one in transactions:
            self._offered.append(one)
            self._offered_size += one.size
        self._changed.unpark_all()

    def finish(self, transaction: Transaction) -> None:
        """Note that *transaction* was delivered or lost, and needs no file any more."""
        file = transaction.file
        if file is not None:
            file.is_changed = True
            file.waiting.discard(transaction)
            if not file.waiting:
                self._done.append(file)
                self._changed.unpark_all()

    def wake(self) -> None:
        """Make `run` check again, because payloads may be needed from the disk."""
        self._changed.unpark_all()

    def add_counts(self, ledger: SinkLedger) -> SinkLedger:
        """Add what became of the points on disk to *ledger*."""
        counts = self._disk.index.sum_counts(self._targets.values())
        return attrs.evolve(
            ledger,
            spooled=counts.spooled,
            evicted=ledger.evicted + counts.evicted,
            spool_gone=counts.gone,
            spool_set_aside=counts.set_aside,
        )

    def report(self) -> None:
        """Add what happened on disk since the last call to the losses."""
        before = self._reported
        self._reported = counts = self._disk.index.sum_counts(self._targets.values())
        if counts.evicted > before.evicted:
            cause = "evicted from the spool, since spool_max_bytes are used up"
            self._losses.add(cause, counts.evicted - before.evicted, payloads=0)
        if counts.gone > before.gone:
            self._losses.complain(
                "files of the spool with"
                f" {describe_count(counts.gone - before.gone, 'point')} are not"
                " there any more: another server took them, or they were removed"
            )

    @protect_from_ki
    async def run(self, schedule: Schedule, on_loaded: Callable[[], object]) -> None:
        """Keep disk and memory in balance, until cancelled.

        Args:
            schedule: knows what waits in memory, and which routes want more.
            on_loaded: called after payloads were loaded from the disk.
        """
        while True:
            await self._write_offered()
            await self._remove_sent()
            loaded: list[Transaction] = []
            for route in schedule.list_idle_routes(trio.current_time()):
                if self._disk.index.has_waiting(self._targets[route]):
                    loaded += await self._load(route)
            for transaction in loaded:
                schedule.waiting.push(transaction)
            if loaded:
                on_loaded()
            else:
                await self._wait()

    async def _wait(self) -> None:
        """Wait until there may be something to do; check the disk now and then."""
        if self._offered or self._done:
            await trio.lowlevel.checkpoint()
            return
        with trio.move_on_at(self._refresh_at) as until_refresh:
            await self._changed.park()
        if until_refresh.cancelled_caught:
            self._refresh_at = trio.current_time() + _REFRESH_SECONDS
            try:
                await self._call(self._disk.refresh)
            except OSError as error:
                self._losses.complain(f"cannot read the spool: {error.strerror}")

    async def _write_offered(self) -> None:
        """Write what was offered; count as evicted what cannot be written."""
        # It stays offered until its file is written, so that after a cancel `store`
        # finds it.
        for batch in split_into_files(self._offered, self._max_file_bytes):
            if not await self._write(batch, "evicted"):
                self._counters.evict(_count_points(batch))
            written = set(batch)
            self._offered = [one for one in self._offered if one not in written]
            self._offered_size -= sum(one.size for one in batch)

    async def _remove_sent(self) -> None:
        """Remove the files whose payloads were all sent."""
        # More files may be added in the meantime.
        while self._done:
            done, self._done = self._done, []
            await self._remove(done)

    async def _load(self, route: Route) -> list[Transaction]:
        """Load the newest payloads of *route* from the disk, if there are any."""
        target = self._targets[route]
        try:
            files = await self._call(partial(self._disk.pop, target, route))
        except OSError as error:
            self._losses.complain(f"cannot read the spool: {error.strerror}")
            return []
        loaded: list[Transaction] = []
        for file in files:
            if file.is_own:
                self._disk.index.counts_of(target).spooled -= file.points
            else:
                # Another process has counted them; for this one they are new.
                self._counters.snapshotted += file.points
            self._counters.pending += file.points
            self._files.add(file)
            loaded += sorted(file.waiting, key=lambda one: one.order)
        return loaded

    @protect_from_ki
    async def store(self, transactions: Iterable[Transaction]) -> None:
        """Write *transactions* and what was offered, when the server stops.

        A file that is unchanged since it was taken is put back. What cannot be written
        is counted as abandoned, unless it is also in a file that was partly sent. That
        file is put back too, and all of it will be sent again.
        """
        left = [*self._offered, *transactions]
        self._offered = []
        for file in [*self._files]:
            if not file.is_changed:
                await self._put_back(file)
        left = [one for one in left if one.file is None or one.file in self._files]
        for batch in split_into_files(left, self._max_file_bytes):
            if not await self._write(batch, "abandoned"):
                points = _count_points(one for one in batch if one.file is None)
                self._counters.abandon(points)
        await self._remove([file for file in self._files if not file.waiting])
        for file in [*self._files]:
            await self._put_back(file)

    async def _write(self, batch: list[Transaction], if_not: str) -> bool:
        """Write one file; return whether it is safe on disk."""
        target = self._targets[batch[0].payload.route]
        points = _count_points(batch)
        try:
            await self._call(partial(self._disk.push, target, batch))
        except (OSError, SpoolFullError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is full"
            self._losses.add(f"{if_not}, not spooled: {reason}", points, len(batch))
            return False
        self._counters.pending -= points
        self._disk.index.counts_of(target).spooled += points
        for one in batch:
            self.finish(one)
        return True

    async def _remove(self, files: Collection[SpoolFile]) -> None:
        if not files:
            return
        try:
            await self._call(partial(self._disk.acknowledge, files))
        except OSError as error:
            self._losses.complain(
                "cannot remove a file of the spool, it may be sent twice:"
                f" {error.strerror}"
            )
        self._files.difference_update(files)

    async def _put_back(self, file: SpoolFile) -> None:
        try:
            await self._call(partial(self._disk.release, file))
        except OSError as error:
            self._losses.complain(
                f"cannot put back a file of the spool: {error.strerror}"
            )
            return
        points = _count_points(file.waiting)
        self._counters.pending -= points
        target = self._targets[next(iter(file.waiting)).payload.route]
        self._disk.index.counts_of(target).spooled += points
        self._files.discard(file)

    async def _call(self, operation: Callable[[], T]) -> T:
        """Call *operation* in a thread, and count what it found out.

        Only the end of a stop cancels it, because it must be known what an operation
        did.

        Raises:
            OSError: if the operation raises it, or a stop had no time for it.
        """
        with self.stop.limit(extra_seconds=GRACE_SECONDS, shield=True):
            try:
                return await self._run_in_thread(operation)
            finally:
                self._disk.index.count_findings()
        raise OSError(errno.ETIMEDOUT, "the disk did not answer in time")


def _count_points(transactions: Iterable[Transaction]) -> int:
    return sum(one.payload.points for one in transactions)
