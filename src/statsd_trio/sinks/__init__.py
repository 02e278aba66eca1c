"""Deliver snapshots to Datadog, an OTLP receiver, a file, the console or memory."""
