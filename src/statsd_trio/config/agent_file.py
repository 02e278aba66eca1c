"""Ignore what an Agent ignores in its own file, so that a server starts with it too."""

from collections.abc import Mapping
from typing import Any

import attrs

from statsd_trio.config.config import Config
from statsd_trio.config.option_types.base import CheckedList
from statsd_trio.config.options import OPTIONS
from statsd_trio.config.sources import Found


def leave_out_unknown(found: dict[str, Found], warnings: list[str]) -> None:
    """Remove from the Agent's lists the items that it ignores, with a warning."""
    for name, each in found.items():
        option_type = OPTIONS[name].type
        if not each.is_agents or not isinstance(option_type, CheckedList):
            continue
        try:
            items = option_type.parse(each.raw)
        except ValueError:
            # It is not a list at all, and will be refused.
            continue
        known: list[object] = []
        for item in items:
            try:
                option_type.check_item(item)
            except ValueError as error:
                warnings.append(f"{each.source}: left out: {error}")
            else:
                known.append(item)
        found[name] = each._replace(raw=known)


def leave_out_halves(
    config: Config, found: Mapping[str, Found], warnings: list[str]
) -> Config:
    """Undo settings that have no effect in the Agent without another key."""
    halves: dict[str, Any] = {}
    for name, other, effect in (
        ("forward_host", "forward_port", "nothing is forwarded"),
        ("forward_port", "forward_host", "nothing is forwarded"),
        ("spool_path", "spool_max_bytes", "nothing is spooled"),
    ):
        is_half = getattr(config, name) and not getattr(config, other)
        if is_half and name in found and found[name].is_agents:
            key = OPTIONS[other].keys[0]
            warnings.append(f"{found[name].source}: {effect} without {key}")
            halves[name] = None
    return attrs.evolve(config, **halves)
