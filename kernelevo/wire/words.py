"""Hostile words made fit to be shown: what would move a terminal's cursor, ring it, or hide and reorder text becomes a
visible escape such as \\x1b.

A candidate chooses file names (`#line`), messages (`#error`, assert) and what it prints; people and proposers read
them.
"""

from __future__ import annotations

import re

# C0 but tab and newline, DEL, C1; zero-width and directional characters, line and paragraph separators; surrogates.
_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")


def visible(text: str) -> str:
    """The text, lines kept, with every hidden or controlling character as an escape."""
    if text.isascii() and text.isprintable():  # most words are, and this is several times faster
        return text
    return _HIDDEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def visible_line(text: str) -> str:
    """The same as one line."""
    return visible(text).replace("\n", "\\n")
