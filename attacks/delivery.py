"""Check that events do not starve metrics, and that refusals do not stop the rest."""

import shutil
import time
from pathlib import Path
from typing import Final

from attacks.attack import Attack
from attacks.intakes import Intakes
from attacks.trial import INTERVAL_SECONDS, Trial
from benchmarks.sender import Sending
from benchmarks.workload import Workload

_COUNTERS: Final = 2970
_EVENTS: Final = 4500

# What a bucket may need to arrive: it ends, it is sent, and a machine may be busy.
_ARRIVAL_SECONDS: Final = 4.0 * INTERVAL_SECONDS

# The key of a count whose names begin so, as the intake adds them up.
_SUM: Final = "attack.1"


def burst_of_events(trial: Trial) -> None:
    """Send 4500 events of 4 KB, and 2970 counters among them."""
    intakes = trial.start_intakes()
    server = trial.start_server(intakes=intakes)
    events = trial.scale(_EVENTS)
    counters = trial.start_datagrams(
        Sending(
            Workload("new names", _COUNTERS), packets_per_second=2000, max_seconds=5
        ),
        server.udp,
    )
    flood = trial.start_datagrams(
        Sending(Workload("events", events), packets_per_second=3000, max_seconds=5),
        server.udp,
    )
    flood.go()
    counters.go()
    counters.wait()
    flood.wait()
    seconds = trial.wait_until(
        lambda: _read_sum(intakes) >= _COUNTERS,
        "all counters arrive",
        _ARRIVAL_SECONDS,
    )
    ledger = trial.judge(server.stop())
    (received,) = intakes.read()
    trial.account_received(ledger, received)
    trial.account("counters", _COUNTERS, received.values.get(_SUM, 0))
    trial.finding.load = f"{events:,} events of 4 KB, {_COUNTERS:,} counters"
    trial.finding.delivered = (
        f"all counters after {seconds:.1f} s, {received.points['events']:,} events"
    )


def slow_answers(trial: Trial) -> None:
    """Send 400 events a second to an intake that answers after 50 ms."""
    seconds = 10
    intakes = trial.start_intakes([{"fault": "accept", "delay_seconds": 0.05}])
    server = trial.start_server(intakes=intakes)
    lines = 200 * seconds
    counters = trial.start_datagrams(
        Sending(
            Workload("counters", lines), lines_per_second=200, max_seconds=2 * seconds
        ),
        server.udp,
    )
    events = trial.start_datagrams(
        Sending(
            Workload("events", 400 * seconds),
            packets_per_second=400,
            max_seconds=2 * seconds,
        ),
        server.udp,
    )
    counters.go()
    events.go()
    longest = _measure_silence(intakes, seconds)
    counters.wait()
    sent = events.wait()
    ledger = trial.judge(server.stop())
    (received,) = intakes.read()
    trial.account_received(ledger, received)
    trial.account("counters", lines, received.values.get("shop.orders", 0))
    trial.expect(longest <= _ARRIVAL_SECONDS, f"no counter arrived for {longest:.1f} s")
    trial.finding.load = f"400 events/s, answers after 50 ms, for {seconds} s"
    trial.finding.delivered = (
        f"{received.values.get('shop.orders', 0):,.0f} of {lines:,} counters, "
        f"{received.points['events']:,} of {sent.packets:,} events"
    )


def revoke_key(trial: Trial) -> None:
    """Make the intake refuse the key that it accepted so far."""
    intakes = trial.start_intakes()
    server = trial.start_server(intakes=intakes)
    trial.wait_until(
        lambda: intakes.read()[0].count_points() > 0, "points arrive", _ARRIVAL_SECONDS
    )
    intakes.play([{"status": 403}])
    seconds = trial.wait_until(
        lambda: server.ask("/readyz")[0] == 503,
        "/readyz says that it is not ready",
        # Two intervals, and what a busy machine adds.
        2 * INTERVAL_SECONDS + 2,
    )
    key = server.read_ledger().sinks[0].api_key
    trial.expect(key == "invalid", f"the key is shown as {key}")
    trial.judge(server.stop())
    trial.finding.load = "403 to every request, after 202"
    trial.finding.delivered = f"not ready after {seconds:.1f} s, key {key}"


