"""Aggregate samples into one snapshot per interval."""
