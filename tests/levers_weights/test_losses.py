"""The losses, against closed forms and finite differences, and with rows that must contribute nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="the extra `lora` is not installed")

from kernelevo.levers.weights.objectives import losses  # noqa: E402
from kernelevo.levers.weights.objectives.losses import Scored  # noqa: E402

NAN = math.nan


def log(*numbers: float) -> torch.Tensor:
    return torch.tensor(numbers, dtype=torch.float64).log()


def scored(seed: int = 0, rows: int = 4, tokens: int = 3) -> Scored:
    """Three columns of which the last is padding in row 0; what stands there must not matter."""
    generator = torch.Generator().manual_seed(seed)
    new, old, base = (
        -torch.rand(rows, tokens, generator=generator, dtype=torch.float64) * 0.2 - 0.5 for _ in range(3)
    )
    mask = torch.ones(rows, tokens, dtype=torch.bool)
    mask[0, -1] = False
    for each in (new, old, base):
        each[0, -1] = -math.inf
    return Scored(new.requires_grad_(), old, base, mask)


ADVANTAGES = torch.tensor([1.5, -0.5, 0.25, -2.0], dtype=torch.float64)
VALUES = torch.tensor([0.3, -0.2, 0.1, 0.6], dtype=torch.float64)
PAIRS = (torch.tensor([0, 2]), torch.tensor([1, 3]), torch.tensor([0.75, 0.25], dtype=torch.float64))
OF_ADVANTAGES: dict[str, Callable[[Scored, torch.Tensor], torch.Tensor]] = {
    "grpo": lambda rows, a: losses.grpo_loss(rows, a, kl=0.2),
    "ppo": lambda rows, a: losses.ppo_loss(rows, a, VALUES[: len(a)], VALUES[: len(a)] / 2),
    "entropic": lambda rows, a: losses.entropic_loss(rows, a),
    "reinforce": lambda rows, a: losses.reinforce_loss(rows, a),
    "cloning": lambda rows, a: losses.cloning_loss(rows, a.clamp(min=0)),
}


def by_differences(loss: Callable[[Scored], torch.Tensor], rows: Scored, step: float = 1e-6) -> torch.Tensor:
    found = torch.zeros_like(rows.new)
    for place in torch.nonzero(rows.mask).tolist():
        sides = []
        for sign in (1, -1):
            moved = rows.new.detach().clone()
            moved[tuple(place)] += sign * step
            sides.append(loss(replace(rows, new=moved)).item())
        found[tuple(place)] = (sides[0] - sides[1]) / (2 * step)
    return found


@pytest.mark.parametrize(
    "loss",
    [
        lambda rows: losses.grpo_loss(rows, ADVANTAGES),
        lambda rows: losses.grpo_loss(rows, ADVANTAGES, kl=0.3),
        lambda rows: losses.ppo_loss(rows, ADVANTAGES, VALUES, VALUES / 2),
        lambda rows: losses.entropic_loss(rows, ADVANTAGES, kl=0.0),
        lambda rows: losses.reinforce_loss(rows, ADVANTAGES, kl=0.0),
        lambda rows: losses.cloning_loss(rows, ADVANTAGES.clamp(min=0)),
        lambda rows: losses.dpo_loss(rows, *PAIRS),
    ],
)
def test_gradients_are_those_of_finite_differences(loss: Callable[[Scored], torch.Tensor]) -> None:
    rows = scored()
    loss(rows).backward()
    assert rows.new.grad is not None and rows.new.grad.abs().sum() > 0
    assert torch.allclose(rows.new.grad, by_differences(loss, rows), atol=1e-7)


def test_the_value_loss_of_ppo_has_the_gradient_of_finite_differences() -> None:
    values = VALUES.clone().requires_grad_()
    losses.ppo_loss(scored(), ADVANTAGES, values, VALUES / 2).backward()
    for place in range(4):
        sides = [
            losses.ppo_loss(scored(), ADVANTAGES, VALUES + sign * 1e-6 * torch.eye(4)[place], VALUES / 2).item()
            for sign in (1, -1)
        ]
        assert values.grad[place].item() == pytest.approx((sides[0] - sides[1]) / 2e-6, abs=1e-7)


def one(new: float, old: float, base: float = 0.5) -> Scored:
    return Scored(log(new)[None], log(old)[None], log(base)[None], torch.ones(1, 1, dtype=torch.bool))


@pytest.mark.parametrize(
    "new, advantage, gain",
    [(0.5, 1.0, 1.0), (0.55, 1.0, 1.1), (0.9, 1.0, 1.2), (0.9, -1.0, -1.8), (0.1, -1.0, -0.8), (0.1, 1.0, 0.2)],
)
def test_grpo_is_clipped_on_the_side_where_it_would_go_too_far(new: float, advantage: float, gain: float) -> None:
    loss = losses.grpo_loss(one(new, 0.5), torch.tensor([advantage], dtype=torch.float64), clip=0.2)
    assert loss.item() == pytest.approx(-gain)


def test_grpo_averages_within_a_reply_first() -> None:
    """A long reply counts as much as a short one: (1 + (2 + 0) / 2) / 2 of ratios 1 and (2, 0), unclipped."""
    mask = torch.tensor([[True, False], [True, True]])
    old = log(0.5, 0.25).expand(2, 2)
    new = torch.stack([log(0.5, 0.9), log(0.5, 0.125)])
    rows = Scored(new, old, old, mask)
    loss = losses.grpo_loss(rows, torch.ones(2, dtype=torch.float64), clip=10.0)
    assert loss.item() == pytest.approx(-(1 + (1 + 0.5) / 2) / 2)


def test_the_value_loss_is_half_the_squared_error_of_the_return() -> None:
    rows, none = one(0.5, 0.5), torch.tensor([1.0], dtype=torch.float64)
    old = torch.tensor([2.0], dtype=torch.float64)
    value = torch.tensor([2.1], dtype=torch.float64)
    # One row has no deviation, so that the policy's part is nothing; the return is 1 + 2.
    assert losses.ppo_loss(rows, none, value, old).item() == pytest.approx(0.5 * (3 - 2.1) ** 2 / 2)
    far = torch.tensor([2.9], dtype=torch.float64)  # beyond the clip the worse error counts: 2.2, not 2.9
    assert losses.ppo_loss(rows, none, far, old).item() == pytest.approx(0.5 * (3 - 2.2) ** 2 / 2)


def test_weights_are_truncated_and_the_gradient_stays() -> None:
    rows = one(0.9, 0.1)
    rows.new.requires_grad_()
    loss = losses.reinforce_loss(rows, torch.tensor([3.0], dtype=torch.float64), kl=0.0, cap=2.0)
    loss.backward()
    assert loss.item() == pytest.approx(-6.0) and rows.new.grad.item() == pytest.approx(-6.0)


@pytest.mark.parametrize("loss", [losses.entropic_loss, losses.reinforce_loss])
def test_the_penalty_pulls_as_the_divergence_from_the_base_does(loss) -> None:
    """Over all replies of a softmax policy, weighed by their probability, the gradient is that of the exact KL."""
    logits = torch.tensor([0.2, -0.7, 1.1], dtype=torch.float64, requires_grad=True)
    base = torch.log_softmax(torch.tensor([0.0, 0.5, -0.3], dtype=torch.float64), 0)
    chance = torch.log_softmax(logits, 0)
    zero = torch.zeros(1, dtype=torch.float64)
    total = sum(
        chance[i].exp().detach() * loss(_row(chance[i], base[i]), zero, kl=0.7) for i in range(3)
    )
    (found,) = torch.autograd.grad(total, logits)
    chance = torch.log_softmax(logits, 0)
    (exact,) = torch.autograd.grad(0.7 * (chance.exp() * (chance - base)).sum(), logits)
    assert torch.allclose(found, exact)


def _row(new: torch.Tensor, base: torch.Tensor) -> Scored:
    return Scored(new[None, None], new.detach()[None, None], base[None, None], torch.ones(1, 1, dtype=torch.bool))


def test_cloning_is_the_weighted_likelihood_of_what_was_chosen() -> None:
    rows = scored()
    loss = losses.cloning_loss(rows, torch.tensor([0.5, 0.0, 1.0, NAN], dtype=torch.float64))
    likelihood = torch.where(rows.mask, rows.new, 0.0).sum(1)
    assert loss.item() == pytest.approx(-(0.5 * likelihood[0] + likelihood[2]).item() / 1.5)
    assert losses.cloning_loss(rows, torch.zeros(4, dtype=torch.float64)).item() == 0.0


def test_dpo_is_ln_2_where_nothing_has_moved_and_less_where_the_better_reply_gained() -> None:
    old = torch.stack([log(0.2), log(0.4)])
    mask = torch.ones(2, 1, dtype=torch.bool)
    pair = (torch.tensor([0]), torch.tensor([1]), torch.ones(1, dtype=torch.float64))
    assert losses.dpo_loss(Scored(old, old, old, mask), *pair).item() == pytest.approx(math.log(2))
    moved = torch.stack([log(0.8), log(0.1)])
    loss = losses.dpo_loss(Scored(moved, old, old, mask), *pair, beta=0.5)
    assert loss.item() == pytest.approx(math.log(1 + math.exp(-0.5 * math.log(4 * 4))))


@pytest.mark.parametrize("name", OF_ADVANTAGES)
def test_a_missing_reward_contributes_exactly_nothing(name: str) -> None:
    loss = OF_ADVANTAGES[name]
    whole, part = scored(), scored()
    gap = ADVANTAGES.clone()
    gap[3] = NAN
    with_gap = loss(whole, gap)
    alone = replace(part, new=part.new[:3], old=part.old[:3], base=part.base[:3], mask=part.mask[:3])
    without = loss(alone, ADVANTAGES[:3])
    with_gap.backward()
    without.backward()
    assert with_gap.item() == without.item()
    assert torch.equal(whole.new.grad, part.new.grad) and whole.new.grad[3].abs().sum() == 0
    assert whole.new.grad[:3].abs().sum() > 0


@pytest.mark.parametrize("name", OF_ADVANTAGES)
def test_nothing_but_missing_rewards_is_no_loss(name: str) -> None:
    rows = scored()
    loss = OF_ADVANTAGES[name](rows, torch.full((4,), NAN, dtype=torch.float64))
    loss.backward()
    assert loss.item() == 0.0 and rows.new.grad.abs().sum() == 0


def test_the_divergence_is_the_mean_of_its_estimator_and_zero_of_the_same() -> None:
    rows = scored()
    assert losses.divergence(rows.new, rows.new, rows.mask).item() == 0.0
    first, second = log(0.5)[None], log(0.25)[None]
    assert losses.divergence(first, second, torch.ones(1, 1, dtype=torch.bool)).item() == pytest.approx(
        0.5 - 1 + math.log(2)
    )


def test_the_divergence_of_a_policy_that_did_not_write_the_replies_is_weighed() -> None:
    """Over all tokens of a choice, each as often as the writer writes it, the weighed estimate is the divergence."""
    wrote, first, second = (log(*each) for each in ((0.5, 0.3, 0.2), (1e-9, 0.4, 0.6 - 1e-9), (0.2, 0.2, 0.6)))
    often = [5, 3, 2]
    repeated = [torch.repeat_interleave(each, torch.tensor(often))[:, None] for each in (wrote, first, second)]
    mask = torch.ones(10, 1, dtype=torch.bool)
    exact = float((first.exp() * (first - second)).sum())
    weighed = losses.divergence(repeated[1], repeated[2], mask, wrote=repeated[0]).item()
    assert weighed == pytest.approx(exact, rel=1e-6)
    assert losses.divergence(repeated[1], repeated[2], mask).item() > 1e6, "as if the policy had written them"
