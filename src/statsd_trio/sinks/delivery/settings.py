"""The settings for the delivery of payloads, whatever the intake is."""

import random
import time
from collections.abc import Callable, Collection

import attrs

from statsd_trio.sinks.delivery.worker_thread import RunInThread, run_in_thread


@attrs.frozen(kw_only=True)
class DeliverySettings:
    """How payloads are delivered.

    Attributes:
        max_concurrent_requests: the limit for each endpoint and key; each route may
            have one more.
        request_timeout_seconds: the limit for one whole request.
        proxy: the proxy for endpoints whose URL begins with https.
        proxy_http: the proxy for endpoints whose URL begins with http.
        no_proxy: hosts to connect to without a proxy, matched exactly.
        ca_file: certificates to trust in addition to the system's.
        ca_option: the option with the name of *ca_file*, for the error.
        skip_ssl_validation: trust any certificate, with a WARNING.
        retry_queue_bytes: the limit for payloads that wait for another try, for each
            endpoint and key; 0 for no retries.
        spool_path: a directory for payloads that memory cannot hold, and those left at
            a stop; None for no spool.
        spool_max_bytes: the limit of that directory.
        report_seconds: how often losses are logged.
        wall_clock: returns unix seconds.
        choose_fraction: returns random numbers in [0, 1).
        run_in_thread: calls functions that block; replaces a thread, in tests.
    """

    max_concurrent_requests: int = 10
    request_timeout_seconds: float = 20.0
    proxy: str | None = attrs.field(default=None, repr=False)
    proxy_http: str | None = attrs.field(default=None, repr=False)
    no_proxy: Collection[str] = ()
    ca_file: str | None = None
    ca_option: str = "ca_file"
    skip_ssl_validation: bool = False
    retry_queue_bytes: int = 15 * 1024 * 1024
    spool_path: str | None = None
    spool_max_bytes: int = 0
    report_seconds: float = 10.0
    wall_clock: Callable[[], float] = time.time
    choose_fraction: Callable[[], float] = random.random
    run_in_thread: RunInThread = run_in_thread
