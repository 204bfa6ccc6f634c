"""What the pages need beyond Django's own: safe text, times as the terminal says them, assets."""

from __future__ import annotations

from datetime import datetime
from zlib import adler32

import humanize
from django import template
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from messaging import plain
from messaging.views.described import asset_digest

HUES = 8  # of the circles that stand for people: .hue0 to .hue7 in style.css
DEEPEST = 8  # how far a thread is indented: .depth0 to .depth8 there

register = template.Library()
register.filter("safe_text", plain.show_unsafe)
register.filter("one_line", plain.one_line)


@register.simple_tag
def asset(name: str) -> str:
    """The address of one of the app's own files, which changes when the file does."""
    return reverse("messaging:asset", args=[asset_digest(name), name])


@register.simple_tag
def moment(when: datetime) -> SafeString:
    """How long ago, with the exact time in the reader's zone on hover."""
    ago = humanize.naturaltime(timezone.now() - when)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        plain.utc(when),
        exact(when),
        "just now" if ago == "now" else ago,
    )


@register.simple_tag
def exact(when: datetime) -> str:
    """The time to the second in the reader's zone, which it names."""
    return timezone.localtime(when).strftime("%Y-%m-%d %H:%M:%S %Z")


@register.filter
def initial(name: str) -> str:
    """The letter that stands for a person."""
    return plain.one_line(name)[:1].upper()


@register.filter
def hue(name: str) -> int:
    """The colour of a person, always the same."""
    return adler32(name.encode(errors="replace")) % HUES


@register.filter
def indent(depth: int) -> int:
    """How far to indent a message of this depth: on a narrow screen there is no room for more."""
    return min(depth, DEEPEST)
