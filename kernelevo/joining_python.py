"""A language model in the loop on a domain of pipelines: it writes a whole program in Python, which runs behind the
wall, or a pipeline.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from kernelevo.backends.pipelines import NoPipeline
from kernelevo.backends.programs import ProgramSession
from kernelevo.joining_programs import made_of
from kernelevo.loop.policy import Reading, Said
from kernelevo.proposers.policy import policy_harness
from kernelevo.proposers.policy.python_prompt import PythonTask, python_prompt
from kernelevo.proposers.policy.python_reply import Forms, Outcome, read_written
from kernelevo.sandbox_programs import MEMORY_BYTES, PACKAGES, SECONDS
from kernelevo.types import Attempt

if TYPE_CHECKING:
    from kernelevo.harness import Harness
    from kernelevo.language_model import Prompt, Reply, Sampling
    from kernelevo.learning_interfaces import TaskSession

LIMITS = (
    f"A program runs alone: one thread, {SECONDS:g} seconds, {MEMORY_BYTES >> 30} GiB of memory beside what is loaded; "
    f"Python's standard library, {', '.join(PACKAGES)} and nothing else; no network, no other files, no child "
    "processes. What it prints is thrown away, and nothing is kept from one call to the next."
)
_NOT_ITS_DOING = (Outcome.TRUNCATED, Outcome.WITHHELD)


class PythonWay:
    """A loop.policy.Way for sessions whose candidates may be programs in Python."""

    def __init__(self, harness: Harness, model: str) -> None:
        self._harness = policy_harness(harness)
        self._model = model

    def prompt(
        self, session: TaskSession, parent: Attempt, children: Sequence[Attempt], made: Collection[str],
        said: Sequence[Said] = (),
    ) -> Prompt | None:  # fmt: skip
        programs = _of_programs(session)
        form = programs.form
        task = PythonTask(programs.program_words(), LIMITS, form.signature, form.defined_by)
        return python_prompt(self._harness, task, parent, children)

    def sampling(self) -> Sampling:
        return self._harness.sampling

    def read(self, session: TaskSession, parent: Attempt, reply: Reply, said: Sequence[Said] = ()) -> Reading:
        found = read_written(reply, _forms(_of_programs(session)))
        if not found.outcome.is_candidate:
            return Reading(found.outcome.value, blamed=found.outcome not in _NOT_ITS_DOING)
        return made_of(found.text, found.summary, self._model, parent)


def _of_programs(session: TaskSession) -> ProgramSession:
    if not isinstance(session, ProgramSession):
        raise TypeError(f"the backend of {session.task} names a form of programs, and its sessions take none")
    return session


def _forms(session: ProgramSession) -> Forms:
    def as_pipeline(text: str) -> str:
        try:
            return session.space.text(session.space.read(text))
        except NoPipeline:
            return ""

    return Forms(session.form.defined_by, as_pipeline)
