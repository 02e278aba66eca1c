"""A running server in; what those who operate it ask for out."""
