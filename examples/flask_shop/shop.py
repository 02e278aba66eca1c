"""A small shop in Flask, instrumented with Datadog's own client."""

import time

from datadog.dogstatsd.base import DogStatsd
from flask import Flask, request
from flask.typing import ResponseReturnValue


def create_app() -> Flask:
    """Return the application; the environment says where its metrics are sent."""
    app = Flask(__name__)
    statsd = DogStatsd(constant_tags=["service:shop"])
    app.extensions["statsd"] = statsd

    @app.post("/checkout")
    def checkout() -> ResponseReturnValue:
        began = time.perf_counter()
        items: list[str] = request.get_json()["items"]
        if not items:
            statsd.increment("checkout.failed", tags=["reason:empty_cart"])
            return {"error": "the cart is empty"}, 400
        for item in items:
            statsd.set("checkout.articles", item)
        statsd.increment("checkout.completed")
        statsd.distribution("checkout.items", len(items))
        statsd.distribution("checkout.ms", (time.perf_counter() - began) * 1000)
        statsd.event("Order placed", f"{len(items)} items", alert_type="success")
        return {"ordered": len(items)}, 201

    @app.get("/health")
    def health() -> ResponseReturnValue:
        statsd.service_check("shop.up", statsd.OK)
        return {"status": "ok"}

    return app
