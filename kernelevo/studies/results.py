"""What a study came to, as plain values: every arm under both ways of counting, and the comparisons that were asked."""

from __future__ import annotations

import dataclasses
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kernelevo.loop.curves import EARLY, earliness
from kernelevo.studies.analysis import Mean, Scores, cost_per_gain, difference_of, log2_score, mean_of
from kernelevo.studies.arms import SOBER, Costs

EQUAL_TOTAL, EQUAL_TEST, SOON = "equal_total", "equal_test", "soon"
WAYS = (EQUAL_TOTAL, EQUAL_TEST, SOON)
BASE = "base"


@dataclass(frozen=True)
class Outcome:
    """One search of one arm with one seed on one task. `at_test` and `at_total` are rewards, judged anew, of what was
    best after as many evaluations as every arm has for the test, and after as many as make all arms cost the same;
    `curve` holds the best rewards in the search itself, after each evaluation.
    """

    arm: str
    seed: int
    task: str
    at_test: float | None
    at_total: float | None
    curve: tuple[float | None, ...]
    evaluations: int
    search: int = 0
    told: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """What verdicts tell beside rewards, by kind (figures.py), and what a known method comes to: "reference"."""


@dataclass(frozen=True)
class Learned:
    """What learning took and brought, of one arm with one seed."""

    arm: str
    seed: int
    evaluations: int
    accepted: int
    ended: str


def study_results(
    outcomes: Sequence[Outcome], learned: Sequence[Learned], costs: Costs, arms: Mapping[str, str]
) -> dict[str, Any]:
    """`arms` says of each arm in words what it is."""
    scores = {way: {arm: _scores(outcomes, arm, way) for arm in arms} for way in WAYS}
    there = {arm: words for arm, words in arms.items() if scores[EQUAL_TOTAL][arm]}
    rows = [_row(arm, words, scores, outcomes, learned, costs) for arm, words in there.items()]
    curves = {arm: mean_curve(outcomes, arm) for arm in arms}
    return {
        "arms": [{**row, **break_even(curves, row["arm"], row["learning_per_seed"])} for row in rows],
        "comparisons": [each for way in scores for each in _comparisons(way, scores[way], list(arms))],
        "costs": {**dataclasses.asdict(costs), "total": costs.total},
        "curves": curves,
    }


def break_even(curves: Mapping[str, Sequence[float]], arm: str, learning: float) -> dict[str, float | None]:
    """`base_needs`: after how many evaluations of a task the policy as it ships has found, on average, what this arm
    has found after EARLY candidates; `pays_after_tasks`: how many tasks it takes until the evaluations saved on each
    are those that learning took. Both None for what did not learn, `base_needs` where base never gets there in the
    study (then `pays_after_tasks` is an upper bound), `pays_after_tasks` where nothing is saved.
    """
    nothing: dict[str, float | None] = {"base_needs": None, "pays_after_tasks": None}
    base, own = curves.get(BASE) or (), curves.get(arm) or ()
    if not learning or not base or not own:
        return nothing
    level = own[min(EARLY, len(own) - 1)]
    needs = next((count for count, found in enumerate(base, 1) if found >= level), None)
    saved = (len(base) if needs is None else needs) - (1 + EARLY)
    return {"base_needs": needs, "pays_after_tasks": learning / saved if saved > 0 else None}


def _scores(outcomes: Sequence[Outcome], arm: str, way: str) -> Scores:
    """By SOON how early an arm found what it found, in the search itself; else what it had found, judged anew. Searches
    of one task with one seed are no more than one draw of both: their mean counts once.
    """
    found: dict[tuple[int, str], list[float]] = defaultdict(list)
    for each in outcomes:
        if each.arm == arm:
            found[each.seed, each.task].append(_score(each, way))
    return {key: statistics.fmean(values) for key, values in found.items()}


def _score(each: Outcome, way: str) -> float:
    if way == SOON:
        return earliness(each.curve) or 0.0
    return log2_score(each.at_total if way == EQUAL_TOTAL else each.at_test)


def _row(
    arm: str, words: str, scores: Mapping[str, Mapping[str, Scores]], outcomes: Sequence[Outcome],
    learned: Sequence[Learned], costs: Costs,
) -> dict[str, Any]:  # fmt: skip
    means = {way: mean_of(scores[way][arm]) for way in WAYS}
    total = means[EQUAL_TOTAL]
    mine = [each for each in learned if each.arm == arm]
    seeds = max(1, total.seeds)
    spent = sum(each.evaluations for each in outcomes if each.arm == arm) + sum(each.evaluations for each in mine)
    ways = {way: dataclasses.asdict(mean) for way, mean in means.items()}
    return {
        "arm": arm, "words": words, **ways,
        "evaluations_per_seed": spent / seeds, "learning_per_seed": sum(each.evaluations for each in mine) / seeds,
        "evaluations_per_doubling": cost_per_gain(spent / seeds / max(1, total.tasks), total),
        "changes_accepted": sum(each.accepted for each in mine), "learned": [dataclasses.asdict(each) for each in mine],
    }  # fmt: skip


def _comparisons(way: str, scores: Mapping[str, Scores], arms: Sequence[str]) -> list[dict[str, Any]]:
    """Both levers against each other arm, and each lever against the better of the sober arms."""
    there = [arm for arm in arms if scores[arm]]
    pairs = [("both", other) for other in there if other != "both" and "both" in there]
    sober = [arm for arm in SOBER if arm in there]
    if sober:
        better = max(sober, key=lambda arm: mean_of(scores[arm]).mean)
        pairs += [(arm, better) for arm in ("base", "harness", "weights") if arm in there]
    found = []
    for one, other in pairs:
        difference: Mean = difference_of(scores[one], scores[other])
        found.append({"counting": way, "arm": one, "against": other, **dataclasses.asdict(difference)})
    return found


def mean_curve(outcomes: Sequence[Outcome], arm: str) -> list[float]:
    """The mean over seeds and tasks of log2 of the best so far, after each evaluation of a task; what ended earlier
    keeps what it had.
    """
    mine = [each.curve for each in outcomes if each.arm == arm and each.curve]
    longest = max(map(len, mine), default=0)
    return [
        sum(log2_score(curve[min(at, len(curve) - 1)]) for curve in mine) / len(mine) for at in range(longest)
    ]
