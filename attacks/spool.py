"""Start with a spool of many small files, as short failures of an intake leave them."""

import json
import time
from pathlib import Path
from typing import Final

from attacks.attack import Attack
from attacks.trial import Trial
from statsd_trio.sinks.datadog.routes import DatadogRoute
from statsd_trio.sinks.delivery.payload import Payload
from statsd_trio.sinks.delivery.spool import name_target
from statsd_trio.sinks.delivery.spool_file import format_spool_file
from statsd_trio.sinks.delivery.transaction import Transaction

_FILES: Final = 20_000

# In CPU time of the server: how many a second on the clock depends on the intake too.
_LEAST_A_CPU_SECOND: Final = 500.0

# What is not sent by then stays where it is.
_SECONDS: Final = 12.0
_LOOK_SECONDS: Final = 0.5


def drain_small_files(trial: Trial) -> None:
    """Start with a spool of 20 000 files, each with one small event."""
    files = trial.scale(_FILES)
    intakes = trial.start_intakes()
    spool = trial.folder / "spool"
    spool.mkdir(mode=0o700)
    _write_files(spool, intakes.urls[0], files)
    server = trial.start_server(
        f"--spool-path={spool}", "--spool-max-bytes=1GiB", intakes=intakes
    )
    started, started_cpu = time.monotonic(), server.read_cpu_seconds()
    while time.monotonic() - started < _SECONDS:
        if intakes.read()[0].points.get("events", 0) >= files:
            break
        time.sleep(_LOOK_SECONDS)
    seconds = time.monotonic() - started
    rate = intakes.read()[0].points.get("events", 0) / (
        server.read_cpu_seconds() - started_cpu
    )
    trial.expect(
        rate >= _LEAST_A_CPU_SECOND, f"{rate:.0f} files in a second of CPU time"
    )
    ledger = trial.judge(server.stop())
    (received,) = intakes.read()
    trial.account_received(ledger, received)
    left = sum(1 for _ in spool.glob("*.spool"))
    sent = files - left
    trial.account("files", files, received.points.get("events", 0) + left)
    trial.finding.load = f"{files:,} files of one event each"
    trial.finding.delivered = (
        f"{sent:,} in {seconds:.0f} s, {rate:.0f} a CPU second; {left:,} left on disk"
    )


def _write_files(spool: Path, url: str, files: int) -> None:
    target = name_target(url, 0, DatadogRoute.EVENTS)
    now = int(time.time())
    for number in range(files):
        body = json.dumps({"title": f"event {number}", "text": "spooled"}).encode()
        transaction = Transaction(
            Payload(DatadogRoute.EVENTS, "", 1, body), order=(now, number)
        )
        name = f"{now:012d}-{0xA77AC0:08x}-{number:08d}.{target}.spool"
        (spool / name).write_bytes(format_spool_file([transaction]))


ATTACKS: Final = (Attack("20 000 small files in the spool", drain_small_files),)
