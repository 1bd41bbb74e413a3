"""From scores to means, intervals and comparisons."""

from __future__ import annotations

import dataclasses
import math
import random
import statistics

import pytest

from kernelevo.errors import BadInput
from kernelevo.language_model import Message, Prompt, Reply, Stop, Usage
from kernelevo.learning import PolicyVersion, Step
from kernelevo.loop.curves import after, curve, earliness
from kernelevo.loop.record import Round, Start
from kernelevo.studies.analysis import cost_per_gain, difference_of, log2_score, mean_of
from kernelevo.studies.arms import ARMS, Costs, matrix, read_arms
from kernelevo.studies.results import Learned, Outcome, break_even, mean_curve, study_results
from kernelevo.types import Status


def scores(values: dict[str, list[float]]) -> dict[tuple[int, str], float]:
    return {(seed, task): value for task, row in values.items() for seed, value in enumerate(row)}


def test_a_mean_is_the_mean_and_its_interval_holds_it() -> None:
    found = mean_of(scores({"a": [1.0, 2.0, 3.0], "b": [0.0, 1.0, 2.0]}))
    assert found.mean == pytest.approx(1.5) and found.low <= 1.5 <= found.high
    assert (found.seeds, found.tasks) == (3, 2)
    flat = mean_of(scores({"a": [1.0, 1.0], "b": [1.0, 1.0]}))
    assert (flat.low, flat.mean, flat.high) == (1.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="needs scores"):
        mean_of({})


def test_the_same_scores_have_the_same_interval() -> None:
    one = scores({"a": [0.3, 0.9, 1.4], "b": [0.1, 0.2, 0.9]})
    assert mean_of(one) == mean_of(one)
    other = scores({"a": [0.3, 0.9, 1.4], "b": [0.1, 0.2, 1.9]})
    assert mean_of(one) != mean_of(other)


def test_an_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    source, held = random.Random(7), 0
    for _ in range(40):
        tasks = {f"t{task}": source.gauss(1.0, 0.3) for task in range(8)}
        drawn = {name: [level + source.gauss(0, 0.2) for _ in range(5)] for name, level in tasks.items()}
        found = mean_of(scores(drawn))
        held += found.low <= 1.0 <= found.high
    assert held >= 33  # the pigeonhole bootstrap is conservative; 8 tasks make the percentiles a little narrow


def test_differences_are_paired() -> None:
    """Tasks differ much and arms little: paired the difference shows, unpaired it would drown."""
    base = {"a": [1.0, 1.1], "b": [4.0, 4.1], "c": [9.0, 8.9], "d": [2.0, 2.0]}
    better = {task: [value + 0.1 for value in row] for task, row in base.items()}
    found = difference_of(scores(better), scores(base))
    assert found.mean == pytest.approx(0.1) and found.low > 0.05
    assert difference_of(scores(base), scores(better)).high < 0


def test_what_fails_when_judged_anew_keeps_the_start() -> None:
    assert [log2_score(reward) for reward in (4.0, 1.0, 0.5, 0.0, None)] == [2.0, 0.0, 0.0, 0.0, 0.0]


def test_cost_per_gain_is_unknown_without_a_gain() -> None:
    assert cost_per_gain(100, mean_of(scores({"a": [2.0]}))) == 50
    assert cost_per_gain(100, mean_of(scores({"a": [0.0]}))) is None


def test_arms_are_read_by_either_name() -> None:
    names = [arm.name for arm in read_arms("base, H,W, W+H,best-of-N")]
    assert names == ["base", "harness", "weights", "both", "best_of_n"]
    for wrong in ("base,better", "base,base", ""):
        with pytest.raises(BadInput, match="--arms"):
            read_arms(wrong)


def test_all_arms_cost_the_same() -> None:
    costs = Costs(learning=400, test=40, tasks=8)
    assert costs.of(ARMS["both"], 400) * 8 + 400 == costs.of(ARMS["base"]) * 8 == costs.total
    assert costs.of(ARMS["both"], 240) * 8 + 240 == costs.total, "what a loop leaves over is spent on the test"
    assert costs.of(ARMS["both"], 500) == 40
    several = Costs(learning=400, test=10, tasks=8, searches=5)
    assert several.total == 800 and several.of(ARMS["base"]) * 8 * 5 == 800


def test_searches_of_a_task_are_one_draw_of_it() -> None:
    """Five searches of one task with one seed tell no more of other tasks and seeds than their mean does."""
    drawn = [(seed, task, reward) for seed in (0, 1) for task, reward in (("x", 2.0), ("y", 8.0))]
    once = [outcome("base", seed, task, reward, reward) for seed, task, reward in drawn]
    moved = [dataclasses.replace(each, at_test=each.at_test * factor, search=search)
             for each in once for search, factor in enumerate((0.5, 1.0, 2.0)) if each.at_test]  # fmt: skip
    one, several = (study_results(found, [], Costs(0, 5, 2), {"base": "words"}) for found in (once, moved))
    assert several["arms"][0]["equal_test"] == one["arms"][0]["equal_test"]


def outcome(arm: str, seed: int, task: str, at_test: float, at_total: float) -> Outcome:
    return Outcome(arm, seed, task, at_test, at_total, (1.0, at_test, at_total), 3)


