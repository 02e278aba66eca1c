"""A web page that shows live what a server receives: metrics, events and bad lines.

It needs the extra ``http``. The page only watches the server and changes nothing; a
server without a page has no cost from it.
"""

from statsd_trio.dev.opening import DevPage, make_client_environment, open_dev_page

__all__ = ["DevPage", "make_client_environment", "open_dev_page"]
