"""HTML as text to read."""

from __future__ import annotations


def readable(html: str) -> str:
    """The text of a page, with the addresses of its links; scripts and styles are left out."""
    from resiliparse.extract.html2text import extract_plain_text

    return extract_plain_text(html, alt_texts=True, links=True)
