"""The types of values that options have, one class for each."""
