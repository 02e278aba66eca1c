"""Moves payloads of one endpoint between memory and the spool, and counts them.

Disks are slow at the wrong moment, so all of it happens in a worker thread, one
operation of the spool at a time. A payload is ``pending`` until its file is synced,
and ``spooled`` only then.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import partial
from typing import Final, Protocol, TypeVar

import attrs
import trio

from statsd_trio.ledger import SinkCounters
from statsd_trio.sinks.datadog.losses import LossReport
from statsd_trio.sinks.datadog.spool import Claiming, Spool, SpoolFullError
from statsd_trio.sinks.datadog.spoolfile import Record
from statsd_trio.sinks.datadog.transaction import LoadedFile, Transaction

logger = logging.getLogger(__name__)

# A file is read whole and is claimed until all of it is sent.
_MAX_FILE_BYTES: Final = 4 * 1024 * 1024

T = TypeVar("T")


class RunInThread(Protocol):
    """Calls a function where blocking is allowed."""

    def __call__(self, function: Callable[[], T], /) -> Awaitable[T]:
        """Call *function*; a cancel waits until it has returned."""
        ...


@attrs.frozen
class _Written:
    """A file that this process wrote.

    Attributes:
        on_dropped: called with its points when it had to make room.
    """

    points: int
    on_dropped: Callable[[int], None]


class SharedSpool:
    """One spool for all endpoints of a process."""

    def __init__(
        self, spool: Spool, run_in_thread: RunInThread = trio.to_thread.run_sync
    ) -> None:
        self._spool = spool
        self._run_in_thread = run_in_thread
        self._lock = trio.Lock()
        self._written: dict[str, _Written] = {}

    async def write(
        self, target: str, records: list[Record], on_dropped: Callable[[int], None]
    ) -> None:
        """Write one file.

        Raises:
            OSError: if it could not be written.
            SpoolFullError: if it is longer than the spool may be.
        """
        async with self._lock:
            stem, dropped = await self._run_in_thread(
                partial(self._spool.write, target, records)
            )
            points = sum(record.payload.points for record in records)
            self._written[stem] = _Written(points, on_dropped)
            for dropped_stem in dropped:
                written = self._written.pop(dropped_stem, None)
                if written is not None:
                    written.on_dropped(written.points)
                else:
                    logger.warning(
                        "dropped the oldest file of the spool, which another process"
                        " wrote, over the bound"
                    )

    async def claim_newest(self, target: str) -> tuple[Claiming, int | None]:
        """Take a file.

        Returns:
            what came of it, and the points if this process wrote the file.

        Raises:
            OSError: if the directory cannot be read.
        """
        async with self._lock:
            claiming = await self._run_in_thread(
                partial(self._spool.claim_newest, target)
            )
            if claiming.claim is None:
                return claiming, None
            written = self._written.pop(claiming.claim.stem, None)
            return claiming, None if written is None else written.points

    async def remove(self, file: LoadedFile) -> None:
        """Remove a file that was taken.

        Raises:
            OSError: if it cannot be removed.
        """
        async with self._lock:
            await self._run_in_thread(partial(self._spool.remove, file.claim))

    def close(self) -> None:
        """Leave the directory."""
        self._spool.close()


class Spooling:
    """The spool as one endpoint and key sees it."""

    def __init__(
        self,
        shared: SharedSpool,
        target: str,
        counters: SinkCounters,
        losses: LossReport,
        max_file_bytes: int,
    ) -> None:
        self._shared = shared
        self._target = target
        self._counters = counters
        self._losses = losses
        self._max_file_bytes = min(max_file_bytes, _MAX_FILE_BYTES)
        self._offered: list[Transaction] = []
        # Files whose payloads are in memory, and those of them that are not needed
        # any more.
        self._loaded: set[LoadedFile] = set()
        self._sent: list[LoadedFile] = []
        self._changed = trio.lowlevel.ParkingLot()
        self._written = trio.lowlevel.ParkingLot()

    @property
    def is_busy(self) -> bool:
        """Whether payloads wait to be written."""
        return bool(self._offered)

    def offer(self, transactions: Iterable[Transaction]) -> None:
        """Have *transactions* written by `run`."""
        self._offered.extend(transactions)
        self._changed.unpark_all()

    def settle(self, transaction: Transaction) -> None:
        """Note that *transaction* is delivered or lost, and needs no file."""
        file = transaction.loaded_from
        if file is not None:
            file.remaining -= 1
            if file.remaining == 0:
                self._sent.append(file)
                self._changed.unpark_all()

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """Write what is offered and remove what was sent, until cancelled."""
        while True:
            # What is offered stays so until its file is written: a cancel before
            # that leaves it to `store`.
            for batch in self._split(self._offered):
                await self._write(batch, "evicted")
                written = set(batch)
                self._offered = [one for one in self._offered if one not in written]
            while self._sent:
                # More may come meanwhile; a cancel leaves this one to `store`.
                file = self._sent.pop()
                await self._remove(file)
                self._loaded.discard(file)
            if not self._offered:
                await self._changed.park()

    async def wait_written(self) -> None:
        """Wait until `run` has written a file."""
        await self._written.park()

    async def store(self, transactions: Iterable[Transaction]) -> None:
        """Write *transactions* and what is offered; for the end, without `run`.

        What cannot be written is counted as abandoned.
        """
        for batch in self._split([*self._offered, *transactions]):
            await self._write(batch, "abandoned")
        # What these held is sent, counted, or in another file by now.
        for file in self._loaded:
            await self._remove(file)

    async def load(self) -> list[Transaction]:
        """Take the newest file; [] if there is none."""
        try:
            claiming, own_points = await self._shared.claim_newest(self._target)
        except OSError as error:
            logger.warning("cannot read the spool: %s", error.strerror)
            return []
        self._counters.spool_set_aside += claiming.set_aside
        if claiming.claim is None:
            return []
        records = claiming.claim.records
        points = sum(record.payload.points for record in records)
        if own_points is None:
            # Another process counted them; for this one they are new.
            self._counters.snapshotted += points
        else:
            self._counters.spooled -= points
        self._counters.pending += points
        file = LoadedFile(claiming.claim, len(records))
        self._loaded.add(file)
        return [
            Transaction(
                record.payload,
                (record.time, number),
                is_doubtful=record.is_doubtful,
                loaded_from=file,
            )
            for number, record in enumerate(records)
        ]

    async def _write(self, batch: list[Transaction], if_not: str) -> None:
        records = [
            Record(one.payload, one.order[0], is_doubtful=one.is_doubtful)
            for one in batch
        ]
        points = sum(one.payload.points for one in batch)
        try:
            await self._shared.write(self._target, records, self._drop)
        except (OSError, SpoolFullError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is full"
            self._counters.pending -= points
            if if_not == "evicted":
                self._counters.evicted += points
            else:
                self._counters.abandoned += points
            self._losses.add(f"{if_not}, not spooled: {reason}", points, len(batch))
        else:
            self._counters.pending -= points
            self._counters.spooled += points
            self._written.unpark_all()
        for one in batch:
            self.settle(one)

    async def _remove(self, file: LoadedFile) -> None:
        try:
            await self._shared.remove(file)
        except OSError as error:
            logger.warning(
                "cannot remove a file of the spool, it may be sent twice: %s",
                error.strerror,
            )

    def _drop(self, points: int) -> None:
        self._counters.spooled -= points
        self._counters.evicted += points
        self._losses.add("evicted from the spool", points)

    def _split(
        self, transactions: Iterable[Transaction]
    ) -> Iterator[list[Transaction]]:
        """Split into batches for files, the oldest first."""
        batch: list[Transaction] = []
        size = 0
        for transaction in sorted(transactions, key=lambda one: one.order):
            if batch and size + transaction.size > self._max_file_bytes:
                yield batch
                batch, size = [], 0
            batch.append(transaction)
            size += transaction.size
        if batch:
            yield batch
