"""Which objective is chosen for rewards of which shape, and what is said of it."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from kernelevo.levers.weights.choose import OBJECTIVES, choose, shape_of

NAN = math.nan
DENSE = [[1.0, 1.1, 1.2, 1.4, 1.6, 1.7], [0.9, 1.2, 1.5, 1.6, 1.8, 2.0]]
CASES = {
    # name: (rewards of each group, steps that lead to a reply, objective, a word of the reason)
    "no data": ([[NAN, NAN], []], 1.0, None, "none of 0"),
    "all failed": ([[0.0, 0.0], [0.0, NAN]], 1.0, None, "succeeded"),
    "all the same": ([[2.0, 2.0], [1.0, 1.0, NAN]], 1.0, None, "differ"),
    "one reply each, one step": ([[1.0], [2.0], [3.0]], 1.0, None, "differ"),
    "ranks": ([[1.0, 2.0, 3.0], [3.0, 1.0, 2.0], [2.0, 3.0, 1.0]], 1.0, "dpo", "ranks"),
    "passed or failed is no ranking": ([[0.0, 1.0], [1.0, 0.0]], 1.0, "reinforce", "too few"),
    "cold start": ([[0.0] * 15 + [3.0], [0.0] * 16], 1.0, "best_of_n", "3.1%"),
    "trajectories without groups": ([[1.0], [1.2], [1.5], [0.9]], 2.5, "ppo", "value head"),
    "trajectories with groups": (DENSE, 2.5, "grpo", "6.0"),
    "rare and large": ([[1.0, 1.1, 1.1, 1.2, 1.0, 9.0], [1.0, 1.2, 1.1, 1.0, 6.0, 1.1]], 1.0, "entropic", "skew"),
    "mostly at the bottom": (
        [[0.0, 0.0, 0.0, 0.0, 1.0, 1.1], [0.0, 0.0, 0.0, 0.0, 1.3, 1.2]], 1.0, "entropic", "67%",
    ),
    "right-skewed, small groups": ([[0.0, 0.0, 0.0, 9.0], [0.0, 0.0, 0.0, 8.0, 0.1]], 1.0, "reinforce", "4.5"),
    "dense, small groups": ([[1.0, 1.5], [2.0, 1.0], [1.2, 1.7, 1.4]], 1.0, "reinforce", "2.3"),
    "dense, large groups": (DENSE, 1.0, "grpo", "enough"),
    "dense, groups that differ unlike": ([*DENSE, [1.0, 1.01, 1.02, 1.03, 1.04, 1.05]], 1.0, "reinforce", "times as"),
    "missing rewards do not count": ([[*row, NAN, NAN] for row in DENSE], 1.0, "grpo", "6.0"),
}


@pytest.mark.parametrize("name", CASES)
def test_the_shape_of_the_rewards_decides(name: str) -> None:
    rewards, length, objective, word = CASES[name]
    groups = [np.array(group) for group in rewards]
    choice = choose(shape_of(groups, [length] * sum(map(len, rewards))))
    assert choice.objective == objective and word in choice.why, choice.why


def test_the_cases_cover_every_objective() -> None:
    assert {objective for _, _, objective, _ in CASES.values()} == {None, *OBJECTIVES}


def test_a_choice_comes_with_its_figures() -> None:
    told = choose(shape_of([np.array(group) for group in DENSE], [1.0])).json()
    assert json.loads(json.dumps(told)) == told
    shape = told["shape"]
    assert (shape["replies"], shape["groups"], shape["constant"], shape["succeeded"]) == (12, 2, 0, 1.0)
    assert (shape["bottom"], shape["compared"]) == (1 / 6, 1.0)
    first, second = (np.std(group) for group in DENSE)  # deciles lie a tenth of the way between the two
    assert shape["unlike"] == pytest.approx((0.1 * first + 0.9 * second) / (0.9 * first + 0.1 * second))


def test_the_skewness_is_that_of_the_formula() -> None:
    """0 0 0 4: mean 1, deviation sqrt(3), cubes (-1 -1 -1 + 27) / 4 / 3 sqrt(3)."""
    shape = shape_of([np.array([0.0, 0.0, 0.0, 4.0])], [])
    assert shape.skewness == pytest.approx(24 / 4 / (3 * math.sqrt(3)))
