"""Encode a protobuf message around bytes that are encoded already.

This is the only protobuf that is written by hand.
"""


def encode_field(number: int, data: bytes | bytearray) -> bytes:
    """Encode *data* as a field that is a message; *number* is 15 at most."""
    head = bytearray([number << 3 | 2])
    size = len(data)
    while size > 0x7F:
        head.append(size & 0x7F | 0x80)
        size >>= 7
    head.append(size)
    return bytes(head) + data
