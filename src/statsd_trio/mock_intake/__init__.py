"""A stand-in for the Datadog intake that decodes on its own."""
