"""Kernels as a backend: which tasks lie behind which wall, and sessions on them.

    training       problems 0 to 23 of every family but pipelines and layers: what the embedded model's base was made
                   from, so that where in several kernels to begin is for the loop to learn
    reward         numbers from 1000 on, drawn from the same maps as training: other problems of its kind
    gate           numbers from 2000 on, of maps that neither training nor reward has
    development    numbers from 3000 on, of the gate's maps; stands in for sealed while a lever is tuned
    sealed         the shipped kernels in CUDA, none of which the generator can write

Reward, gate and development hold problems on which something can be gained: a search of at most 40 evaluations finds at
least 1.2 times the start's speed, and the start has three legal decisions and passes on a dozen draws
(scripts/choose-problems). They are the first such of their families: one of each of one launch, and six each of
pipelines and of layers. 2004 and 3003 of the pipelines were passed over for a map that divided by zero, and that they
no longer have; 1003 for a result that is the same whatever the inputs; 2005 of the layers because 40 evaluations find
nothing on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from kernelevo.backends.kernels.generated import FAMILIES, GeneratedProblem, generate
from kernelevo.backends.kernels.grammar import grammar_of
from kernelevo.backends.kernels.memo import Memo, MemoryMemo
from kernelevo.backends.kernels.session import KernelSession
from kernelevo.backends.kernels.tools import KernelTask, Tools
from kernelevo.errors import BadInput
from kernelevo.learning import Split

TRAINING_OF_EACH = 24
UNTRAINED = frozenset({"pipeline", "layers"})
_CHOSEN: Mapping[Split, str] = {
    Split.REWARD: """
        row_map-1001 pipeline-1000 whole_sum-1001 layers-1000 permutation-1001 pipeline-1001 matrix_product-1000
        layers-1001 broadcast-1000 pipeline-1002 stencil-1000 layers-1002 row_fold-1000 pipeline-1004 outer-1001
        layers-1003 matrix_vector-1002 pipeline-1005 difference-1000 layers-1004 elementwise-1002 pipeline-1006
        layers-1005
    """,
    Split.GATE: """
        row_map-2001 pipeline-2000 whole_sum-2000 layers-2000 permutation-2000 pipeline-2001 matrix_product-2001
        layers-2001 broadcast-2000 pipeline-2003 stencil-2001 layers-2002 row_fold-2001 pipeline-2005 outer-2001
        layers-2003 matrix_vector-2001 pipeline-2006 difference-2000 layers-2004 elementwise-2001 pipeline-2007
        layers-2006
    """,
    Split.DEVELOPMENT: """
        row_map-3000 pipeline-3000 whole_sum-3001 layers-3000 permutation-3001 pipeline-3002 matrix_product-3000
        layers-3001 broadcast-3002 pipeline-3004 stencil-3001 layers-3002 row_fold-3001 pipeline-3005 outer-3000
        layers-3003 matrix_vector-3001 pipeline-3006 difference-3001 layers-3004 elementwise-3000 pipeline-3007
        layers-3005
    """,
}


class KernelBackend:
    """`shipped` opens the sealed tasks by name; without a memo verdicts are kept in this process."""

    name = "kernels"

    def __init__(self, tools: Tools, shipped: Mapping[str, Callable[[], KernelTask]], memo: Memo | None = None) -> None:
        self.version = tools.version
        self.device = tools.device
        self.grammar = grammar_of(tools.rules)
        self._tools = tools
        self._shipped = shipped
        self._memo = memo or MemoryMemo()

    def tasks(self, split: Split) -> Sequence[str]:
        return tuple(self._shipped) if split is Split.SEALED else generated_tasks(split)

    def open(self, task: str) -> KernelSession:
        if task in self._shipped:
            return self._session(self._shipped[task]())
        if not any(task in generated_tasks(split) for split in Split):
            raise BadInput(
                f"the backend kernels has no task {task!r}; it has {', '.join(self._shipped)}, and generated ones such "
                f"as {', '.join(generated_tasks(Split.REWARD)[:3])}"
            )
        return self.session_on(generate(task))

    def session_on(self, made: GeneratedProblem) -> KernelSession:
        """Also on a problem that no split has: lists are chosen among such (scripts/choose-problems)."""
        return self._session(KernelTask(made.name, made.family, made.text, made.problem, made.audited))

    def close(self) -> None:
        self._tools.close()

    def _session(self, task: KernelTask) -> KernelSession:
        return KernelSession(task, self._tools, self.grammar, self._memo)


def generated_tasks(split: Split) -> tuple[str, ...]:
    """The names of a split's generated problems, the families taking turns; none are sealed."""
    if split is Split.TRAINING:
        families = [family for family in FAMILIES if family not in UNTRAINED]
        return tuple(f"{family}-{number}" for number in range(TRAINING_OF_EACH) for family in families)
    return tuple(_CHOSEN.get(split, "").split())
