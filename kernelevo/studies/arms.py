"""The arms of a study, and what each may spend.

    base            the policy as it ships, no lever
    harness         the loop with the harness lever alone
    weights         the loop with the weights lever alone
    both            the loop with both levers
    best_of_n       the policy as it ships, one line of moves after the other from the start, no tree
    by_hand         the policy as it ships, behind a harness that a person wrote
    uniform         every legal decision as likely as another, no model

The last two are the sober ones: whatever a lever gains has to be worth more than an afternoon's thought, and than none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kernelevo.errors import BadInput
from kernelevo.learning import LeverName
from kernelevo.loop.task_state import Strategy


@dataclass(frozen=True)
class Arm:
    """`model` None is the study's; `by_hand` takes the harness that a person wrote, `harness` and `adapter` are folders
    to begin with.
    """

    name: str
    words: str
    levers: tuple[LeverName, ...] = ()
    model: str | None = None
    strategy: Strategy = "tree"
    by_hand: bool = False
    harness: str | None = None
    adapter: str | None = None

    @property
    def learns(self) -> bool:
        return bool(self.levers)


ARMS = {
    arm.name: arm
    for arm in (
        Arm("base", "as it ships"),
        Arm("harness", "harness lever", ("harness",)),
        Arm("weights", "weights lever", ("weights",)),
        Arm("both", "both levers", ("harness", "weights")),
        Arm("best_of_n", "best of N, no tree", strategy="rollouts"),
        Arm("by_hand", "harness written by hand", by_hand=True),
        Arm("uniform", "uniform over legal moves", model="uniform"),
    )
}
SOBER = ("by_hand", "uniform")
_OTHER_NAMES = {"H": "harness", "W": "weights", "W+H": "both", "H+W": "both", "best-of-N": "best_of_n"}


def read_arms(text: str) -> list[Arm]:
    """The arms that `base,H,W+H` names; raises BadInput for one that there is not, or that is named twice."""
    names = [_OTHER_NAMES.get(word.strip(), word.strip().replace("-", "_")) for word in text.split(",") if word.strip()]
    if wrong := next((name for name in names if name not in ARMS), None):
        raise BadInput(f"--arms: there is no arm {wrong!r}; there are {', '.join(ARMS)}")
    if len(set(names)) < len(names) or not names:
        raise BadInput("--arms names an arm twice, or none; name each once, as in --arms base,H,W,W+H")
    return [ARMS[name] for name in names]


def matrix(executors: Sequence[str], kept: Mapping[str, tuple[str, str | None, str]]) -> list[Arm]:
    """Every executor behind every harness and with every adapter that is its own. `kept` says what a run kept: the
    folders of its harness and adapter, and its model, whose adapter no other model can load.
    """
    arms = []
    for model in executors:
        harnesses: dict[str, str | None] = {"start": None, **{run: folders[0] for run, folders in kept.items()}}
        adapters: dict[str, str | None] = {"none": None}
        adapters |= {run: adapter for run, (_, adapter, of) in kept.items() if adapter is not None and of == model}
        for harness, folder in harnesses.items():
            for adapter, weights in adapters.items():
                words = f"{model}, harness {harness}, adapter {adapter}"
                name = f"{model}.{harness}.{adapter}".replace("/", "_").replace(":", "_")
                arms.append(Arm(name, words, model=model, harness=folder, adapter=weights))
    return arms


@dataclass(frozen=True)
class Costs:
    """What every arm may spend with one seed: `learning` evaluations in all, and `test`, the start's included, in each
    of `searches` searches of each of `tasks` tasks. An arm that does not learn spends its learning evaluations on the
    test, too.
    """

    learning: int
    test: int
    tasks: int
    searches: int = 1

    @property
    def total(self) -> int:
        return self.test * self.tasks * self.searches + self.learning

    def of(self, arm: Arm, learned: int = 0) -> int:
        """Evaluations of each search of the test, after an arm's loop has used `learned`: what that left over is spent
        here, so that all arms cost the same.
        """
        left = max(0, self.learning - learned) if arm.learns else self.learning
        return self.test + left // (self.tasks * self.searches)
