"""A snapshot in, the outside world out."""
