"""What docs/loop.md tells of the study on the development split is what its record says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
WORDS = {
    "both": "W+H", "weights": "W", "harness": "H", "by_hand": "by_hand", "best_of_n": "best-of-N", "base": "base",
    "uniform": "uniform",
}  # fmt: skip


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    return json.loads((ROOT / "benchmarks" / "results" / "study_development.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def told() -> str:
    text = (ROOT / "docs" / "loop.md").read_text(encoding="utf-8")
    return " ".join(text.split("### What was seen so far", 1)[1].split("what the sealed tasks said", 1)[0].split())


def test_the_table_is_that_of_the_record(record: dict[str, Any], told: str) -> None:
    soon = {row["arm"]: f"{2 ** row['soon']['mean']:.2f}" for row in record["arms"]}
    assert f"| {' | '.join(WORDS.values())} |" in told
    assert f"| {' | '.join(soon[arm] for arm in WORDS)} |" in told
    assert record["command"] in told and record["on"] == "development" and record["how"] == "modelled"


def test_each_comparison_that_is_told_is_one_of_the_record(record: dict[str, Any], told: str) -> None:
    own = [each for each in record["comparisons"] if (each["counting"], each["arm"]) == ("soon", "both")]
    found = {each["against"]: each for each in own}
    assert found.keys() == set(WORDS) - {"both"}
    for each in found.values():
        mean, low, high = (f"{2 ** each[name]:.2f}" for name in ("mean", "low", "high"))
        assert any(f"({mean}{words}, {low} to {high})" in told for words in ("", " times")), each
    ahead = {arm for arm, each in found.items() if each["low"] > 0}
    assert ahead == set(WORDS) - {"both"}


@pytest.mark.parametrize("arm", ["harness", "weights"])
def test_each_lever_is_told_against_the_better_sober_arm(record: dict[str, Any], told: str, arm: str) -> None:
    pairs = {(each["counting"], each["arm"], each["against"]): each for each in record["comparisons"]}
    each = pairs["soon", arm, "by_hand"]
    mean, low, high = (f"{2 ** each[name]:.2f}" for name in ("mean", "low", "high"))
    assert f"{WORDS[arm]} {mean} ({low} to {high})" in told and each["low"] < 0 < each["high"]


def test_what_more_learning_comes_to_is_that_of_the_other_record(told: str) -> None:
    path = ROOT / "benchmarks" / "results" / "study_development_900.json"
    other = json.loads(path.read_text(encoding="utf-8"))
    rows = {row["arm"]: f"{2 ** row['soon']['mean']:.2f}" for row in other["arms"]}
    assert f"W+H {rows['both']}, H {rows['harness']}, W {rows['weights']} cannot be told apart" in told


def test_what_the_sealed_tasks_said_is_told_as_it_is_recorded() -> None:
    results = ROOT / "benchmarks" / "results"
    record = json.loads((results / "study_sealed.json").read_text(encoding="utf-8"))
    text = (ROOT / "docs" / "loop.md").read_text(encoding="utf-8")
    told = " ".join(text.split("### What the sealed tasks said", 1)[1].split("Limits: arms run", 1)[0].split())
    soon = {row["arm"]: f"{2 ** row['soon']['mean']:.2f}" for row in record["arms"]}
    assert record["claim"] in told and record["on"] == "sealed" and record["finished"] == record["planned"] == 35
    assert f"| {' | '.join(soon[arm] for arm in WORDS)} |" in told
    own = [each for each in record["comparisons"] if (each["counting"], each["arm"]) == ("soon", "both")]
    found = {each["against"]: each for each in own}
    for each in found.values():
        mean, low, high = (f"{2 ** each[name]:.2f}" for name in ("mean", "low", "high"))
        assert any(f"({mean}{words}, {low} to {high})" in told for words in ("", " times")), each
    assert {arm for arm, each in found.items() if each["low"] > 0} == {"base", "best_of_n", "uniform"}
    opened = [json.loads(line) for line in (results / "sealed_openings.jsonl").read_text(encoding="utf-8").splitlines()]
    assert opened[0]["claim"] == record["claim"] and opened[0]["run"] == record["run"]
