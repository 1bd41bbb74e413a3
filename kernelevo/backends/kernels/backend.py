"""Kernels as a backend: which tasks lie behind which wall, and sessions on them.

training       problems 0 to 239 over the families: what the embedded model's base was made from
reward         numbers from 1000 on, drawn from the same maps as training: other problems of its kind
gate           numbers from 2000 on, of maps that neither training nor reward has
development    numbers from 3000 on, of the gate's maps; stands in for sealed while a lever is tuned
sealed         the shipped kernels in CUDA, none of which the generator can write
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from kernelevo.backends.kernels.generated import FAMILIES, generate
from kernelevo.backends.kernels.grammar import grammar_of
from kernelevo.backends.kernels.memo import Memo, MemoryMemo
from kernelevo.backends.kernels.session import KernelSession
from kernelevo.backends.kernels.tools import KernelTask, Tools
from kernelevo.errors import BadInput
from kernelevo.learning import Split

_GENERATED = {Split.TRAINING: (0, 264), Split.REWARD: (1000, 16), Split.GATE: (2000, 16), Split.DEVELOPMENT: (3000, 11)}
"""Per split the first number, and how many problems there are, the families taking turns."""


class KernelBackend:
    """`shipped` opens the sealed tasks by name; without a memo verdicts are kept in this process."""

    name = "kernels"

    def __init__(self, tools: Tools, shipped: Mapping[str, Callable[[], KernelTask]], memo: Memo | None = None) -> None:
        self.version = tools.version
        self.grammar = grammar_of(tools.rules)
        self._tools = tools
        self._shipped = shipped
        self._memo = memo or MemoryMemo()

    def tasks(self, split: Split) -> Sequence[str]:
        return tuple(self._shipped) if split is Split.SEALED else generated_tasks(split)

    def open(self, task: str) -> KernelSession:
        if task in self._shipped:
            return self._session(self._shipped[task]())
        if not any(task in generated_tasks(split) for split in _GENERATED):
            raise BadInput(
                f"the backend kernels has no task {task!r}; it has {', '.join(self._shipped)}, and generated ones such "
                f"as {', '.join(generated_tasks(Split.REWARD)[:3])}"
            )
        made = generate(task)
        return self._session(KernelTask(made.name, made.family, made.text, made.problem, made.audited))

    def close(self) -> None:
        self._tools.close()

    def _session(self, task: KernelTask) -> KernelSession:
        return KernelSession(task, self._tools, self.grammar, self._memo)


def generated_tasks(split: Split) -> tuple[str, ...]:
    """The names of a split's generated problems."""
    first, count = _GENERATED[split]
    families = list(FAMILIES)
    return tuple(f"{families[place % len(families)]}-{first + place // len(families)}" for place in range(count))
