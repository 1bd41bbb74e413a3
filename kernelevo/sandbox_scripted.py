"""A Wall without a wall, and a runner of programs that runs none, for the tests of what stands in front of them: they
answer from a script and keep what they were asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kernelevo.errors import SandboxBroken
from kernelevo.interfaces import ProgramCall, ProgramFailure, WallAnswer, WallRequest
from kernelevo.types import Budget, Status


class ScriptedWall:
    """Gives the answers in order; a call beyond the last one raises SandboxBroken. Nothing is run."""

    def __init__(self, answers: Sequence[WallAnswer]) -> None:
        self._answers = list(answers)
        self.asked: list[WallRequest] = []

    def call(self, request: WallRequest, budget: Budget) -> WallAnswer:
        """Returns the script's next answer and remembers the request."""
        self.asked.append(request)
        if not self._answers:
            raise SandboxBroken("the scripted wall has no answer left; give it one for every call")
        return self._answers.pop(0)

    def close(self) -> None:
        """Drops the answers that are left."""
        self._answers.clear()


class ScriptedPrograms:
    """A ProgramRunner for tests: gives what `answer` says of a call (an array, or a ProgramFailure), held to the call's
    shape and to finite values, and keeps what it was asked. Nothing of a program is run.
    """

    version = "scripted"

    def __init__(self, answer: Callable[[ProgramCall], Any]) -> None:
        self._answer = answer
        self.asked: list[ProgramCall] = []

    def call(self, call: ProgramCall) -> np.ndarray | ProgramFailure:
        self.asked.append(call)
        found = self._answer(call)
        if isinstance(found, ProgramFailure):
            return found
        made = np.asarray(found, dtype=np.float64)
        if made.shape != call.shape or not np.isfinite(made).all():
            return ProgramFailure(Status.WRONG, f"{call.function} gave no finite array of shape {call.shape}")
        return made

    def close(self) -> None:
        """Nothing is held open."""
