"""What may look on while a server takes lines in."""

from typing import Protocol

from statsd_trio.aggregation.snapshot import Snapshot
from statsd_trio.errors import ParseError
from statsd_trio.protocol.messages import Event, Sample, ServiceCheck
from statsd_trio.rules import Rules
from statsd_trio.transports.packet import Origin


class Watcher(Protocol):
    """Somebody who sees everything that a server takes in, and changes nothing.

    A server that is watched aggregates as before, at full speed. What a watcher does
    runs in the server's own loop, so each call has to return within a fraction of a
    millisecond. What it raises is counted as a failure of the hook ``watcher``.
    """

    def see_rules(self, rules: Rules) -> None:
        """See what each line passes: when the watching begins, and at a reload."""
        ...

    def see_lines(self, lines: bytes, origin: Origin) -> None:
        """See some lines of one sender, good and bad; a newline is between two."""
        ...

    def see_sample(self, sample: Sample) -> None:
        """See what the hook ``on_sample`` made of a metric line.

        It is called where a program has that hook, before `see_lines`.
        """
        ...

    def see_message(self, message: Event | ServiceCheck) -> None:
        """See an event or a service check."""
        ...

    def see_rejected(self, error: ParseError, line: bytes, origin: Origin) -> None:
        """See a line that was rejected."""
        ...

    def see_snapshot(self, snapshot: Snapshot) -> None:
        """See what one flush handed to the sinks."""
        ...
