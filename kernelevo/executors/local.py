"""Worker threads of this process. Threads suffice: an evaluation waits for its jailed child, which is a process of
its own.

Items are drawn one by one as workers become free, so that an iterable which stops giving (a deadline) stops the work.
The threads are daemons: when the user interrupts, nobody waits for an evaluation that has not finished.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class LocalExecutor:
    """`workers` threads, started with the first item. One `map` at a time."""

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise ValueError(f"an executor needs at least one worker, not {workers}")
        self.workers = workers
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    def map(self, work: Callable[[Item], Answer], items: Iterable[Item]) -> Iterator[tuple[Item, Answer]]:
        self._start()
        source = iter(items)
        done: queue.SimpleQueue[_Done] = queue.SimpleQueue()
        running = sum(self._send(work, source, done) for _ in range(self.workers))
        while running:
            finished = done.get()
            running -= 1
            if finished.error is not None:
                raise finished.error
            yield finished.item, finished.answer
            running += self._send(work, source, done)

    def close(self) -> None:
        """Tells the threads to end after what they are doing; does not wait."""
        for _ in self._threads:
            self._tasks.put(None)
        self._threads.clear()

    def _start(self) -> None:
        while len(self._threads) < self.workers:
            thread = threading.Thread(
                target=_serve, args=(self._tasks,), name=f"worker-{len(self._threads)}", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def _send(self, work: Callable[[Any], Any], source: Iterator[Any], done: queue.SimpleQueue[_Done]) -> bool:
        """Hands the next item to a worker; false when there is none."""
        for item in source:
            self._tasks.put(_Task(work, item, done))
            return True
        return False


@dataclass(frozen=True)
class _Task:
    work: Callable[[Any], Any]
    item: Any
    done: queue.SimpleQueue[_Done]


@dataclass(frozen=True)
class _Done:
    item: Any
    answer: Any
    error: BaseException | None


def _serve(tasks: queue.SimpleQueue[_Task | None]) -> None:
    while (task := tasks.get()) is not None:
        task.done.put(_perform(task))


def _perform(task: _Task) -> _Done:
    """Whatever the work raises crosses over to the consumer, who raises it again: nothing is swallowed here."""
    outcome = _Outcome()
    with outcome:
        outcome.answer = task.work(task.item)
    return _Done(task.item, outcome.answer, outcome.error)


class _Outcome:
    answer: Any = None
    error: BaseException | None = None

    def __enter__(self) -> _Outcome:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        self.error = error
        return True


class Closable(Protocol):
    def close(self) -> None: ...


Tool = TypeVar("Tool", bound=Closable)


class PerWorker(Generic[Tool]):
    """One tool per thread, made when the thread first asks: tools that drive a child of their own are never shared."""

    def __init__(self, make: Callable[[], Tool]) -> None:
        self._make = make
        self._local = threading.local()
        self._guard = threading.Lock()
        self._made: list[Tool] = []
        self._spare: list[Tool] = []

    def first(self) -> Tool:
        """A tool to look at before the work begins; the first worker that asks gets it."""
        if not self._made:
            self._spare.append(self._remember(self._make()))
        return self._made[0]

    def get(self) -> Tool:
        """The calling thread's own tool."""
        if not hasattr(self._local, "tool"):
            with self._guard:
                spare = self._spare.pop() if self._spare else None
            self._local.tool = spare if spare is not None else self._remember(self._make())
        tool: Tool = self._local.tool
        return tool

    def close(self) -> None:
        """Closes every tool, from the calling thread; a tool in use loses its child at once."""
        with self._guard:
            made, self._made = self._made, []
            self._spare.clear()
        for tool in made:
            tool.close()

    def _remember(self, tool: Tool) -> Tool:
        with self._guard:
            self._made.append(tool)
        return tool
