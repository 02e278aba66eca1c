"""Capture files: record packets, read them back and send them again."""
