"""The types of value that an option may have, each a class."""
