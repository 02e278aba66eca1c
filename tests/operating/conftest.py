from collections import Counter

import pytest

from statsd_trio.counters import (
    ContextCounters,
    LineCounters,
    ListenerCounters,
    SampleCounters,
    SinkCounters,
)
from statsd_trio.ledger import Ledger, QueueLedger


@pytest.fixture
def ledger() -> Ledger:
    udp = ListenerCounters(
        'udp "a\\b"\n', packets=5, kernel_dropped=2, refused=Counter(too_long=1)
    )
    unix = ListenerCounters("unix", packets=7)
    sink = SinkCounters("datadog", snapshotted=9, delivered=8, pending=1)
    sink.refused["400"] = 3
    return Ledger(
        listeners=(udp.freeze(), unix.freeze()),
        queue=QueueLedger(capacity=1024, used=1, peak=40),
        lines=LineCounters(
            read=12, metrics=10, events=1, rejected=Counter(bad_value=1)
        ).freeze(),
        samples=SampleCounters(parsed=20, aggregated=19).freeze(),
        contexts=ContextCounters(current=4, peak=6).freeze(),
        sinks=(sink.freeze(),),
    )
