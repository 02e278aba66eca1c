"""Addresses as people write them: text in, what a socket takes out, and back."""


def format_host_port(host: str, port: int) -> str:
    """Write *host* and *port* as in a URL, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
