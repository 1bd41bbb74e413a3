"""A stream is answered while its next items are still awaited, with a bounded number on the way."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator

import pytest

from kernelevo.executors.streaming import StreamingExecutor


def waiting(source: queue.SimpleQueue) -> Iterator[int]:
    while (item := source.get(timeout=20)) is not None:
        yield item


def test_an_answer_comes_before_the_next_item_is_there() -> None:
    executor, source = StreamingExecutor(2), queue.SimpleQueue()
    answers = executor.map(lambda item: item + 1, waiting(source))
    for item in (1, 5, 9):
        source.put(item)
        assert next(answers) == (item, item + 1)
    source.put(None)
    assert list(answers) == []


@pytest.mark.parametrize("ahead", [0, 3])
def test_no_more_items_are_on_their_way_than_there_is_room_for(ahead: int) -> None:
    executor, drawn = StreamingExecutor(2, ahead), []

    def items() -> Iterator[int]:
        for item in range(50):
            drawn.append(item)
            yield item

    taken = 0
    for _ in executor.map(lambda item: item, items()):
        taken += 1
        threading.Event().wait(0.002)
        assert len(drawn) <= taken + 2 + ahead
    assert taken == 50


def test_what_the_items_raise_reaches_the_consumer() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("the pipe broke")

    answers = StreamingExecutor(1).map(lambda item: item, items())
    with pytest.raises(OSError, match="the pipe broke"):
        list(answers)


def test_a_consumer_that_stops_ends_the_drawing() -> None:
    executor, drawn = StreamingExecutor(1), []

    def items() -> Iterator[int]:
        for item in range(1000):
            drawn.append(item)
            yield item

    answers = executor.map(lambda item: item, items())
    next(answers)
    answers.close()
    feeders = [thread for thread in threading.enumerate() if thread.name == "feeder"]
    for feeder in feeders:
        feeder.join(10)
    assert not any(feeder.is_alive() for feeder in feeders) and len(drawn) <= 2


def test_it_refuses_no_workers() -> None:
    with pytest.raises(ValueError, match="at least one worker"):
        StreamingExecutor(0)
