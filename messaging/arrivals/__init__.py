"""Messages as they arrive: the one source of whatever shows or announces new ones."""

from messaging.arrivals.cursors import Arrivals
from messaging.arrivals.watching import watch

__all__ = ["Arrivals", "watch"]
