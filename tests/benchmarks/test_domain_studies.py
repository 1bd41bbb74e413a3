"""What docs/domains.md tells of the studies of scrna and legal is what their records say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
WORDS = {
    "base": "base", "harness": "H", "weights": "W", "both": "W+H", "best_of_n": "best-of-N", "by_hand": "by_hand",
}  # fmt: skip
OFFICIAL = {"scrna": ("guarded", "found"), "legal": ("accuracy", "found")}
AUDITED = {"scrna": ("held_out", "audited"), "legal": ("accuracy", "audited")}
RECORDS = sorted((ROOT / "benchmarks" / "results").glob("study_scrna*.json")) + sorted(
    (ROOT / "benchmarks" / "results").glob("study_legal*.json")
)


def record(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def told() -> str:
    text = (ROOT / "docs" / "domains.md").read_text(encoding="utf-8")
    return text.split("## What the studies say", 1)[1].split("\n## ", 1)[0]


def times(mean: dict[str, float]) -> str:
    mean_, low, high = (2 ** mean[name] for name in ("mean", "low", "high"))
    return f"{mean_:.3f} ({low:.3f} to {high:.3f})"


def figure(mean: dict[str, float]) -> str:
    return f"{mean['mean']:.3f} ({mean['low']:.3f} to {mean['high']:.3f})"


def row(found: dict[str, Any], arm: dict[str, Any]) -> str:
    """A line of the table: how soon, at equal cost, the official figure and the audit's."""
    figures = next(each for each in found["figures"]["arms"] if each["arm"] == arm["arm"])
    shown = [figures[kind][name] for name, kind in (OFFICIAL[found["task"]], AUDITED[found["task"]])]
    cells = [WORDS[arm["arm"]], times(arm["soon"]), times(arm["equal_total"]), *map(figure, shown)]
    return f"| {' | '.join(cells)} |"


def test_both_domains_have_records_and_legal_one_of_its_sealed_cases() -> None:
    found = {(record(path)["task"], record(path)["on"]) for path in RECORDS}
    assert found == {("scrna", "development"), ("legal", "development"), ("legal", "sealed")}


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_every_arm_s_line_is_that_of_the_record(path: Path, told: str) -> None:
    found = record(path)
    assert f"results/{path.name}" in told and found["seeds"] >= 5 and found["finished"] == found["planned"]
    assert {arm["arm"] for arm in found["arms"]} == WORDS.keys()
    for arm in found["arms"]:
        assert row(found, arm) in told, row(found, arm)


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_every_comparison_of_both_levers_is_told_with_its_interval(path: Path, told: str) -> None:
    found = record(path)
    part = told.split(f"results/{path.name}", 1)[1].split("\n### ", 1)[0]
    for counting, words in (("soon", "in the first four"), ("equal_total", "at equal cost")):
        pairs = [each for each in found["comparisons"] if (each["counting"], each["arm"]) == (counting, "both")]
        said = ", ".join(f"{WORDS[each['against']]} {times(each)}" for each in pairs)
        assert f"{words[1:]} W+H is, times as good as the others: {said}." in part, said


def test_the_sealed_claim_is_on_the_ledger_and_held_in_every_comparison(told: str) -> None:
    results = ROOT / "benchmarks" / "results"
    found = record(results / "study_legal_sealed.json")
    part = " ".join(told.split(": sealed", 1)[1].split("\n### ", 1)[0].split())
    lines = [json.loads(line) for line in (results / "sealed_openings.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["event"] for line in lines if (line["run"], line["claim"]) == (found["run"], found["claim"])] == [
        "opened", "outcome",
    ]  # fmt: skip
    own = [each for each in found["comparisons"] if each["arm"] == "both" and each["counting"] != "equal_test"]
    assert len(own) == 10 and all(each["low"] > 0 for each in own)
    assert f'"{found["claim"]}": **it held, in all ten comparisons**' in part


@pytest.mark.parametrize("path", [path for path in RECORDS if "legal" in path.stem], ids=lambda path: path.stem)
def test_the_reference_line_is_told_beside_both_levers(path: Path, told: str) -> None:
    found = record(path)
    part = told.split(f"results/{path.name}", 1)[1].split("\n### ", 1)[0]
    (less,) = [
        each for each in found["figures"]["differences"]
        if (each["arm"], each["figure"], each["kind"]) == ("both", "accuracy", "found")
        and "LinearSVC" in each["against"]
    ]  # fmt: skip
    known = found["figures"]["reference"]["LinearSVC on character 1-2-grams, accuracy"]
    mean, low, high = (f"{less[name]:+.3f}" for name in ("mean", "low", "high"))
    assert f"{mean} ({low} to {high})" in part and figure(known) in part
    assert ("**behind**" in part) is (less["high"] < 0)
