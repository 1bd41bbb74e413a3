"""Seeds of a run: each is a function of the run's own and of what it is for, so that a resumed run draws the same."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def seed_of(seed: int, *words: object) -> int:
    """31 bits that hang on the seed and all the words."""
    plain = "\0".join(map(str, (seed, *words)))
    return int.from_bytes(hashlib.sha256(plain.encode()).digest()[:4], "little") >> 1


def drawn(names: Sequence[str], count: int, seed: int) -> list[str]:
    """`count` different names (all, if there are no more), drawn by the seed, in their own order."""
    ranked = sorted(names, key=lambda name: seed_of(seed, name))[:count]
    return [name for name in names if name in ranked]
