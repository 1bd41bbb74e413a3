"""Numbers of things in sentences: one row, two rows."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """1 block, 2 blocks, 1,024 blocks."""
    return f"{count:,} {nouns(count, noun)}"


def nouns(count: float, noun: str) -> str:
    """The noun for so many: block, blocks; launch, launches. Regular ones only."""
    if count == 1:
        return noun
    return f"{noun}es" if noun.endswith(("ch", "sh", "ss", "x")) else f"{noun}s"
