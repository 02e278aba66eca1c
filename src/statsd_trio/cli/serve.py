"""``statsd-trio serve``: receive, aggregate and deliver, until told to stop."""

import functools
import logging
import os

import trio

from statsd_trio.cli.collector import spare_full_collections
from statsd_trio.cli.flags import config_command, load_from_flags
from statsd_trio.cli.logs import open_logging
from statsd_trio.cli.messages import fail, refuse, write_warning
from statsd_trio.cli.reloading import Reloader
from statsd_trio.cli.signals import RunningServer, serve_until_signalled
from statsd_trio.config import Config
from statsd_trio.errors import ConfigError, describe_os_error
from statsd_trio.operating.systemd import SystemdNotifier, take_sockets
from statsd_trio.server import serve
from statsd_trio.version import __version__

logger = logging.getLogger(__name__)


@config_command(
    "serve",
    short_help="Receive, aggregate and deliver DogStatsD.",
    lists_fields=True,
    epilog="""Example: DD_API_KEY=... statsd-trio serve --tags env:prod

    Without an account: statsd-trio serve --sink console

    SIGHUP reads the configuration again and takes over what can change live.

    Exit codes: 0 after a clean stop by SIGTERM or SIGINT, when nobody reads its output
    any more, or if the configuration switches the server off; 1 if an address or a
    file cannot be used or something failed; 2 for a configuration that cannot be used.
    """,
)
def command(*, config_path: str | None, **flags: object) -> None:
    """Receive DogStatsD, aggregate as the Datadog Agent does, and deliver."""
    try:
        sockets = take_sockets(os.environ, os.getpid())
        load = functools.partial(load_from_flags, config_path, flags, sockets)
        sourced = load()
        notifier = SystemdNotifier.from_environ(os.environ, os.getpid())
        if not sourced.config.use_dogstatsd:
            source = sourced.sources["use_dogstatsd"]
            write_warning(
                f"use_dogstatsd is false ({source}), so nothing is received. Set it"
                " to true, or pass --use-dogstatsd, to run the server."
            )
            # If the process ended without this, a service manager would report a failed
            # start.
            notifier.notify("READY=1")
            return
        with open_logging(sourced.config.log_level, sourced.config.log_format):
            for warning in sourced.warnings:
                logger.warning("%s", warning)
            config = sourced.config
            logger.info("statsd-trio %s", __version__)
            trio.run(
                functools.partial(
                    serve_until_signalled,
                    serve,
                    config,
                    notifier=notifier,
                    announce=functools.partial(settle_in, config),
                    reload=Reloader(config, load).reload,
                )
            )
    except ConfigError as error:
        refuse(error)
    except OSError as error:
        fail(describe_os_error(error))


def settle_in(config: Config, _: RunningServer) -> None:
    """Do what remains to be done once the server runs."""
    spare_full_collections()
    announce(config)


def announce(config: Config) -> None:
    """Log where metrics are delivered.

    Listeners log their own addresses and buffers.
    """
    sinks = [_describe_sink(name, config) for name in config.sinks]
    logger.info("delivering to %s", ", ".join(sinks) or "no sink")


def _describe_sink(name: str, config: Config) -> str:
    match name:
        case "datadog":
            urls = [str(config.dd_url or f"https://api.{config.site}")]
            urls += map(str, config.additional_endpoints)
            return f"datadog ({', '.join(urls)})"
        case "otlp":
            urls = [str(config.otlp_metrics_endpoint or config.otlp_endpoint)]
            if config.otlp_events and config.otlp_logs_endpoint:
                urls.append(str(config.otlp_logs_endpoint))
            return f"otlp ({', '.join(urls)})"
        case "jsonl" if config.jsonl_path is not None:
            return f"jsonl ({config.jsonl_path})"
        case _:
            return name
