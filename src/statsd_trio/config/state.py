"""Find the folder in which a server may keep state, if none is configured."""

import os


def find_state_folder() -> str:
    """Return the platform's folder for the state of this program.

    This is the folder that systemd made for the service (``StateDirectory=``) or,
    without one, the user's: ``$XDG_STATE_HOME/statsd-trio`` or
    ``~/.local/state/statsd-trio`` on Linux, and the usual folders on macOS and Windows.
    It may not exist yet.

    Source: systemd.exec(5), STATE_DIRECTORY: paths with colons between them.
    """
    made_by_systemd = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if made_by_systemd:
        return made_by_systemd
    import platformdirs  # noqa: PLC0415 - few ask, and it takes a while to import

    return platformdirs.user_state_dir("statsd-trio", appauthor=False)