def test_results_tell_both_ways_of_counting_and_compare_with_the_better_sober_arm() -> None:
    rewards = {"base": (2.0, 2.2), "both": (4.0, 4.0), "uniform": (1.5, 3.0), "by_hand": (2.5, 2.6)}
    outcomes = [outcome(arm, seed, task, *pair) for arm, pair in rewards.items() for seed in (0, 1) for task in "xy"]
    learned = [Learned("both", seed, 100, 1, "over") for seed in (0, 1)]
    told = study_results(outcomes, learned, Costs(100, 10, 2), dict.fromkeys(rewards, "words"))
    rows = {row["arm"]: row for row in told["arms"]}
    assert rows["both"]["equal_total"]["mean"] == pytest.approx(2.0)
    assert 2 ** rows["uniform"]["equal_test"]["mean"] == pytest.approx(1.5)
    assert 2 ** rows["uniform"]["equal_total"]["mean"] == pytest.approx(3.0)
    # After one candidate 1.5, then 3 three times.
    assert rows["uniform"]["soon"]["mean"] == pytest.approx((math.log2(1.5) + 3 * math.log2(3.0)) / 4)
    assert rows["both"]["learning_per_seed"] == 100 and rows["both"]["changes_accepted"] == 2
    pairs = {(each["counting"], each["arm"], each["against"]): each for each in told["comparisons"]}
    assert {against for _, arm, against in pairs if arm == "both"} == {"base", "uniform", "by_hand"}
    assert ("equal_total", "base", "uniform") in pairs and ("equal_test", "base", "by_hand") in pairs
    ahead = pairs["equal_total", "both", "uniform"]
    assert 2 ** ahead["mean"] == pytest.approx(4 / 3) and ahead["low"] > 0


def test_learning_pays_after_as_many_tasks_as_it_saves_evaluations_on() -> None:
    """Five evaluations of an arm are worth nine of base: four are saved on each task."""
    base = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.1]
    curves = {"base": base, "both": [0.0, 0.5, 0.8, 0.9, 0.95, 1.0], "weights": [0.0] * 9, "harness": [2.0] * 6}
    assert break_even(curves, "both", 400.0) == {"base_needs": 9, "pays_after_tasks": 100.0}
    assert break_even(curves, "weights", 400.0)["pays_after_tasks"] is None, "nothing is saved"
    assert break_even(curves, "harness", 400.0) == {"base_needs": None, "pays_after_tasks": 80.0}, "base never is there"
    assert break_even(curves, "base", 0.0) == {"base_needs": None, "pays_after_tasks": None}
    assert break_even({"both": [0.0, 1.0]}, "both", 400.0)["pays_after_tasks"] is None, "no base in the study"


def test_a_mean_curve_keeps_what_ended_earlier() -> None:
    outcomes = [
        Outcome("base", 0, "x", 2.0, 2.0, (1.0, 2.0), 2), Outcome("base", 0, "y", 1.0, 4.0, (1.0, 1.0, 4.0), 3),
    ]  # fmt: skip
    assert mean_curve(outcomes, "base") == [0.0, 0.5, 1.5]


def step(task: str, candidate: str, reward: float | None, fresh: bool = True) -> Step:
    prompt = Prompt((Message("user", "?"),))
    return Step(
        0, 0, 0, task, "f", "s", 0, prompt, Reply("x", Stop.COMPLETE, Usage()), PolicyVersion("m", "h"), "made",
        candidate, fresh, Status.PASSED, reward, None,
    )  # fmt: skip


def test_a_curve_counts_what_was_charged() -> None:
    start = Round("test", 0, (Start("x", "s", Status.PASSED, 1.0), Start("y", "s", Status.PASSED, 1.0)), (), {})
    found, again = step("x", "a", 3.0), step("x", "a", 3.0, fresh=False)
    steps = (found, again, step("y", "b", 9.0), step("x", "c", None), step("x", "d", 2.0))
    found = curve([start, Round("test", 0, (), steps, {})], "x")
    assert [(each.evaluations, each.reward, each.candidate) for each in found] == [
        (1, 1.0, "s"), (2, 3.0, "a"), (3, 3.0, "a"), (4, 3.0, "a"),
    ]  # fmt: skip
    assert after(found, 1).reward == 1.0 and after(found, 99).candidate == "a" and after(found, 0).reward is None
    assert statistics.fmean(each.evaluations for each in found) == 2.5


def test_an_adapter_meets_every_harness_and_its_own_model_alone() -> None:
    kept = {"r1": ("/r1/harness", "/r1/adapter", "tiny"), "r2": ("/r2/harness", None, "prior")}
    arms = matrix(["tiny", "prior"], kept)
    assert len(arms) == 3 * 2 + 3 * 1 and len({arm.name for arm in arms}) == 9
    assert all(arm.model == "tiny" for arm in arms if arm.adapter) and not any(arm.learns for arm in arms)
    assert {arm.harness for arm in arms if arm.adapter} == {None, "/r1/harness", "/r2/harness"}


def test_earliness_is_the_mean_over_candidates_of_the_best_so_far() -> None:
    assert earliness([1.0, 1.0, 4.0], 2) == 1.0
    assert earliness([1.0, 4.0], 4) == 2.0, "what ended earlier keeps what it had"
    assert earliness([1.0, 4.0, 16.0], 1) == 2.0, "later ones do not count"
    assert earliness([1.0], 3) == 0.0
    assert earliness([], 3) is None and earliness([None, None], 3) is None
