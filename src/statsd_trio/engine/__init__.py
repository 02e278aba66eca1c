"""What finds the series of a line's text and adds its value: the one hot part; pure."""
