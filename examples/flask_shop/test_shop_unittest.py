"""The same with unittest: a server in a thread, and no plugin."""

import os
import unittest
from unittest import mock

from shop import create_app

from statsd_trio import Config, ServerThread
from statsd_trio.protocol import Sample


class CheckoutTest(unittest.TestCase):
    """Posts to the shop with a server listening."""

    def setUp(self) -> None:
        self.samples: list[Sample] = []
        config = Config(
            host="127.0.0.1",
            port=0,
            sinks=(),
            self_metrics=False,
            on_sample=self.keep_sample,
        )
        self.server = self.enterContext(ServerThread(config))
        ((host, port),) = self.server.addresses
        environment = {"DD_AGENT_HOST": host, "DD_DOGSTATSD_PORT": str(port)}
        self.enterContext(mock.patch.dict(os.environ, environment))

    def keep_sample(self, sample: Sample) -> Sample:
        self.samples.append(sample)
        return sample

    def test_checkout_is_counted(self) -> None:
        app = create_app()
        app.test_client().post("/checkout", json={"items": ["tea"]})
        app.extensions["statsd"].close_socket()
        # The end of its block is the barrier: a server that stops takes in first what
        # was sent to it.
        self.server.__exit__(None, None, None)
        completed = [each for each in self.samples if each.name == "checkout.completed"]
        assert [each.values for each in completed] == [(1,)]
