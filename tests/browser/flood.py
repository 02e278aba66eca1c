"""Sends lines of many contexts at an even pace: flood.py PORT LINES_PER_SECOND SECONDS.

Prints how many lines it sent.
"""

import socket
import sys
import time

NAMES = 1000
CONTEXTS_PER_NAME = 10
LINES_PER_PACKET = 20
PACKETS_AT_ONCE = 10


def main(port: int, lines_per_second: float, seconds: float) -> None:
    types = ("c", "g", "h", "ms", "d", "s")
    lines = [
        f"flood.metric_{name}:{name % 89}|{types[name % 6]}|#number:{number},env:prod"
        for number in range(CONTEXTS_PER_NAME)
        for name in range(NAMES)
    ]
    packets = [
        "\n".join(lines[start : start + LINES_PER_PACKET]).encode()
        for start in range(0, len(lines), LINES_PER_PACKET)
    ]
    pause = LINES_PER_PACKET * PACKETS_AT_ONCE / lines_per_second
    sent = 0
    began = time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(("127.0.0.1", port))
        while (due := began + sent / PACKETS_AT_ONCE * pause) < began + seconds:
            time.sleep(max(0.0, due - time.monotonic()))
            for _ in range(PACKETS_AT_ONCE):
                sender.send(packets[sent % len(packets)])
                sent += 1
    print(sent * LINES_PER_PACKET)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]))
