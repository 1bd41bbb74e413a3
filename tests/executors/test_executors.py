"""Both executors keep the contract; the local one really works at the same time, and its tools are one per worker."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from conformance.executor import ExecutorContract

from kernelevo.executors.local import LocalExecutor, PerWorker
from kernelevo.executors.serial import SerialExecutor
from kernelevo.executors.streaming import StreamingExecutor


class TestSerialExecutor(ExecutorContract):
    @pytest.fixture
    def executor(self) -> SerialExecutor:
        return SerialExecutor()


class TestLocalExecutor(ExecutorContract):
    @pytest.fixture(params=[1, 3])
    def executor(self, request: pytest.FixtureRequest) -> Iterator[LocalExecutor]:
        executor = LocalExecutor(request.param)
        yield executor
        executor.close()


class TestStreamingExecutor(ExecutorContract):
    @pytest.fixture(params=[1, 3])
    def executor(self, request: pytest.FixtureRequest) -> Iterator[StreamingExecutor]:
        executor = StreamingExecutor(request.param)
        yield executor
        executor.close()


class Tool:
    def __init__(self) -> None:
        self.owner = threading.get_ident()
        self.closed = False

    def close(self) -> None:
        self.closed = True


def test_workers_run_at_the_same_time() -> None:
    meeting = threading.Barrier(3, timeout=20)
    executor = LocalExecutor(3)
    assert len(list(executor.map(lambda item: meeting.wait(), range(3)))) == 3
    executor.close()


def test_answers_come_in_the_order_in_which_they_finish() -> None:
    first_may_end = threading.Event()
    executor = LocalExecutor(2)

    def work(item: str) -> None:
        if item == "slow":
            assert first_may_end.wait(20)

    answers = executor.map(work, ["slow", "quick"])
    assert next(answers)[0] == "quick"
    first_may_end.set()
    assert next(answers)[0] == "slow"
    executor.close()


def test_each_worker_has_a_tool_of_its_own_and_all_are_closed() -> None:
    tools: PerWorker[Tool] = PerWorker(Tool)
    meeting = threading.Barrier(2, timeout=20)
    executor = LocalExecutor(2)

    def work(item: int) -> Tool:
        meeting.wait()
        return tools.get()

    used = [tool for _, tool in executor.map(work, range(4))]
    assert len({id(tool) for tool in used}) == len({tool.owner for tool in used}) == 2
    assert not any(tool.closed for tool in used)
    tools.close()
    executor.close()
    assert all(tool.closed for tool in used)


def test_an_executor_without_workers_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        LocalExecutor(0)
