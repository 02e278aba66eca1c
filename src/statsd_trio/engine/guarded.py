"""Contain the failure of an engine, so that the server goes on without it."""

from collections.abc import Callable, Mapping, Sequence

from statsd_trio.engine.context import Context
from statsd_trio.engine.engine import ClosedBucket, Engine, EngineError, Taken


class GuardedEngine:
    """Passes every call to an engine, and notes the failure if one breaks off.

    A failed call does nothing more. The owner checks `failure` regularly, closes the
    bucket and replaces the engine.

    Attributes:
        failure: why the current engine failed; None as long as it works.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._condensed_before = 0
        self.failure: EngineError | None = None

    @property
    def name(self) -> str:
        """The engine's name in the log and the ledger."""
        return self._engine.name

    @property
    def condensed(self) -> int:
        """How many histogram values were only kept to a sketch's precision so far."""
        return self._condensed_before + self._engine.condensed

    @property
    def is_used(self) -> bool:
        """Whether the open bucket got a sample, even if all of it was dropped."""
        return self._engine.is_used

    @property
    def memory_used(self) -> tuple[int, int, int]:
        """The estimated bytes that heads, strings of sets, and values take."""
        return self._engine.memory_used

    def limit_memory(self, heads: int, sets: int, values: int) -> None:
        """Set how many bytes may be used, as `Engine.limit_memory`."""
        self._engine.limit_memory(heads, sets, values)

    def replace(self, engine: Engine) -> None:
        """Pass calls to *engine* from now on."""
        self._condensed_before += self._engine.condensed
        self._engine = engine
        self.failure = None

    def take(self, chunk: bytes, give_back: Callable[[bytes], None]) -> Taken:
        """Add the lines of *chunk*, as `Engine.take`."""
        try:
            return self._engine.take(chunk, give_back)
        except EngineError as failure:
            self.failure = failure
            return failure.taken

    def learn(
        self, line: bytes, kind: int, context: Context | None, sample_rate: float
    ) -> None:
        """Add lines with the head of *line* to *context*, as `Engine.learn`."""
        try:
            self._engine.learn(line, kind, context, sample_rate)
        except EngineError as failure:
            self.failure = failure

    def add(
        self,
        context: Context,
        values: Sequence[float] | Sequence[bytes],
        sample_rate: float,
    ) -> Mapping[str, int]:
        """Add values, as `Engine.add`.

        A failure drops the rest as ``engine_failed``.
        """
        try:
            return self._engine.add(context, values, sample_rate)
        except EngineError as failure:
            self.failure = failure
            return {"engine_failed": len(values) - failure.taken[2]}

    def require_exact(self, context: Context) -> None:
        """Give all lines of *context* back, as `Engine.require_exact`."""
        try:
            self._engine.require_exact(context)
        except EngineError as failure:
            self.failure = failure

    def is_filled(self, context: Context) -> bool:
        """Return whether the bucket has anything of *context*, as `Engine.is_filled`.

        After a failure this is True, so that nothing expires.
        """
        try:
            return self._engine.is_filled(context)
        except EngineError as failure:
            self.failure = failure
            return True

    def forget(self, context: Context) -> None:
        """Stop adding lines to *context*, as `Engine.forget`."""
        try:
            self._engine.forget(context)
        except EngineError as failure:
            self.failure = failure

    def forget_heads(self) -> None:
        """Forget every head, as `Engine.forget_heads`."""
        try:
            self._engine.forget_heads()
        except EngineError as failure:
            self.failure = failure

    def advance(self, now: float) -> None:
        """Set the time of use, as `Engine.advance`."""
        try:
            self._engine.advance(now)
        except EngineError as failure:
            self.failure = failure

    def tidy(self) -> bool:
        """Do a small part of the work that was put off, as `Engine.tidy`."""
        try:
            return self._engine.tidy()
        except EngineError as failure:
            self.failure = failure
            return False

    def close(self) -> ClosedBucket:
        """Close the open bucket, as `Engine.close`; this works after a failure too."""
        return self._engine.close()
