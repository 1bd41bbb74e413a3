"""What is costly to make and asked for again: kept by keys, within a number of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

Keep = Callable[[tuple[Any, ...], Callable[[], Any]], Any]
"""What is kept under the key, or what the second argument makes."""


class Keeping:
    """At most `most` bytes of arrays, dense or of scipy's sparse ones; what was asked for longest ago goes first. For
    worker threads: two that miss the same make it twice, and one is kept.
    """

    def __init__(self, most: int) -> None:
        self._most, self._bytes = most, 0
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, key: Hashable, make: Callable[[], Any]) -> Any:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = make()
        with self._lock:
            if key not in self._kept:
                self._kept[key] = made
                self._bytes += _bytes(made)
            while self._bytes > self._most and len(self._kept) > 1:
                self._bytes -= _bytes(self._kept.popitem(last=False)[1])
        return made

    def under(self, *prefix: Hashable) -> Keep:
        """For keys of one owner."""
        return lambda key, make: self.of((*prefix, *key), make)

    def __len__(self) -> int:
        return len(self._kept)


def anew(key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
    """A Keep that keeps nothing."""
    return make()


def _bytes(kept: Any) -> int:
    if isinstance(kept, np.ndarray):
        return int(kept.nbytes)
    return int(kept.data.nbytes + kept.indices.nbytes + kept.indptr.nbytes)
