"""Samples in, one snapshot an interval out; pure."""
