"""Test the shop with unittest: a server in a thread, and no plugin."""

import os
import unittest
from unittest import mock

from shop import create_app

from statsd_trio import Config, Sample, ServerThread


class CheckoutTest(unittest.TestCase):
    """Posts to the shop while a server is listening."""

    def test_checkout_is_counted(self) -> None:
        samples: list[Sample] = []

        def keep(sample: Sample) -> Sample:
            samples.append(sample)
            return sample

        config = Config(host="127.0.0.1", port=0, sinks=(), on_sample=keep)
        # The block's end is the barrier: a server that stops first takes in what was
        # sent to it.
        with ServerThread(config) as server:
            host, port = server.udp_address
            environment = {"DD_AGENT_HOST": host, "DD_DOGSTATSD_PORT": str(port)}
            with mock.patch.dict(os.environ, environment):
                app = create_app()
            app.test_client().post("/checkout", json={"items": ["tea"]})
            app.extensions["statsd"].close_socket()
        completed = [each for each in samples if each.name == "checkout.completed"]
        self.assertEqual([each.values for each in completed], [(1,)])
