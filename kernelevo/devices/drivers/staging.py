"""Content that a driver keeps in its own process, so that writing it again costs no way through a socket."""

from __future__ import annotations

from kernelevo.errors import Infrastructure


class Staged:
    """What was staged, by number."""

    def __init__(self) -> None:
        self._kept: dict[int, bytes] = {}
        self._next = 1

    def keep(self, data: bytes | memoryview) -> int:
        number, self._next = self._next, self._next + 1
        self._kept[number] = bytes(data)
        return number

    def find(self, number: int) -> bytes:
        """Raises Infrastructure where nothing of this number is kept."""
        if number not in self._kept:
            raise Infrastructure(f"nothing is staged as number {number}; stage it first")
        return self._kept[number]

    def drop(self, number: int) -> None:
        self.find(number)
        del self._kept[number]
