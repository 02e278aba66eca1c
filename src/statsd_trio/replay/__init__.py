"""Capture files: what arrived, written down, read back and sent again."""
