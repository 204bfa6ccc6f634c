"""Letting people in: sessions, links that log in once, tokens, and slowed logins."""
