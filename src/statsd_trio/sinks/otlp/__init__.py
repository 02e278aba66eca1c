"""Send snapshots by OTLP, the protocol of OpenTelemetry, over HTTP in protobuf."""
