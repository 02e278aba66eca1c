"""Proves engines: what a client sends to two servers is asked back from each of them.

``python -m engines`` is for a developer's machine; see `engines.__main__`.
"""
