from functools import partial

import attrs
import trio

from statsd_trio import Config, Server, serve
from statsd_trio.mock_intake import ReceivedSeries, open_mock_intake


async def test_reloaded_key_is_the_one_that_delivers() -> None:
    async with open_mock_intake() as intake:
        config = Config(
            host="127.0.0.1",
            port=0,
            api_key="a" * 32,
            dd_url=intake.url,
            no_proxy=("127.0.0.1",),
            self_metrics=False,
        )
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                server: Server = await nursery.start(partial(serve, config))
                server.submit(b"before:1|g")
                await server.flush()
                server.reload(attrs.evolve(config, api_key="b" * 32))
                server.submit(b"after:1|g")
                await server.flush()
                nursery.cancel_scope.cancel()

        # The intake keeps no more than the tail of a key.
        tails = {
            series.name: attempt.headers["dd-api-key"][-1]
            for attempt in intake.attempts
            for series in attempt.items
            if isinstance(series, ReceivedSeries)
        }
        assert tails == {"before": "a", "after": "b"}
