"""Worker threads for a stream: answers are given while the next items are still awaited.

A thread of its own draws the items, so that an iterable that waits (a pipe) holds up no answer. At most `workers +
ahead` items are on their way at a time, those whose answers wait for the consumer included: memory is bounded however
long the stream is, and a slow consumer slows the drawing down. All threads are daemons, as those of `local` are.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class StreamingExecutor:
    """Implements interfaces.Executor with `workers` threads; `ahead` items are drawn beyond those being worked on. One
    `map` at a time.
    """

    def __init__(self, workers: int, ahead: int = 0) -> None:
        if workers < 1 or ahead < 0:
            raise ValueError(f"an executor needs at least one worker and no less than 0 ahead, not {workers}, {ahead}")
        self.workers = workers
        self._ahead = ahead
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    def map(self, work: Callable[[Item], Answer], items: Iterable[Item]) -> Iterator[tuple[Item, Answer]]:
        self._start()
        stream = _Stream(work, threading.Semaphore(self.workers + self._ahead), queue.SimpleQueue(), threading.Event())
        threading.Thread(target=stream.feed, args=(iter(items), self._tasks), name="feeder", daemon=True).start()
        finished, expected = 0, None
        try:
            while expected is None or finished < expected:
                done = stream.done.get()
                if done.error is not None:
                    raise done.error
                if done.last is not None:
                    expected = done.last
                    continue
                finished += 1
                yield done.item, done.answer
                stream.room.release()
        finally:
            stream.ended.set()
            stream.room.release()

    def close(self) -> None:
        """Tells the threads to end after what they are doing; does not wait."""
        for _ in self._threads:
            self._tasks.put(None)
        self._threads.clear()

    def _start(self) -> None:
        while len(self._threads) < self.workers:
            name = f"worker-{len(self._threads)}"
            thread = threading.Thread(target=_serve, args=(self._tasks,), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()


@dataclass(frozen=True)
class _Done:
    """An answer; or an error, of the work or of the items; or, from the feeder, how many items there were."""

    item: Any = None
    answer: Any = None
    error: BaseException | None = None
    last: int | None = None


@dataclass(frozen=True)
class _Stream:
    """One `map`: `room` is for items on their way, `ended` says that nobody takes answers any more."""

    work: Callable[[Any], Any]
    room: threading.Semaphore
    done: queue.SimpleQueue[_Done]
    ended: threading.Event

    def feed(self, items: Iterator[Any], tasks: queue.SimpleQueue[_Task | None]) -> None:
        """Draws items as there is room for them, and says how many there were."""
        count = 0
        with _Crossing(self.done):
            while self.room.acquire() and not self.ended.is_set():
                for item in items:
                    tasks.put(_Task(self, item))
                    count += 1
                    break
                else:
                    self.done.put(_Done(last=count))
                    return


@dataclass(frozen=True)
class _Task:
    stream: _Stream
    item: Any

    def perform(self) -> None:
        if self.stream.ended.is_set():
            return
        with _Crossing(self.stream.done):
            self.stream.done.put(_Done(self.item, self.stream.work(self.item)))


class _Crossing:
    """Whatever is raised inside crosses over to the consumer, who raises it again: nothing is swallowed here."""

    def __init__(self, done: queue.SimpleQueue[_Done]) -> None:
        self._done = done

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if error is not None:
            self._done.put(_Done(error=error))
        return True


def _serve(tasks: queue.SimpleQueue[_Task | None]) -> None:
    while (task := tasks.get()) is not None:
        task.perform()
