"""What a host program's hook gave back, checked before anybody relies on it."""

from math import inf
from types import NoneType
from typing import Any

from statsd_trio.protocol.messages import ClientOrigin, MetricType, Sample


def check_sample(answer: object) -> Sample | None:
    """Return *answer* of the hook ``on_sample`` if it can be aggregated.

    What its values are is not looked at: the aggregator does that for everybody.

    Raises:
        TypeError: if it is not a `Sample`, or holds something of a wrong type.
        ValueError: if it holds something that no line could say.
    """
    if answer is None:
        return None
    if not isinstance(answer, Sample):
        raise TypeError(f"on_sample returned {answer!r:.80}, not a Sample or None")
    # Nothing keeps a program from putting anything into it.
    sample: Any = answer
    expected: dict[str, Any] = {
        "name": str,
        "type": MetricType,
        "values": (tuple, list),
        "sample_rate": (float, int),
        "tags": (tuple, list),
        "timestamp": (int, NoneType),
        "host": (str, NoneType),
        "origin": (ClientOrigin, NoneType),
        "dropped": (tuple, list),
    }
    for name, types in expected.items():
        value = getattr(sample, name)
        if not isinstance(value, types):
            raise TypeError(
                f"on_sample returned a Sample whose {name} is {value!r:.80}"
            )
    if not all(isinstance(tag, str) for tag in sample.tags):
        raise TypeError(
            f"on_sample returned a Sample whose tags are {sample.tags!r:.80}"
        )
    if not sample.name:
        raise ValueError("on_sample returned a Sample without a name")
    if not 0 < sample.sample_rate <= 1 or 1 / sample.sample_rate == inf:
        raise ValueError(
            f"on_sample returned a Sample whose sample_rate is {sample.sample_rate!r}"
        )
    return answer
