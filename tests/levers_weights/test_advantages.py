"""What rewards are worth, against figures worked out by hand and against what each objective must not depend on."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kernelevo.levers.weights.objectives import advantages

NAN = math.nan
GROUP = np.array([1.0, 2.0, 3.0, 6.0])
PER_GROUP = [
    advantages.group_relative, advantages.leave_one_out, advantages.best_of,
    lambda rewards: advantages.entropic(rewards)[0],
]  # fmt: skip


def test_group_relative_is_the_distance_from_the_mean_in_deviations() -> None:
    # mean 3, squares 4 1 0 9: variance 14 / 4
    assert advantages.group_relative(GROUP) == pytest.approx(np.array([-2, -1, 0, 3]) / math.sqrt(3.5))


def test_leave_one_out_is_the_distance_from_the_mean_of_the_others() -> None:
    assert advantages.leave_one_out(GROUP) == pytest.approx([1 - 11 / 3, 2 - 10 / 3, 3 - 9 / 3, 6 - 6 / 3])


def test_the_entropic_advantage_follows_its_formula_at_the_beta_it_found() -> None:
    found, beta = advantages.entropic(GROUP)
    tilted = [math.exp(beta * (reward - 6)) for reward in GROUP]
    for n, own in enumerate(tilted):
        others = [other for m, other in enumerate(tilted) if m != n]
        assert found[n] == pytest.approx(own / (sum(others) / 3) - 1)


def test_beta_takes_the_tilted_distribution_ln_2_from_the_uniform_one() -> None:
    rewards = np.array([0.0, 0.1, 0.5, 0.2, 0.9, 0.4, 0.3])
    assert advantages.tilted_divergence(rewards, advantages.adaptive_beta(rewards)) == pytest.approx(math.log(2))


def test_two_replies_give_the_beta_that_can_be_worked_out() -> None:
    """Half of ln 2 is reached at p with H(p) = ln(2) / 2, p = 0.8900 (to four places), and p / (1 - p) = exp(beta)."""
    beta = advantages.adaptive_beta(np.array([3.0, 4.0]))
    share = 1 / (1 + math.exp(-beta))
    entropy = -share * math.log(share) - (1 - share) * math.log(1 - share)
    assert entropy == pytest.approx(math.log(2) / 2) and share == pytest.approx(0.8900, abs=5e-5)


def test_the_best_of_few_has_a_bounded_weight() -> None:
    found, _ = advantages.entropic(np.array([1.0, 1.0 + 1e-9]))
    assert 1 < found.max() < 20


@pytest.mark.parametrize("scale, shift", [(1.0, 5.0), (100.0, 0.0), (1e-3, -7.0)])
def test_the_entropic_advantage_does_not_change_with_affine_rewards(scale: float, shift: float) -> None:
    plain, beta = advantages.entropic(GROUP)
    moved, other = advantages.entropic(scale * GROUP + shift)
    assert moved == pytest.approx(plain, rel=1e-6) and other == pytest.approx(beta / scale, rel=1e-6)


def test_shifts_change_neither_grpo_nor_leave_one_out_and_scales_only_the_latter() -> None:
    assert advantages.group_relative(7 * GROUP + 3) == pytest.approx(advantages.group_relative(GROUP))
    assert advantages.leave_one_out(7 * GROUP + 3) == pytest.approx(7 * advantages.leave_one_out(GROUP))


def test_the_best_are_chosen_and_share_the_weight() -> None:
    assert advantages.best_of(np.array([1.0, 4.0, NAN, 4.0, 0.0])) == pytest.approx([0, 0.5, NAN, 0.5, 0], nan_ok=True)
    assert advantages.best_of(np.array([0.0, -1.0])).tolist() == [0.0, 0.0]  # no failure is imitated


def test_pairs_are_all_strict_preferences() -> None:
    assert advantages.ranked_pairs(np.array([2.0, 1.0, NAN, 2.0])) == [(0, 1), (3, 1)]


@pytest.mark.parametrize("work", PER_GROUP)
@pytest.mark.parametrize("rewards", [[2.0, 2.0, 2.0], [2.0], [NAN, 2.0, NAN], []])
def test_a_group_that_says_nothing_gives_nothing(work, rewards: list[float]) -> None:
    found = work(np.array(rewards))
    assert np.nansum(np.abs(found)) == 0.0
    assert np.isnan(found).tolist() == np.isnan(rewards).tolist()
    assert advantages.ranked_pairs(np.array(rewards)) == []


@pytest.mark.parametrize("work", PER_GROUP)
def test_missing_rewards_change_nothing(work) -> None:
    with_gap = work(np.array([NAN, *GROUP, NAN]))
    assert np.isnan(with_gap[[0, 5]]).all()
    assert with_gap[1:5].tolist() == work(GROUP).tolist()


def test_gae_of_one_chain_is_the_sum_of_discounted_errors() -> None:
    rewards, values, gamma, smoothing = np.array([1.0, 0.0, 2.0]), np.array([0.5, 1.0, -0.5]), 0.9, 0.8
    errors = [1 + 0.9 * 1.0 - 0.5, 0 + 0.9 * -0.5 - 1.0, 2 + 0.5]
    expected = [
        errors[0] + 0.72 * errors[1] + 0.72**2 * errors[2], errors[1] + 0.72 * errors[2], errors[2]
    ]  # fmt: skip
    assert advantages.generalised(rewards, values, [-1, 0, 1], gamma, smoothing) == pytest.approx(expected)


def test_gae_without_smoothing_or_discount_is_what_it_reduces_to() -> None:
    rewards, values, chain = np.array([1.0, 0.5, 2.0]), np.array([0.3, 0.2, 0.1]), [-1, 0, 1]
    one_step = advantages.generalised(rewards, values, chain, 0.9, 0.0)
    assert one_step == pytest.approx([1 + 0.9 * 0.2 - 0.3, 0.5 + 0.9 * 0.1 - 0.2, 2 - 0.1])
    whole = advantages.generalised(rewards, values, chain, 1.0, 1.0)
    assert whole == pytest.approx([3.5 - 0.3, 2.5 - 0.2, 2 - 0.1])


def test_gae_takes_the_mean_where_a_trajectory_branches_and_leaves_out_what_is_missing() -> None:
    rewards, values = np.array([0.0, 1.0, 3.0, NAN]), np.zeros(4)
    found = advantages.generalised(rewards, values, [-1, 0, 0, 0], 1.0, 1.0)
    assert found == pytest.approx([2.0, 1.0, 3.0, NAN], nan_ok=True)


def test_gae_refuses_steps_that_go_on_from_later_ones() -> None:
    with pytest.raises(ValueError, match="no earlier one"):
        advantages.generalised(np.zeros(2), np.zeros(2), [1, -1], 1.0, 1.0)
