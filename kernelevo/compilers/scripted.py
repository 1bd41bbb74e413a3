"""A Compiler without a compiler, for the tests of what stands behind it: it answers from a table by text."""

from __future__ import annotations

from collections.abc import Mapping

from kernelevo.compilers.request import failure, refuse
from kernelevo.types import Budget, BuildFailure, BuildRequest, Image


class ScriptedCompiler:
    """Gives `builds[text]`; a text that is not in the table is refused like one with an error. Keeps what it was
    asked.
    """

    name = "scripted"
    version = "1"

    def __init__(self, builds: Mapping[str, Image | BuildFailure]) -> None:
        self._builds = dict(builds)
        self.asked: list[BuildRequest] = []

    def target(self, arch: str) -> str:
        return arch

    def build(self, request: BuildRequest, budget: Budget) -> Image | BuildFailure:
        """Returns the table's build of the request's text. Raises BadInput for a wrong request."""
        self.asked.append(request)
        return refuse(request) or self._builds.get(
            request.text, failure("the script has no such text", request.file_name)
        )
