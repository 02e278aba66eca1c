"""An encoder for the intake's protobuf, written from its field tables."""

import struct
from collections.abc import AsyncIterator, Iterable
from typing import Final

import httpx2
import pytest

from statsd_trio.mock_intake import MockIntake, open_mock_intake

API_KEY: Final = "0123456789abcdef0123456789abcdef"


class Encoder:
    """Writes what the tests say, also what makes no sense."""

    def varint(self, value: int) -> bytes:
        value %= 1 << 64
        out = bytearray()
        while value > 0x7F:
            out.append(value & 0x7F | 0x80)
            value >>= 7
        return bytes([*out, value])

    def number(self, field: int, value: int) -> bytes:
        return self.varint(field << 3) + self.varint(value)

    def double(self, field: int, value: float) -> bytes:
        return self.varint(field << 3 | 1) + struct.pack("<d", value)

    def block(self, field: int, content: bytes | str) -> bytes:
        data = content.encode() if isinstance(content, str) else content
        return self.varint(field << 3 | 2) + self.varint(len(data)) + data

    def point(self, timestamp: int, value: float) -> bytes:
        return self.double(1, value) + self.number(2, timestamp)

    def origin(self, product: int, category: int, service: int) -> bytes:
        numbers = {4: product, 5: category, 6: service}
        return self.block(
            1, b"".join(self.number(field, n) for field, n in numbers.items())
        )

    def series(
        self,
        name: str = "page.views",
        *,
        points: Iterable[tuple[int, float]] = ((1000, 1.0),),
        tags: Iterable[str] = (),
        resources: Iterable[tuple[str, str]] = (),
        type: int = 3,  # noqa: A002 -- the field's name
        unit: str = "",
        source_type_name: str = "",
        interval: int = 10,
        metadata: bytes = b"",
    ) -> bytes:
        parts = [
            *(self.block(1, self.block(1, k) + self.block(2, n)) for k, n in resources),
            self.block(2, name),
            *(self.block(3, tag) for tag in tags),
            *(self.block(4, self.point(*point)) for point in points),
            self.number(5, type),
            self.block(6, unit),
            self.block(7, source_type_name),
            self.number(8, interval),
            self.block(9, metadata),
        ]
        return b"".join(parts)

    def series_payload(self, *series: bytes) -> bytes:
        return b"".join(self.block(1, one) for one in series)

    def sketch_point(
        self,
        timestamp: int = 1000,
        *,
        count: int = 3,
        summary: tuple[float, float, float, float] = (1.0, 3.0, 2.0, 6.0),
        keys: Iterable[int] = (1338, 1383, 1409),
        counts: Iterable[int] = (1, 1, 1),
    ) -> bytes:
        zigzags = (key << 1 if key >= 0 else -key * 2 - 1 for key in keys)
        return b"".join(
            [
                self.number(1, timestamp),
                self.number(2, count),
                *(self.double(3 + place, value) for place, value in enumerate(summary)),
                self.block(7, b"".join(map(self.varint, zigzags))),
                self.block(8, b"".join(map(self.varint, counts))),
            ]
        )

    def sketch(
        self,
        name: str = "latency",
        *points: bytes,
        host: str = "web-1",
        tags: Iterable[str] = (),
        metadata: bytes = b"",
    ) -> bytes:
        return b"".join(
            [
                self.block(1, name),
                self.block(2, host),
                *(self.block(4, tag) for tag in tags),
                *(self.block(7, point) for point in points),
                self.block(8, metadata),
            ]
        )

    def sketch_payload(self, *sketches: bytes) -> bytes:
        return b"".join(self.block(1, one) for one in sketches) + self.block(2, b"")


@pytest.fixture
def encode() -> Encoder:
    return Encoder()


@pytest.fixture
async def intake() -> AsyncIterator[MockIntake]:
    async with open_mock_intake(wall_clock=lambda: 1234.5) as opened:
        yield opened


@pytest.fixture
async def client(intake: MockIntake) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(
        base_url=intake.url,
        headers={"DD-API-KEY": API_KEY, "Content-Type": "application/x-protobuf"},
        trust_env=False,
        # Making a TLS context takes longer than most of these tests.
        verify=False,
    ) as opened:
        yield opened
