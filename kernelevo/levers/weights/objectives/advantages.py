"""What each reply of a group is worth, from the rewards alone: the halves of the objectives that need no model.

A group is the replies to one prompt. `rewards` is float64[k], NaN where data are missing; what comes back has NaN in
the same places, and what is missing has no part in any mean. A group without two different rewards says nothing: every
function gives zeros (or no pairs) for it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
ENTROPY_STEP = math.log(2.0)
"""KL of the tilted distribution from the uniform one, in nats (TTT-Discover, arXiv:2601.16175, gamma = ln 2)."""
_MOST_BETA = 1e6
_BISECTIONS = 60
_TINY = 1e-12


def present(rewards: Numbers) -> NDArray[np.bool_]:
    return ~np.isnan(rewards)


def is_constant(rewards: Numbers) -> bool:
    """Fewer than two different rewards: there is nothing to prefer."""
    known = rewards[present(rewards)]
    return known.size < 2 or bool(known.max() == known.min())


def group_relative(rewards: Numbers) -> Numbers:
    """GRPO: A_i = (r_i - mean) / std, with the population's standard deviation (DeepSeekMath, arXiv:2402.03300)."""
    if is_constant(rewards):
        return _zeros(rewards)
    return (rewards - np.nanmean(rewards)) / np.nanstd(rewards)


def leave_one_out(rewards: Numbers) -> Numbers:
    """REINFORCE: A_i = r_i - mean of the others, a baseline that does not depend on reply i (Kool et al. 2019;
    arXiv:2402.14740). That is k / (k - 1) times r_i - mean.
    """
    known = int(present(rewards).sum())
    if is_constant(rewards):
        return _zeros(rewards)
    return (rewards - np.nanmean(rewards)) * known / (known - 1)


def entropic(rewards: Numbers) -> tuple[Numbers, float]:
    """The entropic objective log E exp(beta r) with adaptive beta and leave-one-out normalisation (TTT-Discover,
    arXiv:2601.16175): A_i = exp(beta (r_i - r_max)) / mean over j != i of exp(beta (r_j - r_max)) - 1, and beta. It
    does not change with a * r + b (a > 0), and the best reply has by far the largest value.
    """
    beta = adaptive_beta(rewards)
    if beta == 0.0:
        return _zeros(rewards), 0.0
    tilted = np.exp(beta * (rewards - np.nanmax(rewards)))
    others = (np.nansum(tilted) - tilted) / (int(present(rewards).sum()) - 1)
    return tilted / (others + _TINY) - 1.0, beta


def adaptive_beta(rewards: Numbers) -> float:
    """The beta at which q(i) ~ exp(beta r_i) has KL(q || uniform) = ln 2, by bisection; 0.0 of a constant group.

    No q is further from uniform than ln(k / m), with m replies sharing the best reward. Where half of that is less than
    ln 2 (fewer than four replies, or ties for the best) the half is the target: nearer to the limit beta grows without
    bound, and with it the leave-one-out weight of the best.
    """
    if is_constant(rewards):
        return 0.0
    known = rewards[present(rewards)]
    span = float(known.max() - known.min())
    scaled = (known - known.max()) / span
    target = min(ENTROPY_STEP, math.log(known.size / int((scaled == 0.0).sum())) / 2)
    low, high = 0.0, _MOST_BETA
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if tilted_divergence(scaled, middle) < target else (low, middle)
    return (low + high) / 2 / span


def tilted_divergence(rewards: Numbers, beta: float) -> float:
    """KL(q || uniform) in nats, of q(i) ~ exp(beta r_i)."""
    weights = np.exp(beta * (rewards - rewards.max()))
    share = weights / weights.sum()
    return float(math.log(rewards.size) + np.sum(share * np.log(np.maximum(share, np.finfo(np.float64).tiny))))


def best_of(rewards: Numbers) -> Numbers:
    """Best-of-N cloning: weights that sum to 1 over the best replies of the group, if they are better than others and
    than nothing (a reward of 0.0 is a failure, and no failure is imitated).
    """
    best = np.nanmax(rewards) if present(rewards).any() else 0.0
    if is_constant(rewards) or best <= 0.0:
        return _zeros(rewards)
    chosen = rewards == best
    return np.where(present(rewards), chosen / chosen.sum(), np.nan)


def ranked_pairs(rewards: Numbers) -> list[tuple[int, int]]:
    """DPO: every (better, worse) of the group, by position; ties are no pairs."""
    places = range(rewards.size)
    return [(i, j) for i in places for j in places if rewards[i] > rewards[j]]


def generalised(
    rewards: Numbers, values: Numbers, previous: Sequence[int], gamma: float, smoothing: float
) -> Numbers:
    """GAE (arXiv:1506.02438) over trajectories that branch: A_i = d_i + gamma lambda * mean of A over the steps that go
    on from step i, d_i = r_i + gamma V(after i) - V_i.

    Step i was taken in a state of value `values[i]`, which step `previous[i]` (an earlier one, or -1: none) led to. V
    after a step from which none goes on is 0.0, and so it is on one chain the usual sum over (gamma lambda)^l d_(t+l):
    several replies to one state are samples of what follows, and their mean stands for it. Raises ValueError for a
    previous step that is no earlier one.
    """
    going_on: list[list[int]] = [[] for _ in rewards]
    for step, before in enumerate(previous):
        if not -1 <= before < step:
            raise ValueError(f"step {step} goes on from step {before}, which is no earlier one")
        if before >= 0 and not math.isnan(rewards[step]):
            going_on[before].append(step)
    found = np.full(rewards.shape, np.nan)
    for step in reversed(range(rewards.size)):
        after = going_on[step]
        value_after = float(np.mean(values[after])) if after else 0.0
        later = float(np.mean(found[after])) if after else 0.0
        found[step] = rewards[step] + gamma * value_after - values[step] + gamma * smoothing * later
    return found


def _zeros(rewards: Numbers) -> Numbers:
    return np.where(present(rewards), 0.0, np.nan)
