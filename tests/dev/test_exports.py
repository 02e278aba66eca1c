import contextlib

import httpx2
import trio

from statsd_trio import Config, Server, serve
from statsd_trio.dev import open_dev_page
from statsd_trio.dev.application import MAX_EXPORTS


async def test_exports_that_nobody_reads_do_not_keep_others_out(
    nursery: trio.Nursery,
) -> None:
    config = Config(host="127.0.0.1", port=0, sinks=(), self_metrics=False)
    server: Server = await nursery.start(serve, config)
    async with open_dev_page(server, "127.0.0.1:0") as page:
        for number in range(20_000):
            while not server.submit(f"page.views.{number % 5000}:{number}|g".encode()):
                await trio.lowlevel.checkpoint()
        await server.flush()
        url = f"{page.url}api/export/capture.jsonl"
        async with httpx2.AsyncClient(trust_env=False) as client:
            async with contextlib.AsyncExitStack() as stack:
                for _ in range(MAX_EXPORTS):
                    answer = await stack.enter_async_context(client.stream("GET", url))
                    assert answer.status_code == 200
                answer = await client.get(url)
                assert answer.status_code == 503
            assert (await client.get(url)).status_code == 200
