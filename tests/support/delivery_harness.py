"""Destinations that deliver to a fake intake, in virtual time and without chance."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import attrs
import trio
import trio.testing

from statsd_trio.ledger import SinkLedger
from statsd_trio.sinks.delivery.payload_sender import PayloadSender
from statsd_trio.sinks.delivery.settings import DeliverySettings
from statsd_trio.sinks.sink_runner import SinkRunner

T = TypeVar("T")


def take_delivery_settings(options: dict[str, Any]) -> DeliverySettings:
    """Take the fields of `DeliverySettings` out of *options*."""
    names = attrs.fields_dict(DeliverySettings).keys() & options.keys()
    return DeliverySettings(**{name: options.pop(name) for name in names})


@asynccontextmanager
async def running(destination: SinkRunner) -> AsyncGenerator[trio.Nursery]:
    """Run *destination* for the length of a block, then keep what is left."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(destination.run)
        yield nursery
        nursery.cancel_scope.cancel()


async def stop(destination: SinkRunner, seconds: float) -> float:
    """Close *destination*, run it to its end, and return how long that took."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(destination.run)
        await trio.testing.wait_all_tasks_blocked()
        start = trio.current_time()
        destination.close(seconds)
    return trio.current_time() - start


async def run_inline(function: Callable[[], T]) -> T:
    """Stand in for a thread, which a virtual clock would not wait for."""
    await trio.lowlevel.checkpoint()
    return function()


def ledger_of(destination: SinkRunner) -> SinkLedger:
    """Return the only ledger of *destination*."""
    (ledger,) = destination.ledgers()
    return ledger


def sender_of(destination: SinkRunner) -> PayloadSender:
    """Return what sends the payloads of *destination*."""
    sender = destination._consumer
    assert isinstance(sender, PayloadSender)
    return sender


def check_identity(*ledgers: SinkLedger) -> None:
    """Check that every point of these destinations is in exactly one count."""
    assert ledgers
    for ledger in ledgers:
        assert ledger.snapshotted == (
            ledger.delivered
            + ledger.pending
            + ledger.spooled
            + sum(ledger.refused.values())
            + ledger.evicted
            + ledger.oversize
            + ledger.abandoned
            + ledger.spool_gone
        ), ledger
        assert ledger.pending >= 0, ledger
        assert ledger.spooled >= 0, ledger