def no_retries(trial: Trial) -> None:
    """Deliver with ``retry_queue_bytes`` 0, which is less than any payload."""
    _deliver_with_small_queue(trial, 0)


def small_retry_queue(trial: Trial) -> None:
    """Deliver with ``retry_queue_bytes`` 3000, which is less than a payload."""
    _deliver_with_small_queue(trial, 3000)


def no_retries_but_spool(trial: Trial) -> None:
    """Deliver with ``retry_queue_bytes`` 0 and a spool, after one answer of 503."""
    _deliver_with_small_queue(
        trial,
        0,
        f"--spool-path={trial.folder / 'spool'}",
        "--spool-max-bytes=10MiB",
        first_status=503,
    )


def stop_with_unwritable_spool(trial: Trial) -> None:
    """Stop with an intake that is down and a spool that has become a file."""
    intakes = trial.start_intakes([{"status": 503}])
    spool = trial.folder / "spool"
    server = trial.start_server(
        f"--spool-path={spool}", "--spool-max-bytes=10MiB", intakes=intakes
    )
    sender = trial.start_datagrams(
        Sending(Workload("new names", _COUNTERS), packets_per_second=2000), server.udp
    )
    sender.go()
    sender.wait()
    time.sleep(INTERVAL_SECONDS)
    shutil.rmtree(spool)
    Path(spool).touch()
    ledger = trial.judge(server.stop())
    sink = ledger.sinks[0]
    trial.expect(sink.abandoned > 0, "nothing is counted as abandoned")
    trial.finding.load = f"{_COUNTERS:,} counters, 503 to all, no spool at the stop"
    trial.finding.delivered = f"{sink.delivered:,} of {sink.snapshotted:,} points"


def _deliver_with_small_queue(
    trial: Trial, retry_queue_bytes: int, *arguments: str, first_status: int = 202
) -> None:
    script = []
    if first_status != 202:
        script = [{"route": "series", "status": first_status, "times": 1}]
    intakes = trial.start_intakes(script)
    server = trial.start_server(
        f"--retry-queue-bytes={retry_queue_bytes}", *arguments, intakes=intakes
    )
    sender = trial.start_datagrams(
        Sending(Workload("new names", _COUNTERS), packets_per_second=2000), server.udp
    )
    sender.go()
    sender.wait()
    seconds = trial.wait_until(
        lambda: _read_sum(intakes) >= _COUNTERS, "all counters arrive", 20
    )
    ledger = trial.judge(server.stop())
    (received,) = intakes.read()
    trial.account_received(ledger, received)
    trial.account("counters", _COUNTERS, received.values.get(_SUM, 0))
    trial.finding.load = f"{_COUNTERS:,} counters, " + (
        "no room for retries" if not retry_queue_bytes else "3000 bytes for retries"
    )
    if script:
        trial.finding.load += f", a spool, {first_status} first"
    trial.finding.delivered = f"all after {seconds:.1f} s"


def _read_sum(intakes: Intakes) -> float:
    return intakes.read()[0].values.get(_SUM, 0)


def _measure_silence(intakes: Intakes, seconds: float) -> float:
    """Watch for a while, and return the longest time without a new counter."""
    started = grew = time.monotonic()
    longest = 0.0
    last = 0.0
    while (now := time.monotonic()) < started + seconds:
        value = intakes.read()[0].values.get("shop.orders", 0)
        if value > last:
            last = value
            grew = now
        longest = max(longest, now - grew)
        time.sleep(0.1)
    return longest


ATTACKS: Final = (
    Attack("burst of events", burst_of_events),
    Attack("slow answers", slow_answers),
    Attack("key revoked", revoke_key),
    Attack("no retries", no_retries),
    Attack("small retry queue", small_retry_queue),
    Attack("no retries, but a spool", no_retries_but_spool),
    Attack("stop with an unwritable spool", stop_with_unwritable_spool),
)
