"""Direct messages, threads, notifications and erasure as a reusable Django app."""
