"""A Wall without a wall, for the tests of what stands in front of it: it answers from a script and keeps what it was
asked.
"""

from __future__ import annotations

from collections.abc import Sequence

from kernelevo.errors import SandboxBroken
from kernelevo.interfaces import WallAnswer, WallRequest
from kernelevo.types import Budget


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
