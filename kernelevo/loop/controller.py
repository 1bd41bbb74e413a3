"""Which lever is pulled next, or none: a pure function of what the record says, so that it can be asked again.

At first all levers that may be used are pulled at once, behind one gate: it is paid for once, and what they gain
together is seen in fewer pairs than what each does. Where that was not accepted, one lever goes alone, the one with the
higher measured gain for an evaluation, the harness first; where both have just paid, both go at once again. A lever
whose changes were rejected several times in a row rests, and with all of them at rest the run has converged.
(The published loop leaves this choice to a language model and says no reason: arXiv:2605.27276, section 3.)
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kernelevo.learning import LeverName
from kernelevo.loop.plan import LEAST_COVERAGE

PATIENCE = 2.0
"""So many rejected changes of a lever in a row, and it rests."""
UNDECIDED = 0.5
"""As how many rejected ones a change counts that the gate could not tell from the present policy."""
REMEMBERED = 3
"""Trials of a lever that its expected gain rests on."""
PRIOR_GAIN, PRIOR_WEIGHT = 0.1, 1.0
"""Log2 that an unknown lever is expected to gain, and as how many trials that counts."""


@dataclass(frozen=True)
class Trial:
    """What a change of these levers came to: "accept", "reject", "undecided", or "nothing" where none was drafted."""

    generation: int
    levers: tuple[LeverName, ...]
    result: str
    difference: float
    evaluations: int

    @property
    def gain(self) -> float:
        return self.difference if self.result == "accept" else 0.0


@dataclass(frozen=True)
class Facts:
    """What a decision rests on. `coverages` are those of all generations; `next_cost` is what one more gate takes."""

    allowed: tuple[LeverName, ...]
    trials: tuple[Trial, ...]
    coverages: tuple[float, ...]
    evaluations_left: int
    next_cost: int


@dataclass(frozen=True)
class Choice:
    """`levers` to be pulled (none: go on without), `stop` whether the run ends here."""

    levers: tuple[LeverName, ...]
    stop: bool
    reason: str
    numbers: Mapping[str, float] = field(default_factory=dict)


def choose(facts: Facts) -> Choice:
    if facts.coverages and facts.coverages[-1] < LEAST_COVERAGE:
        return _uncovered(facts.coverages)
    if not facts.allowed:
        return Choice((), False, "no lever may be used")
    if facts.evaluations_left < facts.next_cost:
        left = f"{facts.evaluations_left:,} evaluations are left, and a gate takes {facts.next_cost:,}"
        return Choice((), True, f"the budget pays for no further gate: {left}")
    awake = [lever for lever in facts.allowed if not _rests(lever, facts.trials)]
    if not awake:
        return Choice((), True, f"converged: {_names(facts.allowed)} brought nothing again and again")
    if len(awake) > 1 and not facts.trials:
        return Choice(tuple(awake), False, "none was tried yet: all at once, behind one gate")
    untried = [lever for lever in awake if not _of(lever, facts.trials)]
    if untried:
        return Choice((untried[0],), False, f"{untried[0]} was not tried yet")
    worth = {lever: _gain_per_cost(lever, facts.trials) for lever in awake}
    numbers = {f"{lever} gain per 100 evaluations": round(100 * value, 4) for lever, value in worth.items()}
    if len(awake) > 1 and all(_of(lever, facts.trials)[-1].result == "accept" for lever in awake):
        return Choice(tuple(awake), False, "each paid when it was last tried: both at once, behind one gate", numbers)
    best = max(awake, key=lambda lever: (worth[lever], -facts.allowed.index(lever)))
    why = "is the only one that does not rest" if len(awake) == 1 else "is expected to gain most for an evaluation"
    return Choice((best,), False, f"{best} {why}", numbers)


def _uncovered(coverages: Sequence[float]) -> Choice:
    told = f"only {coverages[-1]:.0%} of the verdicts could be told"
    if len(coverages) > 1 and coverages[-2] < LEAST_COVERAGE:
        return Choice((), True, f"{told}, for the second time: this machine fails, and nothing can be learned here")
    return Choice((), False, f"{told}: missing data, from which nothing is learned")


def _of(lever: LeverName, trials: Sequence[Trial]) -> list[Trial]:
    return [trial for trial in trials if lever in trial.levers]


def _rests(lever: LeverName, trials: Sequence[Trial]) -> bool:
    in_vain = 0.0
    for trial in reversed(_of(lever, trials)):
        if trial.result == "accept":
            break
        in_vain += UNDECIDED if trial.result == "undecided" else 1.0
    return in_vain >= PATIENCE


def _gain_per_cost(lever: LeverName, trials: Sequence[Trial]) -> float:
    """The shrunk mean gain of the last trials over their mean cost; a joint change counts for each lever by half."""
    last = _of(lever, trials)[-REMEMBERED:]
    gained = sum(trial.gain / len(trial.levers) for trial in last)
    expected = (PRIOR_GAIN * PRIOR_WEIGHT + gained) / (PRIOR_WEIGHT + len(last))
    return expected / max(1.0, statistics.fmean(trial.evaluations for trial in last))


def _names(levers: Sequence[LeverName]) -> str:
    return " and ".join(levers)
