"""Payloads go over a real socket; what they say comes out."""

import gzip
import sys
import zlib
from collections.abc import Callable
from typing import Final

import httpx2
import pytest
from trio.testing import MockClock

from statsd_trio.mock_intake import (
    MockIntake,
    ReceivedOrigin,
    ReceivedPoint,
    ReceivedSeries,
    ReceivedSketch,
    ReceivedSketchPoint,
    Route,
)
from statsd_trio.mock_intake.received import ReceivedResource, ReceivedType
from tests.mock_intake.conftest import Encoder

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

COMPRESSORS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "identity": bytes,
    "zstd": zstd.compress,
    "deflate": zlib.compress,
    "gzip": gzip.compress,
}


async def test_series_come_out_as_they_were_sent(
    encode: Encoder, intake: MockIntake, client: httpx2.AsyncClient
) -> None:
    body = encode.series_payload(
        encode.series(
            "page.views",
            points=[(1000, 1.5), (1010, -2.0)],
            tags=["env:prod", "zone:ü"],
            resources=[("host", "web-1"), ("device", "sda")],
            type=2,
            unit="millisecond",
            source_type_name="System",
            interval=10,
            metadata=encode.origin(10, 10, 0),
        )
    )
    answer = await client.post("/api/v2/series", content=body)
    assert (answer.status_code, answer.json()) == (202, {"errors": []})
    assert intake.series == (
        ReceivedSeries(
            name="page.views",
            type=ReceivedType.RATE,
            points=(ReceivedPoint(1000, 1.5), ReceivedPoint(1010, -2.0)),
            tags=("env:prod", "zone:ü"),
            resources=(
                ReceivedResource("host", "web-1"),
                ReceivedResource("device", "sda"),
            ),
            interval=10,
            unit="millisecond",
            source_type_name="System",
            origin=ReceivedOrigin(10, 10, 0),
        ),
    )
    assert intake.series[0].host == "web-1"


async def test_sketches_come_out_as_they_were_sent(
    encode: Encoder, intake: MockIntake, client: httpx2.AsyncClient
) -> None:
    point = encode.sketch_point(
        1000, count=3, summary=(-1, 1, 0, 0), keys=(-1338, 0, 1338), counts=(1, 1, 1)
    )
    body = encode.sketch_payload(
        encode.sketch("latency", point, host="web-1", tags=["env:prod"])
    )
    answer = await client.post("/api/beta/sketches", content=body)
    assert answer.status_code == 202
    assert intake.sketches == (
        ReceivedSketch(
            name="latency",
            points=(
                ReceivedSketchPoint(
                    timestamp=1000,
                    count=3,
                    min=-1,
                    max=1,
                    average=0,
                    sum=0,
                    keys=(-1338, 0, 1338),
                    counts=(1, 1, 1),
                ),
            ),
            tags=("env:prod",),
            host="web-1",
        ),
    )


@pytest.mark.parametrize("encoding", COMPRESSORS)
async def test_every_encoding_is_decoded(
    encode: Encoder, intake: MockIntake, client: httpx2.AsyncClient, encoding: str
) -> None:
    body = encode.series_payload(*[encode.series()] * 1000)
    answer = await client.post(
        "/api/v2/series",
        content=COMPRESSORS[encoding](body),
        headers={"Content-Encoding": encoding},
    )
    assert answer.status_code == 202
    assert len(intake.series) == 1000
    assert intake.attempts[0].raw_bytes == len(body)


async def test_nothing_waits_for_a_virtual_clock(
    mock_clock: MockClock,
    encode: Encoder,
    intake: MockIntake,
    client: httpx2.AsyncClient,
) -> None:
    mock_clock.autojump_threshold = 0.01
    await client.post("/api/v2/series", content=encode.series_payload(encode.series()))
    assert intake.attempts[0].route is Route.SERIES
