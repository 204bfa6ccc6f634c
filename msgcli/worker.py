"""What each process of `msgcli serve` runs that answers requests; granian imports it by name."""

import multiprocessing
import os
import signal
import threading

STOP_SECONDS = 10  # what requests in flight have left to be answered, once it stops


def _follow(parent: multiprocessing.process.BaseProcess) -> None:
    """Stop when the parent is gone, however it went, as it would have stopped us.

    By one SIGTERM, for two that come together can have granian wait for itself, with Python's
    lock in its hand. If it is stuck the kernel ends it.
    """
    parent.join()
    signal.alarm(STOP_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


if (parent := multiprocessing.parent_process()) is not None:
    os.setpgrp()  # Ctrl-C is for the parent, which stops its workers in order
    threading.Thread(target=_follow, args=(parent,), daemon=True).start()

from msgcli.wsgi import application  # noqa: E402  # after it is clear how it ends

__all__ = ["application"]
