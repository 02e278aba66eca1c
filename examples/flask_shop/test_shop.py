"""Test the shop's metrics as they are sent, with the fixture `dogstatsd`."""

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from shop import create_app

from pytest_statsd_trio import DogStatsd


@pytest.fixture
def client(dogstatsd: DogStatsd) -> Iterator[FlaskClient]:
    # It asks for dogstatsd, so that the client of the shop is made after the
    # environment points at the test's server.
    app = create_app()
    yield app.test_client()
    app.extensions["statsd"].close_socket()


def test_checkout_is_counted_and_timed(
    dogstatsd: DogStatsd, client: FlaskClient
) -> None:
    client.post("/checkout", json={"items": ["tea", "cup"]})
    dogstatsd.assert_counter("checkout.completed", 1, tags={"service": "shop"})
    dogstatsd.assert_distribution("checkout.items", values=[2])
    dogstatsd.assert_distribution("checkout.ms", count=1, between=(0, 5000))
    dogstatsd.assert_set("checkout.articles", {"tea", "cup"})
    dogstatsd.assert_event(title="Order placed", alert_type="success")
    dogstatsd.assert_none("checkout.failed")


def test_empty_cart_is_a_failure_and_nothing_else(
    dogstatsd: DogStatsd, client: FlaskClient
) -> None:
    client.post("/checkout", json={"items": []})
    dogstatsd.assert_counter("checkout.failed", 1, tags={"reason": "empty_cart"})
    dogstatsd.assert_none("checkout.completed")


def test_health_reports_a_service_check(
    dogstatsd: DogStatsd, client: FlaskClient
) -> None:
    client.get("/health")
    dogstatsd.assert_service_check("shop.up", "ok")


def test_instrumentation_of_a_checkout(
    dogstatsd: DogStatsd, client: FlaskClient
) -> None:
    client.post("/checkout", json={"items": ["tea"]})
    assert dogstatsd.snapshot(mask=["*.ms"]) == (
        "checkout.articles set #service:shop = tea\n"
        "checkout.completed counter #service:shop = 1\n"
        "checkout.items distribution #service:shop = 1\n"
        "checkout.ms distribution #service:shop = *\n"
        "event title='Order placed' text='1 items' alert_type='success'|#service:shop\n"
    )
    dogstatsd.assert_valid()
    dogstatsd.assert_lossless()
