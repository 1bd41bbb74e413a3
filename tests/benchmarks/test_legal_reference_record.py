"""What docs/domains.md tells of the reference line of legal, and of pipelines beside it, is what its record says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
ROWS: dict[str, Any] = json.loads(
    (ROOT / "benchmarks" / "results" / "legal_reference.json").read_text(encoding="utf-8")
)["rows"]
REFERENCE = "LinearSVC on character 1-2-grams"
WORDS = {
    REFERENCE: "reference", "start of the pipelines": "start of the pipelines",
    "centroids, base": "centroids of whole texts, the network's base",
    "least squares, base": "least squares of whole texts, the network's base",
    "own head, trained": "the network's own head on whole texts, trained by the told cases",
    "own head, five trained": "five such networks, their votes averaged",
    "votes, trained": "votes of head, least squares and centroids, trained",
}  # fmt: skip


@pytest.fixture(scope="module")
def told() -> str:
    text = (ROOT / "docs" / "domains.md").read_text(encoding="utf-8")
    return text.split("### The line to be held to", 1)[1].split("\n### ", 1)[0]


def percent(value: float) -> str:
    return f"{100 * value:.1f}"


def points(value: float) -> str:
    return f"{100 * value:+.1f}"


@pytest.mark.parametrize("name", WORDS)
def test_every_row_is_that_of_the_record(name: str, told: str) -> None:
    row = ROWS[name]
    low, high = map(percent, row["interval"])
    cells = [
        WORDS[name], f"{percent(row['accuracy'])} ({low} to {high})", f"{row['macro-F1']:.3f}",
        percent(row["mean accuracy of charges"]),
    ]  # fmt: skip
    assert f"| {' | '.join(cells)} |" in told


@pytest.mark.parametrize(("name", "words"), [("own head, trained", "One head"), ("own head, five trained", "Five")])
def test_each_difference_from_the_reference_is_told_with_its_interval(name: str, words: str, told: str) -> None:
    less = ROWS[name]["less the reference"]
    assert f"{words} less the reference: {points(less['difference'])} points ({points(less['low'])} to " in told
    assert f"to {points(less['high'])}; McNemar" in told


def test_of_few_cases_of_each_charge_the_reference_is_told_as_recorded(told: str) -> None:
    said = [percent(ROWS[f"{REFERENCE}, at most {most} of each charge"]["accuracy"]) for most in (1, 3, 5, 10, 20)]
    assert (
        f"the reference has {said[0]} with 1, {said[1]} with 3, {said[2]} with 5, {said[3]} with 10, {said[4]} with 20."
    ) in told
