"""What every ProgramRunner keeps. Subclass `ProgramRunnerContract` and give it the fixtures `runner` and `texts`: by
name the text of a program that gives its argument times three ("triples"), of one that raises ("raises") and of one
that gives nothing finite ("infinite"), each as `work(values, seed)`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kernelevo.interfaces import ProgramCall, ProgramFailure, ProgramRunner

VALUES = np.arange(6.0).reshape(2, 3)


def work(text: str, shape: tuple[int, ...] = VALUES.shape) -> ProgramCall:
    return ProgramCall(text, "work", [VALUES], 3, shape)


class ProgramRunnerContract:
    def test_a_call_gives_a_finite_array_of_the_shape(self, runner: ProgramRunner, texts: Mapping[str, str]) -> None:
        found = runner.call(work(texts["triples"]))
        assert found.dtype == np.float64 and np.array_equal(found, 3 * VALUES)

    def test_the_same_call_gives_the_same(self, runner: ProgramRunner, texts: Mapping[str, str]) -> None:
        first, again = (runner.call(work(texts["triples"])) for _ in range(2))
        assert np.array_equal(first, again)

    def test_what_fails_is_a_value_that_blames_the_program(
        self, runner: ProgramRunner, texts: Mapping[str, str]
    ) -> None:
        calls = [work(texts["raises"]), work(texts["infinite"]), work(texts["triples"], (3, 2))]
        for found in map(runner.call, calls):
            assert isinstance(found, ProgramFailure)
            assert found.status.blames_candidate and found.words

    def test_arguments_are_left_as_they_were(self, runner: ProgramRunner, texts: Mapping[str, str]) -> None:
        runner.call(work(texts["triples"]))
        assert np.array_equal(VALUES, np.arange(6.0).reshape(2, 3))

    def test_it_says_what_it_is_and_may_be_closed_twice(self, runner: ProgramRunner) -> None:
        assert runner.version
        runner.close()
        runner.close()
