"""What every Executor keeps. Subclass `ExecutorContract` and give it a fixture `executor`."""

from __future__ import annotations

import pytest

from kernelevo.interfaces import Executor


class ExecutorContract:
    def test_every_item_gets_its_answer_once(self, executor: Executor) -> None:
        assert sorted(executor.map(lambda item: item * item, range(20))) == [(item, item * item) for item in range(20)]

    def test_no_items_no_answers(self, executor: Executor) -> None:
        assert list(executor.map(lambda item: item, [])) == []

    def test_what_the_work_raises_reaches_the_consumer(self, executor: Executor) -> None:
        def work(item: int) -> int:
            if item == 2:
                raise LookupError("item 2")
            return item

        with pytest.raises(LookupError, match="item 2"):
            list(executor.map(work, [2]))

    def test_it_can_be_used_again(self, executor: Executor) -> None:
        for _ in range(3):
            assert dict(executor.map(str, [1, 2])) == {1: "1", 2: "2"}

    def test_items_are_drawn_only_as_workers_become_free(self, executor: Executor) -> None:
        drawn = []

        def items():
            for item in range(100):
                drawn.append(item)
                yield item

        answers = executor.map(lambda item: item, items())
        next(answers)
        assert len(drawn) <= executor.workers
