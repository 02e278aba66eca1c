"""A page that shows what a server takes in, live: every metric, event and bad line.

It needs the extra ``http``. The server is watched and not changed; a server without a
page does nothing of this.
"""

from statsd_trio.dev.opening import DevPage, make_client_environment, open_dev_page

__all__ = ["DevPage", "make_client_environment", "open_dev_page"]
