"""``statsd-trio status``: show the ledger and the health of a running server."""

import json
from collections.abc import Iterator, Mapping, Sequence

import attrs
import click

from statsd_trio.cli.messages import fail
from statsd_trio.cli.remote import Readiness, RemoteError, url_option
from statsd_trio.ledger import Ledger, ListenerLedger, SinkLedger
from statsd_trio.plural import describe_count
from statsd_trio.printable import escape


@click.command(
    "status",
    epilog="""\b
    Example: statsd-trio serve --http 127.0.0.1:8127 ...
             statsd-trio status --url http://127.0.0.1:8127

    Exit codes: 0 if the server answered, ready or not; 1 if it did not; 2 for wrong
    usage.
    """,
)
@url_option
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
def command(url: str, *, as_json: bool) -> None:
    """Show what a running server received, and what became of it."""
    # This imports for a quarter of a second, and no other command should wait for it.
    from statsd_trio.cli.http_client import Remote  # noqa: PLC0415

    try:
        with Remote(url) as remote:
            readiness, ledger = remote.read_readiness(), remote.read_ledger()
    except RemoteError as error:
        fail(str(error))
    if as_json:
        shown = attrs.asdict(readiness) | {"ledger": attrs.asdict(ledger)}
        click.echo(json.dumps({"url": remote.name} | shown))
    else:
        for line in render_status(remote.name, readiness, ledger):
            click.echo(line)


def render_status(url: str, readiness: Readiness, ledger: Ledger) -> Iterator[str]:
    """Yield the status as lines for people."""
    ready = click.style("ready", fg="green")
    yield f"{url}: {ready if readiness.ready else click.style('not ready', fg='red')}"
    yield from (f"  {escape(reason)}" for reason in readiness.reasons)
    for name, trouble in readiness.conditions.items():
        yield f"  {escape(name)}: {escape(trouble)}"
    yield f"  version {escape(readiness.version or 'unknown')}"
    yield f"  engine {escape(ledger.engine)}"
    yield from _render_uptime(readiness.uptime_seconds, ledger)
    for listener in ledger.listeners:
        yield ""
        yield _write_heading(listener.name)
        yield from _render_listener(listener)
    queue, lines = ledger.queue, ledger.lines
    yield ""
    yield _write_heading("queue")
    yield from _render_counts(
        {
            "packets waiting": queue.used,
            "most ever": queue.peak,
            "capacity": queue.capacity,
        }
    )
    yield ""
    yield _write_heading("lines")
    yield from _render_counts(
        {
            "read": lines.read,
            "metrics": lines.metrics,
            "events": lines.events,
            "service checks": lines.service_checks,
            "filtered": lines.filtered,
            "repaired": lines.repaired,
        }
        | _name_reasons("rejected", lines.rejected)
        | _name_reasons("hook raised", lines.hook_failures)
    )
    yield ""
    yield _write_heading("samples")
    yield from _render_counts(
        {"parsed": ledger.samples.parsed, "aggregated": ledger.samples.aggregated}
        | _name_reasons("dropped", ledger.samples.dropped)
    )
    contexts = ledger.contexts
    yield ""
    yield _write_heading("contexts")
    yield from _render_counts(
        {
            "at present": contexts.current,
            "most ever": contexts.peak,
            "expired": contexts.expired,
            "with two types": contexts.type_clashes,
        }
    )
    for sink in ledger.sinks:
        yield ""
        yield _write_heading(sink.name)
        yield from _render_sink(sink)


def _write_heading(name: str) -> str:
    return click.style(escape(name), bold=True)


def _render_uptime(seconds: float, ledger: Ledger) -> Iterator[str]:
    """Yield how long the server has run, and its rates since the start."""
    if seconds <= 0:
        return
    yield f"  up for {describe_duration(seconds)}"
    packets = sum(listener.packets for listener in ledger.listeners)
    yield (
        f"  {ledger.lines.read / seconds:,.1f} lines and {packets / seconds:,.1f}"
        " packets a second since the start"
    )


def describe_duration(seconds: float) -> str:
    """Return a duration in its two largest units, such as ``2 days 3 hours``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    counts = {"day": days, "hour": hours, "minute": minutes, "second": rest}
    shown = [describe_count(count, unit) for unit, count in counts.items() if count]
    return " ".join(shown[:2]) or "0 seconds"


def _render_listener(listener: ListenerLedger) -> Iterator[str]:
    if listener.failure:
        yield f"  cannot receive: {escape(listener.failure)}"
    counts: dict[str, int | None] = {
        "packets": listener.packets,
        "bytes": listener.bytes,
        "dropped by the kernel": listener.kernel_dropped,
        "truncated": listener.truncated,
        "waits for the queue": listener.waits,
        "bytes left out": listener.dropped_bytes,
        "failures": listener.failures,
    }
    yield from _render_counts(counts | _name_reasons("refused", listener.refused))


def _render_sink(sink: SinkLedger) -> Iterator[str]:
    if sink.api_key:
        yield f"  API key {escape(sink.api_key)}"
    counts: dict[str, int | None] = {
        "points taken": sink.snapshotted,
        "delivered": sink.delivered,
        "pending": sink.pending,
        "spooled": sink.spooled,
        "evicted": sink.evicted,
        "oversize": sink.oversize,
        "abandoned": sink.abandoned,
        "gone from the spool": sink.spool_gone or None,
        "switched off": sink.switched_off or None,
        "resent": sink.resent,
        "tags joined": sink.joined_tags or None,
    }
    yield from _render_counts(counts | _name_reasons("refused", sink.refused))


def _name_reasons(what: str, counts: Mapping[str, int]) -> dict[str, int | None]:
    return {f"{what}: {reason}": count for reason, count in counts.items()}


def _render_counts(counts: Mapping[str, int | None]) -> Sequence[str]:
    """Return a row for each count, except those that the system does not know."""
    return [
        f"  {escape(name):<28} {count:>18,}"
        for name, count in counts.items()
        if count is not None
    ]
