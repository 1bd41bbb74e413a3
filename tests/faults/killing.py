"""Kills what stands behind a process, at random moments, as an OOM killer would: zygotes, children, programs."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
from pathlib import Path


def children(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):  # it ended meanwhile
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found


def descendants(pid: int) -> list[int]:
    return [each for child in children(pid) for each in (child, *descendants(child))]


class RandomKiller:
    """Until its end, SIGKILLs one descendant of `root` after the other, with pauses of `least` to `most` seconds and
    at most `times`; `killed` counts.
    """

    def __init__(self, root: int, least: float, most: float, times: int, seed: int = 1) -> None:
        self._root, self._pauses, self._times = root, (least, most), times
        self._random = random.Random(seed)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.killed = 0

    def _run(self) -> None:
        while self.killed < self._times and not self._over.wait(self._random.uniform(*self._pauses)):
            family = descendants(self._root)
            if family:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._random.choice(family), signal.SIGKILL)
                    self.killed += 1

    def __enter__(self) -> RandomKiller:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
