from typing import Any

import attrs
import pytest

from statsd_trio.ingest.hooks import check_sample
from statsd_trio.protocol.messages import ClientOrigin, MetricType, Sample

GOOD = Sample("a", MetricType.COUNTER, (1.0,))


def change(**fields: Any) -> Sample:
    """Change a good sample, also to what its types do not allow."""
    return attrs.evolve(GOOD, **fields)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        GOOD,
        change(values=[1, 2.5], sample_rate=1, tags=["x"], timestamp=5),
        change(host="", origin=ClientOrigin(container_id="x")),
        # What the values are is for `check_values` to say.
        change(values=("x", None)),
    ],
)
def test_what_can_be_aggregated_is_given_back(answer: Sample | None) -> None:
    assert check_sample(answer) is answer


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (True, "returned True, not a Sample or None"),
        ("a:1|c", "not a Sample or None"),
        (change(name=b"a"), "whose name is b'a'"),
        (change(name=""), "without a name"),
        (change(type="c"), "whose type is 'c'"),
        (change(values=1.0), "whose values is 1.0"),
        (change(sample_rate="1"), "whose sample_rate is '1'"),
        (change(sample_rate=0.0), "whose sample_rate is 0.0"),
        (change(sample_rate=2), "whose sample_rate is 2"),
        (change(sample_rate=float("nan")), "whose sample_rate is nan"),
        (change(sample_rate=1e-320), "whose sample_rate is 1e-320"),
        (change(tags="env:x"), "whose tags is 'env:x'"),
        (change(tags=("a", 1)), "whose tags are ('a', 1)"),
        (change(tags=None), "whose tags is None"),
        (change(timestamp="5"), "whose timestamp is '5'"),
        (change(host=1), "whose host is 1"),
        (change(origin={}), "whose origin is {}"),
        (change(dropped=None), "whose dropped is None"),
    ],
)
def test_what_cannot_be_aggregated_is_named(answer: Any, words: str) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        check_sample(answer)
    assert words in str(caught.value)
