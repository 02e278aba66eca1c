import base64
import json
from pathlib import Path
from typing import Any

import attrs
import pytest

from statsd_trio.protocol import (
    ClientOrigin,
    Event,
    Message,
    MetricType,
    ParseError,
    Reason,
    Sample,
    ServiceCheck,
    ServiceStatus,
    parse_message,
)

VECTORS = Path(__file__).parent.parent / "vectors"

# Given by ingestion, which sees the packet, and not by the parser.
REASONS_OF_PACKETS = {Reason.TRUNCATED, Reason.UNTERMINATED, Reason.ENGINE_FAILED}


def load_cases() -> list[Any]:
    return [
        pytest.param(case, id=f"{path.stem}: {case['name']}")
        for path in sorted(VECTORS.glob("*.json"))
        for case in json.loads(path.read_text(encoding="utf-8"))
    ]


CASES = load_cases()


def read_line(case: dict[str, Any]) -> bytes:
    if "line_base64" in case:
        return base64.b64decode(case["line_base64"])
    return case["line"].encode()  # type: ignore[no-any-return]  # from JSON


def build_shared(fields: dict[str, Any]) -> dict[str, Any]:
    built = dict(fields)
    if "tags" in built:
        built["tags"] = tuple(built["tags"])
    if "origin" in built:
        built["origin"] = ClientOrigin(**built["origin"])
    return built


def build_message(case: dict[str, Any]) -> Message:
    if "metric" in case:
        fields = build_shared(case["metric"])
        fields["type"] = MetricType(fields["type"])
        fields["values"] = tuple(fields["values"])
        fields["dropped"] = tuple(map(Reason, fields.get("dropped", ())))
        return Sample(**fields)
    if "event" in case:
        return Event(**build_shared(case["event"]))
    fields = build_shared(case["service_check"])
    fields["status"] = ServiceStatus(fields["status"])
    return ServiceCheck(**fields)


def count_warnings(message: Message) -> Message:
    if isinstance(message, Sample):
        return message
    return attrs.evolve(message, warnings=len(message.warnings) or ())  # type: ignore[arg-type]  # the vectors count them


@pytest.mark.parametrize("case", CASES)
def test_line_is_read_as_the_vector_says(case: dict[str, Any]) -> None:
    line = read_line(case)
    use_timestamps = case.get("use_timestamps", True)
    if "error" in case:
        with pytest.raises(ParseError) as caught:
            parse_message(line, use_timestamps=use_timestamps)
        assert {
            "reason": caught.value.reason,
            "column": caught.value.column,
        } == case["error"]
    else:
        message = parse_message(line, use_timestamps=use_timestamps)
        expected = build_message(case)
        assert count_warnings(message) == expected


def test_vectors_cover_every_reason_that_the_parser_gives() -> None:
    covered = {
        case.values[0]["error"]["reason"] for case in CASES if "error" in case.values[0]
    }
    assert covered == set(Reason) - REASONS_OF_PACKETS


def test_there_are_at_least_150_vectors() -> None:
    assert len(CASES) >= 150
