"""Receive packets from sockets and pipes, and queue them for the server."""
