"""Kernels as a backend: which tasks lie behind which wall, and sessions on them.

    training       problems 0 to 23 of every family but pipelines: what the embedded model's base was made from, so
                   that where in several kernels to begin is for the loop to learn
    reward         numbers from 1000 on, drawn from the same maps as training: other problems of its kind
    gate           numbers from 2000 on, of maps that neither training nor reward has
    development    numbers from 3000 on, of the gate's maps; stands in for sealed while a lever is tuned
    sealed         the shipped kernels in CUDA, none of which the generator can write

Reward, gate and development hold problems on which something can be gained: a search of at most 40 evaluations finds at
least 1.2 times the start's speed, and the start has three legal decisions and passes on a dozen draws. They are the
first such of their families, one of each and twelve pipelines (2004 and 3003 were passed over for a map that divided by
zero, and that they no longer have; 1003 for a result that is the same whatever the inputs).
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
        row_map-1001 pipeline-1000 whole_sum-1001 pipeline-1001 permutation-1001 pipeline-1002 matrix_product-1000
        pipeline-1012 broadcast-1000 pipeline-1004 stencil-1000 pipeline-1005 row_fold-1000 pipeline-1006 outer-1001
        pipeline-1007 matrix_vector-1002 pipeline-1008 difference-1000 pipeline-1009 elementwise-1002 pipeline-1010
        pipeline-1011
    """,
    Split.GATE: """
        row_map-2001 pipeline-2000 whole_sum-2000 pipeline-2001 permutation-2000 pipeline-2003 matrix_product-2001
        pipeline-2005 broadcast-2000 pipeline-2006 stencil-2001 pipeline-2007 row_fold-2001 pipeline-2008 outer-2001
        pipeline-2009 matrix_vector-2001 pipeline-2010 difference-2000 pipeline-2011 elementwise-2001 pipeline-2012
        pipeline-2013
    """,
    Split.DEVELOPMENT: """
        row_map-3000 pipeline-3000 whole_sum-3001 pipeline-3002 permutation-3001 pipeline-3004 matrix_product-3000
        pipeline-3005 broadcast-3002 pipeline-3006 stencil-3001 pipeline-3007 row_fold-3001 pipeline-3008 outer-3000
        pipeline-3009 matrix_vector-3001 pipeline-3010 difference-3001 pipeline-3011 elementwise-3000 pipeline-3012
        pipeline-3014
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
