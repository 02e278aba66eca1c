"""A user's program, to be read by type checkers and never run.

mypy and pyright of today read it, and mypy 1.10 with trio-typing's plugin and
stubs. What a user gets wrong stands here too: an ignore that a checker does not
need is an error in strict mode, so a checker that stops noticing fails.
"""

from functools import partial
from pathlib import Path

import trio

from statsd_trio import (
    Config,
    ConfigError,
    Event,
    Ledger,
    MapperProfile,
    MetricMapping,
    Origin,
    ParseError,
    Reason,
    Sample,
    Secret,
    Server,
    ServerThread,
    ServiceCheck,
    TagFilterEntry,
    load_config,
    serve,
)


def configure() -> Config:
    return Config(host="127.0.0.1", port=0, sinks=("console",), tags=("env:test",))


def drop_debug(sample: Sample) -> Sample | None:
    return None if sample.name.startswith("debug.") else sample


def keep(_error: ParseError, _line: bytes, origin: Origin) -> None:
    assert origin.transport


def look_on(message: Event | ServiceCheck) -> None:
    assert message.tags


def hook() -> Config:
    return Config(
        api_key=Secret("key"),
        on_sample=drop_debug,
        on_rejected=keep,
        on_event=look_on,
        mapper_profiles=[MapperProfile("a", "a.", (MetricMapping("a.*", "a"),))],
        metric_tag_filterlist=[TagFilterEntry("a.b", ("host",))],
    )


def load(path: Path) -> Config | list[str]:
    try:
        return load_config(path=path)
    except ConfigError as error:
        return error.problems


def run_until_cancelled() -> None:
    trio.run(serve, configure())


def run_without_destination() -> None:
    trio.run(partial(serve, configure(), sinks=()))


def run_with_wrong_arguments() -> None:
    trio.run(serve, "no configuration")  # type: ignore[arg-type]


async def embed() -> Ledger:
    async with trio.open_nursery() as nursery:
        server: Server = await nursery.start(serve, configure())
        host, port = server.udp_address
        where: list[tuple[str, int] | str] = [*server.addresses, f"{host}:{port + 1}"]
        is_taken: bool = server.submit(b"page.views:1|c")
        await server.flush()
        ledger: Ledger = server.ledger()
        nursery.cancel_scope.cancel()
    assert is_taken, where
    return ledger


def run_in_a_thread() -> int:
    with ServerThread(Config(port=0, sinks=())) as server:
        server.reload(configure())
        return server.ledger().lines.rejected.get(Reason.NOT_UTF8, 0)


def start_in_a_shell(server: ServerThread) -> tuple[str, int]:
    server.start()
    address = server.udp_address
    server.stop()
    return address


def blame(error: ConfigError | ParseError) -> str:
    match error:
        case ConfigError():
            return "; ".join(error.problems)
        case ParseError():
            return f"{error.reason} at {error.column}"
