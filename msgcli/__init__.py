"""Direct messages that you own, on the command line."""

__version__ = "0.1.0"
