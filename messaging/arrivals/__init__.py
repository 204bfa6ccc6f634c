"""Messages as they arrive: the one source of whatever shows or announces new ones."""

from messaging.arrivals.cursors import Arrivals
from messaging.arrivals.state import state
from messaging.arrivals.watching import watch

__all__ = ["Arrivals", "state", "watch"]
