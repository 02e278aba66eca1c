"""Send the metrics of a small web shop to a mock Datadog intake, and compare them.

Three parties, as in production, but all on this machine and without an account:

* a *shop* in a thread of its own, instrumented with Datadog's own client;
* a *statsd-trio server*, which the shop sends to over UDP;
* a *mock intake* over HTTP, which the server delivers to.

At the end a table puts what the shop sent beside what the intake received, and the
server's ledger says what became of every packet, line, sample and point. The exit code
is 1 if anything differs.
"""

import random
import sys
import time
from collections.abc import Callable
from functools import partial

import attrs
import trio
from datadog.dogstatsd.base import DogStatsd

from statsd_trio import Config, Ledger, Server, serve
from statsd_trio.mock_intake import MockIntake, open_mock_intake

SECONDS = 6.0
VISITS_PER_SECOND = 200
INTERVAL_SECONDS = 2


@attrs.define
class Sales:
    """What the shop knows about what it sent."""

    visits: int = 0
    orders: int = 0
    visitors: set[str] = attrs.field(factory=set)
    page_ms: list[float] = attrs.field(factory=list)
    query_ms: list[float] = attrs.field(factory=list)
    basket_eur: list[float] = attrs.field(factory=list)
    carts_open: int = 0


def run_shop(port: int, show: Callable[[Sales], None]) -> Sales:
    """Run the shop for a few seconds; this runs in a thread of its own."""
    client = DogStatsd(
        host="127.0.0.1",
        port=port,
        constant_tags=["env:demo", "service:shop"],
        disable_telemetry=True,
    )
    dice = random.Random(7)
    sales = Sales()
    started = time.monotonic()
    while (elapsed := time.monotonic() - started) < SECONDS:
        while sales.visits < elapsed * VISITS_PER_SECOND:
            visit(client, dice, sales)
        show(sales)
        time.sleep(0.1)
    client.flush()
    client.close_socket()
    return sales


def visit(client: DogStatsd, dice: random.Random, sales: Sales) -> None:
    """Let one visitor look at a page and, perhaps, buy something."""
    sales.visits += 1
    client.increment("shop.page.views", tags=[f"page:{dice.choice('abc')}"])

    visitor = f"visitor-{sales.visits}"
    sales.visitors.add(visitor)
    client.set("shop.visitors", visitor)

    page_ms = round(dice.lognormvariate(3, 0.5), 3)
    sales.page_ms.append(page_ms)
    client.histogram("shop.page.ms", page_ms)

    query_ms = round(dice.lognormvariate(1, 0.7), 3)
    sales.query_ms.append(query_ms)
    client.timing("shop.query.ms", query_ms)

    sales.carts_open = max(0, sales.carts_open + dice.choice((-1, 1)))
    client.gauge("shop.carts.open", sales.carts_open)

    if dice.random() < 0.1:
        basket = round(dice.uniform(5, 150), 2)
        sales.orders += 1
        sales.basket_eur.append(basket)
        client.increment("shop.orders")
        client.distribution("shop.basket.eur", basket)


