"""What an operator wants changed: mapper, filter lists, namespace; pure."""
