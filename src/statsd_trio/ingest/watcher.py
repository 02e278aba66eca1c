"""The interface of an observer of everything that a server takes in."""

from collections.abc import Callable
from typing import Protocol, TypeVarTuple

from statsd_trio.aggregation.snapshot import Snapshot
from statsd_trio.errors import ParseError
from statsd_trio.protocol.messages import Event, Sample, ServiceCheck
from statsd_trio.rules import Rules
from statsd_trio.transports.packet import Origin

_Arguments = TypeVarTuple("_Arguments")


class Watcher(Protocol):
    """Sees everything that a server takes in, without changing anything.

    A server that is watched aggregates as usual, at full speed. The watcher's methods
    run in the server's own loop, so each call must return within a fraction of a
    millisecond. An error raised by one is counted as a failure of the hook ``watcher``.
    """

    def see_rules(self, rules: Rules) -> None:
        """See the rules for each line, at the start and after a reload."""
        ...

    def see_lines(self, lines: bytes, origin: Origin) -> None:
        """See some lines of one sender, good and bad, separated by newlines."""
        ...

    def see_sample(self, sample: Sample) -> None:
        """See what the hook ``on_sample`` returned for a metric line.

        This is only called if the program has that hook, and before `see_lines`.
        """
        ...

    def see_message(self, message: Event | ServiceCheck) -> None:
        """See an event or a service check."""
        ...

    def see_rejected(self, error: ParseError, line: bytes, origin: Origin) -> None:
        """See a rejected line."""
        ...

    def see_snapshot(self, snapshot: Snapshot) -> None:
        """See the snapshot that a flush passed to the sinks."""
        ...


class GuardedWatcher:
    """Shows everything to a watcher, and counts the errors that the watcher raises."""

    def __init__(
        self, watcher: Watcher, note_failure: Callable[[str, Exception], None]
    ) -> None:
        """Start with nothing shown.

        Args:
            watcher: sees everything.
            note_failure: called with the name of the hook, and the error that was
                raised.
        """
        self._watcher = watcher
        self._note_failure = note_failure

    def see_rules(self, rules: Rules) -> None:
        """Show *rules*."""
        self._show(self._watcher.see_rules, rules)

    def see_lines(self, lines: bytes, origin: Origin) -> None:
        """Show *lines*."""
        self._show(self._watcher.see_lines, lines, origin)

    def see_sample(self, sample: Sample) -> None:
        """Show *sample*."""
        self._show(self._watcher.see_sample, sample)

    def see_message(self, message: Event | ServiceCheck) -> None:
        """Show *message*."""
        self._show(self._watcher.see_message, message)

    def see_rejected(self, error: ParseError, line: bytes, origin: Origin) -> None:
        """Show a line that was rejected."""
        self._show(self._watcher.see_rejected, error, line, origin)

    def see_snapshot(self, snapshot: Snapshot) -> None:
        """Show *snapshot*."""
        self._show(self._watcher.see_snapshot, snapshot)

    def _show(
        self, see: Callable[[*_Arguments], None], *arguments: *_Arguments
    ) -> None:
        try:
            see(*arguments)
        except Exception as error:  # noqa: BLE001 - it changes nothing for the server
            self._note_failure("watcher", error)
