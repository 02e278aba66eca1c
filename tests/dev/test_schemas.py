"""Each document is as its schema says, and the schema is not wider than needed."""

import json
from importlib.resources import files
from typing import Any

import pytest
from dev_bench import Bench, open_bench
from jsonschema import Draft202012Validator

from statsd_trio.dev.documents import VIEWS
from statsd_trio.engine.engine import MakeEngine

QUESTIONS = [
    ("state", {}),
    ("metrics", {}),
    ("metrics", {"q": "nothing is called so"}),
    ("metrics", {"sort": "last", "order": "desc", "offset": 1, "limit": 2}),
    *(
        ("metric", {"name": name, "minutes": minutes, "by": "env"})
        for name in ("orders", "load", "users", "seconds", "query.ms", "bytes")
        for minutes in (1, 5, 30)
    ),
    ("feed", {}),
    ("feed", {"kind": "event"}),
    ("rejected", {}),
    ("cardinality", {}),
    ("cardinality", {"name": "orders"}),
    ("flow", {}),
]


def read_schema(view: str) -> Any:
    return json.loads(
        (files("statsd_trio.dev") / "schemas" / f"{view}.json").read_text()
    )


@pytest.fixture
def bench(make_engine: MakeEngine) -> Bench:
    bench = open_bench(make_engine)
    for _ in range(12):
        for env in ("prod", "staging"):
            for text in ("orders:1|c", "load:0.5|g", "users:ann|s", "seconds:0.2|h"):
                bench.send(f"{text}|#env:{env}".encode())
        bench.send(b"query.ms:0.3|ms", b"bytes:900|d", b"load:1|c", b"load:1|g|@0.5")
        bench.pass_seconds()
    bench.send(
        b"_e{8,4}:Deployed|text|t:warning|p:low|#env:prod",
        b"_e{8,15}:Deployed|%%% \\n**v2**%%%",
        b"_sc|db.up|2|#db:orders|m:no answer",
        b"orders:1,5|c",
        b"orders|c",
    )
    bench.flush()
    return bench


@pytest.mark.parametrize("view", VIEWS)
def test_a_schema_is_one_and_forbids_a_document_without_its_parts(view: str) -> None:
    schema = read_schema(view)
    Draft202012Validator.check_schema(schema)
    assert not Draft202012Validator(schema).is_valid({"revision": "5f3a-1"})


@pytest.mark.parametrize(("view", "parameters"), QUESTIONS)
def test_a_document_is_as_its_schema_says(
    bench: Bench, view: str, parameters: dict[str, object]
) -> None:
    document = bench.read(view, **parameters)
    faults = [
        f"{fault.json_path}: {fault.message}"
        for fault in Draft202012Validator(read_schema(view)).iter_errors(document)
    ]
    assert faults == []
    # What a schema does not name, nobody reads: it would stay unseen.
    assert document.keys() == read_schema(view)["properties"].keys()


def test_the_bench_shows_each_kind_of_thing(bench: Bench) -> None:
    assert bench.read("metrics")["total"] == 6
    assert {row["kind"] for row in bench.read("feed")["rows"]} == {
        "event",
        "service_check",
    }
    assert bench.read("rejected")["total"] == 2
    assert bench.read("metric", name="seconds")["datadog"]["series"]
    assert bench.read("metric", name="bytes")["datadog"]["series"]
