"""What each process of `msgcli serve` runs that answers requests; granian imports it by name."""

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time

STOP_SECONDS = 10  # what requests in flight have left to be answered, once it stops


def _follow(parent: multiprocessing.process.BaseProcess) -> None:
    """Stop when the parent is gone, however it went, as it would have stopped us."""
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_SECONDS)
    os._exit(1)


if (parent := multiprocessing.parent_process()) is not None:
    os.setpgrp()  # Ctrl-C is for the parent, which stops its workers in order
    if sys.platform == "linux":
        # At once, even if Python is busy; prctl(2), PR_SET_PDEATHSIG.
        ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGTERM)
    threading.Thread(target=_follow, args=(parent,), daemon=True).start()

from msgcli.wsgi import application  # noqa: E402  # after it is clear how it ends

__all__ = ["application"]
