"""What was lost is told in words, and so is a server that is gone."""

from typing import Any

import attrs
import pytest

from pytest_statsd_trio.failure import find_losses
from pytest_statsd_trio.fixture import DogStatsd, make_fixture
from pytest_statsd_trio.session import begin_test, open_session
from statsd_trio import Ledger


@pytest.fixture
def before(dogstatsd: DogStatsd) -> Ledger:
    return dogstatsd.ledger()


def test_nothing_new_is_no_loss(before: Ledger) -> None:
    assert list(find_losses(before, before)) == []


def test_each_loss_of_a_listener_is_named(before: Ledger) -> None:
    udp, *others = before.listeners
    after = attrs.evolve(
        before,
        listeners=(
            attrs.evolve(udp, kernel_dropped=(udp.kernel_dropped or 0) + 3),
            *(attrs.evolve(other, refused={"frame_timeout": 2}) for other in others),
        ),
    )
    losses = list(find_losses(before, after))
    assert losses[0] == f"3 packets dropped by the kernel on {udp.name}"
    assert losses[1] == f"2 refused on {others[0].name}: frame_timeout"
    assert len(losses) == 1 + len(others)


def test_refused_values_and_events_are_counted(before: Ledger) -> None:
    samples = attrs.evolve(
        before.samples,
        dropped={"max_contexts": 5},
        events_dropped=before.samples.events_dropped + 1,
    )
    assert list(find_losses(before, attrs.evolve(before, samples=samples))) == [
        "5 values dropped: max_contexts",
        "1 event or service check dropped",
    ]


def test_server_that_is_gone_is_not_taken_for_one_that_received_nothing() -> None:
    with open_session(0.01) as session, begin_test(session):
        received = make_fixture(session)
        stop: Any = session.read_ledger.__self__.stop  # type: ignore[attr-defined]  # a method
        stop()
        with pytest.raises(AssertionError, match="receives nothing over udp and unixg"):
            received.assert_none("hits")
        with pytest.raises(AssertionError, match="receives nothing over udp and unixg"):
            received.assert_counter("hits")
