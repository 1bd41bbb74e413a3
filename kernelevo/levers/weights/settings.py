"""How the weights lever learns; its defaults depend on the kind of model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kernelevo.errors import BadInput
from kernelevo.levers.weights.choose import OBJECTIVES, Objective


@dataclass(frozen=True)
class WeightSettings:
    """`objective` None is chosen from the shape of the rewards. A reply is worth its `value`: the reward of what it
    made, the best among that and everything made of it later, or the `gain`, log2 of that best over the parent's
    reward. Steps of the last `generations` are looked at. Those of another harness or adapter are stale: excluded, or
    (`weigh`) weighed by how likely the present policy is to write them, at most `ratio_cap`. `least` replies are needed
    to learn at all.

    `epochs` passes in minibatches of about `minibatch` replies (whole groups), Adam with `learning_rate`, gradients
    clipped to the norm `gradient_clip`; it stops early when the policy is `kl_stop` nats a token from the one that it
    began with. `kl_weight` is the penalty for leaving the base. `clip` is that of PPO and GRPO; `gamma`, `smoothing`
    (lambda) and `value_weight` are those of PPO with GAE, `dpo_beta` that of DPO.
    """

    rank: int = 32
    learning_rate: float = 4e-5
    epochs: int = 1
    minibatch: int = 64
    gradient_clip: float = 1.0
    kl_stop: float = 0.1
    kl_weight: float = 0.1
    objective: Objective | None = None
    value: Literal["best", "reward", "gain"] = "best"
    generations: int = 4
    stale: Literal["exclude", "weigh"] = "exclude"
    ratio_cap: float = 2.0
    least: int = 8
    clip: float = 0.2
    gamma: float = 1.0
    smoothing: float = 0.95
    value_weight: float = 0.5
    dpo_beta: float = 0.1

    def __post_init__(self) -> None:
        if self.objective is not None and self.objective not in OBJECTIVES:
            raise BadInput(f"there is no objective {self.objective!r}; name one of {', '.join(OBJECTIVES)}")
        for name in ("rank", "epochs", "minibatch", "generations", "least"):
            if getattr(self, name) < 1:
                raise BadInput(f"the weights lever's {name} is {getattr(self, name)}; give at least 1")
        for name in ("learning_rate", "gradient_clip", "kl_stop", "ratio_cap", "clip", "dpo_beta"):
            if not 0 < getattr(self, name) < float("inf"):
                raise BadInput(f"the weights lever's {name} is {getattr(self, name)}; give a positive number")


LARGE = WeightSettings()
"""Rank 32 and 4e-5, as published for models of billions of parameters (arXiv:2601.16175, arXiv:2605.27276), where one
pass over the replies is a step."""
TINY = WeightSettings(
    rank=8, learning_rate=1e-3, epochs=40, minibatch=1024, kl_weight=0.02, kl_stop=0.8, value="gain"
)
"""About a million parameters, some hundred replies a generation, and few tokens a reply, each of them a choice: steps
over all replies at once, as many as it takes to go as far as a gate over some tens of pairs can tell (on recorded
replies 0.8 nats gained more than 0.4, and 1.5 hardly more)."""
TABULAR = WeightSettings(rank=8, learning_rate=5e-2, epochs=6, minibatch=32, kl_weight=0.02, kl_stop=0.4)
_OF_KINDS = {"tiny": TINY, "tabular": TABULAR}


def weight_settings(kind: str) -> WeightSettings:
    """The defaults for a kind of model: `tiny`, `tabular`; any other is a large one."""
    return _OF_KINDS.get(kind, LARGE)
