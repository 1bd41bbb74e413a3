"""What verdicts tell beside rewards (accuracy, losses), arm by arm: means with intervals, and both levers against
others.

    first      of the first candidate of a search: what the policy writes by itself, nothing chosen
    found      of what a search found best, at equal cost
    audited    of the same, by the audit verifier

Each was judged anew, on a draw (or on data) that had no part in the search.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from kernelevo.studies.analysis import Scores, difference_of, mean_of

KINDS = ("first", "found", "audited")
FAILED = "failed"
"""The figure that says how many failed when they were judged anew; told where any did."""
Figures = Mapping[str, float]


@dataclass(frozen=True)
class Told:
    """Of one arm with one seed on one task, by kind; what was missing or failed is not there. `reference` is what tells
    beside all arms how a known method does on the same data.
    """

    arm: str
    seed: int
    task: str
    figures: Mapping[str, Figures]
    reference: Figures


def figures_of(told: Sequence[Told]) -> dict[str, Any]:
    """Plain values: by arm, kind and name a mean with its interval; references by name; and the differences of the arm
    `both` to each other arm.
    """
    scores: Mapping[tuple[str, str, str], dict[tuple[int, str], float]] = defaultdict(dict)
    known: dict[str, dict[tuple[int, str], float]] = defaultdict(dict)
    for each in told:
        for kind, figures in each.figures.items():
            for name, value in figures.items():
                scores[each.arm, kind, name][each.seed, each.task] = value
        for name, value in each.reference.items():
            known[name][each.seed, each.task] = value
    if not any(value for (_, _, name), values in scores.items() if name == FAILED for value in values.values()):
        scores = {key: values for key, values in scores.items() if key[2] != FAILED}
    arms = list(dict.fromkeys(each.arm for each in told))
    return {
        "arms": [_row(arm, scores) for arm in arms],
        "reference": {name: asdict(mean_of(values)) for name, values in known.items()},
        "differences": [row for arm in arms if arm != "both" for row in _against(arm, scores)]
        + [row for name, values in known.items() for row in _beside(name, values, scores)],
    }


def _row(arm: str, scores: Mapping[tuple[str, str, str], Scores]) -> dict[str, Any]:
    kinds: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}
    for (of, kind, name), values in scores.items():
        if of == arm:
            kinds[kind][name] = asdict(mean_of(values))
    return {"arm": arm, **kinds}


def _against(arm: str, scores: Mapping[tuple[str, str, str], Scores]) -> list[dict[str, Any]]:
    return [
        {"arm": "both", "against": arm, "kind": kind, "figure": name, **asdict(difference_of(values, other))}
        for (of, kind, name), values in scores.items()
        if of == "both" and (other := scores.get((arm, kind, name), {})).keys() & values.keys()
    ]


def _beside(
    name: str, reference: Scores, scores: Mapping[tuple[str, str, str], Scores]
) -> list[dict[str, Any]]:
    """Of what every arm found; a reference `NAME, figure` is compared with the figure of that name."""
    return [
        {"arm": arm, "against": name, "kind": kind, "figure": figure, **asdict(difference_of(values, reference))}
        for (arm, kind, figure), values in scores.items()
        if kind == "found" and name.endswith(f", {figure}") and values.keys() & reference.keys()
    ]
