import json
import math
from typing import Any

import pytest
from hypothesis import given, strategies as st

from statsd_trio.dev.json_pieces import write_json

documents = st.recursive(
    st.none()
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=150) | st.dictionaries(st.text(), inner),
    max_leaves=300,
)


def write(value: Any) -> str:
    pieces: list[str] = []
    for _ in write_json(value, pieces):
        pass
    return "".join(pieces)


@given(documents)
def test_what_is_written_in_pieces_reads_as_what_it_was(value: Any) -> None:
    assert json.loads(write(value)) == value


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_number_that_json_lacks_is_null(number: float) -> None:
    assert json.loads(write({"rows": [{"last": number}] * 200})) == {
        "rows": [{"last": None}] * 200
    }


def test_long_list_of_objects_is_written_in_steps() -> None:
    pieces: list[str] = []
    rows: list[Any] = [{"name": "a", "spark": [1.0] * 60}] * 500
    assert len(list(write_json({"rows": rows}, pieces))) >= 500
