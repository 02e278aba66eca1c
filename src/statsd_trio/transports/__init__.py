"""Sockets in, packets out."""
