"""Where `msgcli` and `python -m msgcli` begin."""

import gc
import sys


def main() -> None:
    """Run the command line and exit with its code."""
    # Nothing imported is garbage, so looking for it only costs time; see bootstrap.
    gc.disable()
    try:
        from msgcli.main import app

        app(prog_name="msgcli")
    except KeyboardInterrupt:  # before a command was there to catch it
        sys.exit(130)
    finally:
        _close_store()


def _close_store() -> None:
    """Let SQLite tidy up: the last to close a store moves its write-ahead log into its file."""
    if "django.apps" not in sys.modules:
        return
    from django.apps import apps

    if apps.ready:  # else no settings say where a store would be
        from django.db import connections

        connections.close_all()


if __name__ == "__main__":
    main()
