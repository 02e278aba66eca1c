"""One line in, one value out; pure."""
