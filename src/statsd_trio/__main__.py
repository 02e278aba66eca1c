"""Run the command line with ``python -m statsd_trio``."""

from statsd_trio.cli import main

if __name__ == "__main__":
    main()
