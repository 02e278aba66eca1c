"""Deliver payloads to an intake over HTTP, with retries and a spool on disk."""
