"""The losses of the six objectives: scalars to be minimised, as pure functions of tensors.

A row is a reply: `new`, `old` and `base` are float[n, t] log-probabilities of its tokens under the policy that is being
trained (with gradients), under the one that wrote them, and under the base; `mask` bool[n, t] is true where there is a
token. Advantages and weights are float[n]; a row whose value is NaN is missing data and contributes exactly nothing,
neither to a sum nor to the number it is divided by.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

RATIO_CAP = 2.0
"""Largest importance weight of a token: truncated as in IMPALA (arXiv:1802.01561), so that old data do not dominate."""


@dataclass(frozen=True)
class Scored:
    new: Tensor
    old: Tensor
    base: Tensor
    mask: Tensor


def grpo_loss(scored: Scored, advantages: Tensor, clip: float = 0.2, kl: float = 0.0) -> Tensor:
    """-mean over replies of the mean over their tokens of min(R A, clip(R, 1 - c, 1 + c) A), plus kl * KL(new || base);
    R = new / old (GRPO, arXiv:2402.03300, whose penalty is the estimator k3).
    """
    known = known_rows(advantages)
    gain = _clipped_gain(scored, advantages, clip)
    penalty = kl * _k3(_apart(scored.base, scored.new, scored.mask))
    return -_mean(_per_reply(gain - penalty, scored.mask, average=True), known)


def ppo_loss(
    scored: Scored, advantages: Tensor, values: Tensor, old_values: Tensor, clip: float = 0.2, value_weight: float = 0.5
) -> Tensor:
    """The clipped loss of PPO (arXiv:1707.06347) over tokens with advantages by GAE, plus value_weight times the
    clipped squared error of the value head, max((V - G)^2, (V_old + clip(V - V_old, -c, c) - G)^2) / 2 with returns
    G = A + V_old. `values` and `old_values` are float[n]; for the policy, advantages are standardised over the rows.
    """
    known = known_rows(advantages)
    filled = torch.where(known, advantages, 0.0)
    returns = filled + old_values
    scale = filled[known].std(correction=0) if known.any() else filled.new_tensor(0.0)
    scaled = torch.where(scale > 0, (filled - _mean(filled, known)) / scale, torch.zeros_like(filled))
    policy = _per_reply(_clipped_gain(scored, scaled, clip), scored.mask, average=True)
    near = old_values + torch.clamp(values - old_values, -clip, clip)
    value = torch.maximum((values - returns) ** 2, (near - returns) ** 2) / 2
    return -_mean(policy, known) + value_weight * _mean(value, known)


def entropic_loss(scored: Scored, advantages: Tensor, kl: float = 0.1, cap: float = RATIO_CAP) -> Tensor:
    """-mean over replies of the sum over their tokens of min(R, cap) (A - kl D), R = new / old of the token, D =
    log(new / base) of the reply: TTT-Discover's importance-sampling loss, with its penalty in the advantage
    (arXiv:2601.16175). The gradient is that of log new, weighed by min(R, cap) and the bracket, which have none.
    """
    return _score_function_loss(scored, advantages, kl, cap)


def reinforce_loss(scored: Scored, advantages: Tensor, kl: float = 0.1, cap: float = RATIO_CAP) -> Tensor:
    """REINFORCE (Williams 1992) with a penalty kl * KL(new || base): the same form as the entropic loss, for advantages
    that are plain differences of rewards. On replies that the policy itself wrote, the penalty's expected gradient is
    that of the KL divergence.
    """
    return _score_function_loss(scored, advantages, kl, cap)


def cloning_loss(scored: Scored, weights: Tensor) -> Tensor:
    """-sum of w_i log p(reply i) / sum of w_i: the likelihood of the chosen replies; 0.0 if none is chosen."""
    known = known_rows(weights)
    filled = torch.where(known, weights, 0.0)
    likelihood = _per_reply(scored.new, scored.mask, average=False)
    chosen = torch.where(filled > 0, likelihood, 0.0)
    return -(filled * chosen).sum() / filled.sum().clamp(min=torch.finfo(filled.dtype).tiny)


def dpo_loss(scored: Scored, better: Tensor, worse: Tensor, weights: Tensor, beta: float = 0.1) -> Tensor:
    """-weighted mean over pairs of log sigmoid(beta (log(new / old) of the better reply - the same of the worse)), the
    policy that wrote them being the reference (DPO, arXiv:2305.18290). `better` and `worse` are int[p] rows, `weights`
    float[p]; no pairs cost 0.0.
    """
    moved = _apart(scored.new, scored.old, scored.mask).sum(1)
    margin = beta * (moved[better] - moved[worse])
    total = weights.sum().clamp(min=torch.finfo(weights.dtype).tiny)
    return -(weights * torch.nn.functional.logsigmoid(margin)).sum() / total


def known_rows(values: Tensor) -> Tensor:
    return ~torch.isnan(values)


def divergence(first: Tensor, second: Tensor, mask: Tensor, wrote: Tensor | None = None) -> Tensor:
    """An estimate of KL(first || second) in nats a token, of replies that `first` wrote: the mean of k3 = s - 1 -
    log s, s = second / first, which is never negative (http://joschu.net/blog/kl-approx.html). Of replies that another
    policy wrote, each token counts first / wrote times: a token that `first` would not write tells nothing of it,
    however large its s is.
    """
    weights = torch.ones_like(first) if wrote is None else torch.exp(_apart(first, wrote, mask))
    return (weights * _k3(_apart(second, first, mask))).sum() / mask.sum().clamp(min=1)


def _score_function_loss(scored: Scored, advantages: Tensor, kl: float, cap: float) -> Tensor:
    known = known_rows(advantages)
    filled = torch.where(known, advantages, 0.0)
    ratio = _ratio(scored)
    truncated = ratio * (cap / ratio).clamp(max=1.0).detach()
    moved = _apart(scored.new, scored.base, scored.mask).sum(1).detach()
    return -_mean(_per_reply(truncated * (filled - kl * moved)[:, None], scored.mask, average=False), known)


def _clipped_gain(scored: Scored, advantages: Tensor, clip: float) -> Tensor:
    filled = torch.where(known_rows(advantages), advantages, 0.0)[:, None]
    ratio = _ratio(scored)
    return torch.minimum(ratio * filled, ratio.clamp(1 - clip, 1 + clip) * filled)


def _ratio(scored: Scored) -> Tensor:
    return torch.exp(_apart(scored.new, scored.old, scored.mask))


def _apart(first: Tensor, second: Tensor, mask: Tensor) -> Tensor:
    """log(first / second) of every token, and 0.0 where there is none, whatever stands there."""
    return torch.where(mask, first - second, 0.0)


def _k3(apart: Tensor) -> Tensor:
    return torch.exp(apart) - 1 - apart


def _per_reply(tokens: Tensor, mask: Tensor, average: bool) -> Tensor:
    total = torch.where(mask, tokens, 0.0).sum(1)
    return total / mask.sum(1).clamp(min=1) if average else total


def _mean(rows: Tensor, known: Tensor) -> Tensor:
    return torch.where(known, rows, 0.0).sum() / known.sum().clamp(min=1)
