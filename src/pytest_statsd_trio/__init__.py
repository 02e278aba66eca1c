"""The pytest plugin: a real DogStatsD server for a test."""
