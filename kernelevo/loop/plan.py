"""How a run's evaluations are divided: among generations, and in each between learning and the gate."""

from __future__ import annotations

from dataclasses import dataclass, field

from kernelevo.counting import counted
from kernelevo.errors import BadInput
from kernelevo.learning import LeverName
from kernelevo.loop.curves import EARLY
from kernelevo.loop.gate import LEAST_PAIRS, GateRule

MOST_PAIRS = 32
PER_PAIR = 1 + EARLY
"""Evaluations of one policy on one task of the gate: the start and few candidates; more pairs tell more than more of
these."""
SEARCHES = 4
"""Of each pair on each side, with other replies: luck in a search is larger than what tasks differ by, and most of what
another search makes is judged by then.
"""
PAIR_COST = 12
"""Evaluations that a pair takes on both sides together, about: on generated kernels 10 to 14, where most of what
another search makes is judged by then. A backend may have a `pair_cost` of its own.
"""
PLANNED_LOOKS = 2
"""Looks of a gate that a generation's own share pays for."""
PER_TASK = 8
"""Evaluations of a generation for each task of the reward split, about."""
MOST_TASKS = 24
LEAST_TASKS = 2
LEARNING_SHARE = 0.4
"""The gate takes more: it tells two policies apart by what luck in a search leaves visible."""
LEVERS: dict[str, tuple[LeverName, ...]] = {
    "auto": ("harness", "weights"), "harness": ("harness",), "weights": ("weights",), "none": (),
    "harness,weights": ("harness", "weights"), "weights,harness": ("harness", "weights"),
}  # fmt: skip
LEAST_COVERAGE = 0.6
"""Below this part of verdicts that could be told, a generation is neither judged nor learned from."""


@dataclass(frozen=True)
class LoopSettings:
    """What a run was asked for. `levers` are those that may be used; `reuse` goes on with the trees of the generations
    before, instead of beginning each from the starts; `gap` is how far the audit's gap may widen.
    """

    levers: tuple[LeverName, ...] = ("harness", "weights")
    generations: int = 4
    seed: int = 0
    reuse: bool = False
    rule: GateRule = field(default_factory=GateRule)
    gap: float = 0.5
    audits: int = 8
    pair_cost: int = PAIR_COST

    def __post_init__(self) -> None:
        if self.generations < 1:
            raise BadInput(f"--generations {self.generations} leaves nothing to be done; give at least 1")
        if not self.gap > 0:
            raise BadInput(f"--gap {self.gap:g} would pause every run; give a positive number of log2")
        if self.seed < 0:
            raise BadInput(f"--seed {self.seed} is negative; give 0 or more")


@dataclass(frozen=True)
class Plan:
    """Of one generation: evaluations to learn from and tasks that share them; of a look of the gate, its pairs and the
    evaluations of each side of one. `gate` is what all looks of a generation may use, what earlier ones left included.
    """

    learning: int
    tasks: int
    gate: int
    pairs: int
    per_pair: int
    searches: int = 1
    pair_cost: int = PAIR_COST

    @property
    def look(self) -> int:
        """What a look takes: with several searches of a pair about, else at most."""
        return self.pairs * (self.pair_cost if self.searches > 1 else 2 * PER_PAIR)


def make_plan(evaluations: int, settings: LoopSettings, reward_tasks: int) -> Plan:
    """Raises BadInput where the evaluations do not suffice for a generation and its gate."""
    each = evaluations // settings.generations
    learning = int(each * LEARNING_SHARE) if settings.levers else each
    gate = each - learning
    searches = SEARCHES if gate >= PLANNED_LOOKS * LEAST_PAIRS * settings.pair_cost else 1
    each_pair = settings.pair_cost if searches > 1 else 2 * PER_PAIR
    pairs = min(max(gate // (PLANNED_LOOKS * each_pair), LEAST_PAIRS), MOST_PAIRS)
    tasks = min(max(learning // PER_TASK, LEAST_TASKS), reward_tasks, MOST_TASKS)
    gated = (pairs, PER_PAIR, searches, settings.pair_cost) if settings.levers else (0, 0, 0)
    plan = Plan(learning, tasks, gate, *gated)
    if plan.look > gate or learning < 2 * tasks:
        least = settings.generations * max(2 * plan.look, 8 * tasks)
        raise BadInput(
            f"{counted(evaluations, 'evaluation')} do not suffice for {counted(settings.generations, 'generation')}: "
            f"a generation and its gate take about {least // settings.generations}; "
            f"give --budget evaluations={least}, or fewer --generations"
        )
    return plan
