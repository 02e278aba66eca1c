from typing import Any

import attrs
import pytest

from statsd_trio.ingest.hooks import check_sample
from statsd_trio.protocol.messages import ClientOrigin, MetricType, Sample

GOOD = Sample("a", MetricType.COUNTER, (1.0,))


@pytest.mark.parametrize(
    "answer",
    [
        None,
        GOOD,
        attrs.evolve(GOOD, values=[1, 2.5], sample_rate=1, tags=["x"], timestamp=5),
        attrs.evolve(GOOD, host="", origin=ClientOrigin(container_id="x")),
        # What the values are is for `check_values` to say.
        attrs.evolve(GOOD, values=("x", None)),
    ],
)
def test_what_can_be_aggregated_is_given_back(answer: Sample | None) -> None:
    assert check_sample(answer) is answer


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (True, "returned True, not a Sample or None"),
        ("a:1|c", "not a Sample or None"),
        (attrs.evolve(GOOD, name=b"a"), "whose name is b'a'"),
        (attrs.evolve(GOOD, name=""), "without a name"),
        (attrs.evolve(GOOD, type="c"), "whose type is 'c'"),
        (attrs.evolve(GOOD, values=1.0), "whose values is 1.0"),
        (attrs.evolve(GOOD, sample_rate="1"), "whose sample_rate is '1'"),
        (attrs.evolve(GOOD, sample_rate=0.0), "whose sample_rate is 0.0"),
        (attrs.evolve(GOOD, sample_rate=2), "whose sample_rate is 2"),
        (attrs.evolve(GOOD, sample_rate=float("nan")), "whose sample_rate is nan"),
        (attrs.evolve(GOOD, sample_rate=1e-320), "whose sample_rate is 1e-320"),
        (attrs.evolve(GOOD, tags="env:x"), "whose tags is 'env:x'"),
        (attrs.evolve(GOOD, tags=("a", 1)), "whose tags are ('a', 1)"),
        (attrs.evolve(GOOD, tags=None), "whose tags is None"),
        (attrs.evolve(GOOD, timestamp="5"), "whose timestamp is '5'"),
        (attrs.evolve(GOOD, host=1), "whose host is 1"),
        (attrs.evolve(GOOD, origin={}), "whose origin is {}"),
        (attrs.evolve(GOOD, dropped=None), "whose dropped is None"),
    ],
)
def test_what_cannot_be_aggregated_is_named(answer: Any, words: str) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        check_sample(answer)
    assert words in str(caught.value)
