"""Find the series of each line and add its value: the hot part of the server."""