def compare(sales: Sales, intake: MockIntake) -> list[tuple[str, float, float]]:
    """Pair each figure of the shop with the intake's."""

    def add_rates(name: str) -> float:
        return sum(
            point.value * series.interval
            for series in intake.series
            if series.name == name
            for point in series.points
        )

    def list_gauge(name: str) -> list[float]:
        points = [
            point
            for series in intake.series
            if series.name == name
            for point in series.points
        ]
        return [point.value for point in sorted(points)]

    baskets = [
        point
        for sketch in intake.sketches
        if sketch.name == "shop.basket.eur"
        for point in sketch.points
    ]
    return [
        ("page views (counter, total)", sales.visits, add_rates("shop.page.views")),
        ("orders (counter, total)", sales.orders, add_rates("shop.orders")),
        (
            "visitors (set, distinct)",
            len(sales.visitors),
            sum(list_gauge("shop.visitors")),
        ),
        (
            "carts open (gauge, last)",
            sales.carts_open,
            list_gauge("shop.carts.open")[-1],
        ),
        (
            "pages timed (histogram, count)",
            len(sales.page_ms),
            add_rates("shop.page.ms.count"),
        ),
        (
            "slowest page (histogram, max)",
            max(sales.page_ms),
            max(list_gauge("shop.page.ms.max")),
        ),
        (
            "queries (timer, count)",
            len(sales.query_ms),
            add_rates("shop.query.ms.count"),
        ),
        (
            "slowest query (timer, max)",
            max(sales.query_ms),
            max(list_gauge("shop.query.ms.max")),
        ),
        (
            "baskets (distribution, count)",
            len(sales.basket_eur),
            sum(point.count for point in baskets),
        ),
        (
            "turnover (distribution, sum)",
            sum(sales.basket_eur),
            sum(point.sum for point in baskets),
        ),
        (
            "largest basket (distribution, max)",
            max(sales.basket_eur),
            max((point.max for point in baskets), default=0.0),
        ),
    ]


def print_figures(figures: list[tuple[str, float, float]]) -> bool:
    """Print the table; return True if both columns are equal."""
    print(f"\n{'':34} {'shop sent':>14} {'intake got':>14}")
    is_equal = True
    for label, sent, received in figures:
        same = abs(sent - received) <= 1e-6 * max(1.0, abs(sent))
        is_equal &= same
        mark = "" if same else "  <-- differs"
        print(f"{label:34} {sent:14,.2f} {received:14,.2f}{mark}")
    return is_equal


def print_ledger(ledger: Ledger) -> None:
    """Print what became of every packet, line, sample and point."""
    udp = ledger.listeners[0]
    lines, samples, sink = ledger.lines, ledger.samples, ledger.sinks[0]
    print("\nledger")
    print(f"  packets  {udp.packets} read, {udp.kernel_dropped} dropped by the kernel")
    print(
        f"  lines    {lines.read} read = {lines.metrics} metrics"
        f" + {lines.events} events + {lines.service_checks} checks"
        f" + {sum(lines.rejected.values())} rejected + {lines.filtered} filtered"
    )
    print(
        f"  samples  {samples.parsed} parsed = {samples.aggregated} aggregated"
        f" + {sum(samples.dropped.values())} dropped"
    )
    print(
        f"  points   {sink.snapshotted} taken = {sink.delivered} delivered"
        f" + {sink.pending} pending + {sum(sink.refused.values())} refused"
        f" + {sink.evicted + sink.oversize + sink.abandoned} lost"
    )


def show_progress(sales: Sales) -> None:
    """Show how far the shop is, on one line of a terminal."""
    if sys.stdout.isatty():
        print(
            f"\rthe shop is open: {sales.visits:5} visits, {sales.orders:4} orders",
            end="",
            flush=True,
        )


async def main() -> int:
    """Run shop, server and intake, then compare."""
    async with open_mock_intake() as intake:
        config = Config(
            port=0,
            api_key="not-a-real-key",
            dd_url=intake.url,
            hostname="demo",
            interval_seconds=INTERVAL_SECONDS,
        )
        async with trio.open_nursery() as nursery:
            server: Server = await nursery.start(serve, config)
            host, port = server.udp_address
            print(f"server listens on {host}:{port}, mock intake on {intake.url}")
            print(f"the shop opens for {SECONDS:.0f} seconds")
            sales = await trio.to_thread.run_sync(
                partial(run_shop, port, show_progress)
            )
            # The way to stop a server; what it holds is delivered before this ends.
            nursery.cancel_scope.cancel()
        is_equal = print_figures(compare(sales, intake))
        print_ledger(server.ledger())
    print("\nequal" if is_equal else "\nDIFFERENT")
    return 0 if is_equal else 1


if __name__ == "__main__":
    sys.exit(trio.run(main))
