"""The address of a listener, as a socket of its kind takes it."""

from statsd_trio.transports.listener import BoundAddress


def host_and_port(address: BoundAddress) -> tuple[str, int]:
    """Return *address*, which is that of a listener of UDP or TCP."""
    assert isinstance(address, tuple)
    return address
