"""Snapshots as OTLP: the protocol of OpenTelemetry, over HTTP, in protobuf."""
