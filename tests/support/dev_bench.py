"""A model that watches ingestion, on a set clock and without a server."""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

import attrs
import trio
from stage import EPOCH, UDP, Stage, open_stage

from statsd_trio import Config
from statsd_trio.dev.documents import Documents
from statsd_trio.dev.page_model import PageModel
from statsd_trio.dev.query import read_query
from statsd_trio.engine.engine import MakeEngine
from statsd_trio.ledger import Ledger, ListenerLedger, QueueLedger
from statsd_trio.transports.packet import Origin

LISTENER = ListenerLedger(
    name=UDP.listener,
    packets=0,
    bytes=0,
    truncated=0,
    kernel_dropped=0,
    granted_buffer_bytes=None,
    refused={},
    waits=0,
    longest_wait_seconds=0.0,
)


@attrs.define
class FakeServer:
    """What a model asks of a server, of a stage."""

    config: Config
    stage: Stage
    listener: ListenerLedger = LISTENER

    def ledger(self) -> Ledger:
        return Ledger(
            listeners=(self.listener,),
            queue=QueueLedger(1024, 0, 0),
            lines=self.stage.lines.freeze(),
            samples=self.stage.samples.freeze(),
            contexts=self.stage.contexts.freeze(),
            sinks=(),
        )


@attrs.define
class Bench:
    """A model and what feeds it."""

    stage: Stage
    server: FakeServer
    model: PageModel

    def send(self, *packets: bytes, origin: Origin = UDP) -> None:
        for packet in packets:
            self.stage.process(packet)

    def pass_seconds(self, seconds: int = 1) -> None:
        for _ in range(seconds):
            self.stage.now[0] += 1
            self.stage.ingest.advance()
            for _ in self.model.recorder.work():
                pass
            self.model.tick()

    def flush(self) -> None:
        self.stage.ingest.show_snapshot(self.stage.take())

    def read(self, view: str, /, **parameters: object) -> Any:
        """Return the document of *view*."""
        asked: Mapping[str, list[str]] = {
            name: [str(each) for each in value]
            if isinstance(value, list)
            else [str(value)]
            for name, value in parameters.items()
        }
        document = trio.run(partial(Documents(self.model).get, view, read_query(asked)))
        return json.loads(document.body)


def open_bench(
    make_engine: MakeEngine,
    *,
    stage: Mapping[str, Any] | None = None,
    history_bytes: int = 64 * 1024 * 1024,
    received_bytes: int = 1024 * 1024,
    **config: Any,
) -> Bench:
    """Open a model at the time `EPOCH`; *config* are fields of a `Config`."""
    chosen = Config(port=0, sinks=(), hostname="web-1", **config)
    fed = open_stage(make_engine, hostname="web-1", tags=chosen.tags, **(stage or {}))
    server = FakeServer(chosen, fed)
    model = PageModel(
        server,
        make_engine,
        lambda: fed.now[0],
        history_bytes=history_bytes,
        received_bytes=received_bytes,
    )
    fed.ingest.watch(model)
    assert fed.now[0] == EPOCH
    return Bench(fed, server, model)
