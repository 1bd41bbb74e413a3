"""Nobody tells the card's state: the virtual GPU has none, and says so with every sample."""

from __future__ import annotations

from kernelevo.measurement import CardState

UNKNOWN = CardState(None, None, None, None, None, None, None)


class NoWatch:
    """Implements interfaces.CardWatch."""

    def __init__(self, source: str = "nobody: a virtual GPU has no clocks, temperature or other users") -> None:
        self.source = source

    def state(self, ours: frozenset[int]) -> CardState:
        return UNKNOWN

    def close(self) -> None:
        """Nothing is held."""
