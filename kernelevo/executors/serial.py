"""The executor without workers: one item after the other, in the caller's thread. The twin of `local` for tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class SerialExecutor:
    workers = 1

    def map(self, work: Callable[[Item], Answer], items: Iterable[Item]) -> Iterator[tuple[Item, Answer]]:
        for item in items:
            yield item, work(item)

    def close(self) -> None:
        """Nothing to release."""
