"""The Datadog intake."""
