"""A count and what it counts: ``1 line``, ``2 lines``."""


def describe_count(count: int, noun: str, plural: str = "") -> str:
    """Return *count* and *noun*, in the plural unless there is exactly one.

    The plural is *noun* with an *s*, unless *plural* says otherwise.
    """
    if count == 1:
        return f"1 {noun}"
    return f"{count} {plural or f'{noun}s'}"
