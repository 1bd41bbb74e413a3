"""What verdicts tell beside rewards, arm by arm."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kernelevo.report_study_figures import figure_lines, figure_tables
from kernelevo.studies.figures import FAILED, Told, figures_of


def told(arm: str, seed: int, task: str, first: float, found: float) -> Told:
    figures = {"first": {"accuracy": first}, "found": {"accuracy": found}, "audited": {"accuracy": found - 0.1}}
    return Told(arm, seed, task, figures, {"LinearSVC, accuracy": 0.7})


EVERY = [
    told(arm, seed, task, 0.5 + gain + 0.01 * seed, 0.6 + gain + 0.01 * seed)
    for arm, gain in (("base", 0.0), ("both", 0.2)) for seed in range(3) for task in ("a", "b", "c")
]  # fmt: skip


def test_means_and_differences_are_of_the_same_seeds_and_tasks() -> None:
    found = figures_of(EVERY)
    rows = {row["arm"]: row for row in found["arms"]}
    assert rows["both"]["found"]["accuracy"]["mean"] == pytest.approx(0.81)
    assert rows["base"]["audited"]["accuracy"]["mean"] == pytest.approx(0.51)
    low, high = (rows["both"]["first"]["accuracy"][side] for side in ("low", "high"))
    assert low < 0.71 < high
    against = {(row["arm"], row["against"], row["kind"]): row for row in found["differences"]}
    paired = against["both", "base", "found"]
    assert (paired["mean"], paired["low"], paired["high"]) == pytest.approx((0.2, 0.2, 0.2))
    assert against["base", "LinearSVC, accuracy", "found"]["mean"] == pytest.approx(-0.09)
    assert found["reference"]["LinearSVC, accuracy"]["mean"] == pytest.approx(0.7)


def test_the_report_says_them_and_nothing_where_there_is_nothing() -> None:
    lines = list(figure_lines(figures_of(EVERY)))
    assert any(line.startswith("  both       accuracy 0.7100") for line in lines)
    assert any("both less base, accuracy (found): +0.2000" in line for line in lines)
    assert any(line.startswith("for reference, on the same data: LinearSVC, accuracy 0.7000") for line in lines)
    assert list(figure_lines(None)) == []


def test_what_failed_when_it_was_judged_anew_is_told_where_anything_did() -> None:
    lost = Told("base", 0, "a", {"found": {FAILED: 1.0}}, {})
    others = [replace(each, figures={"found": {**each.figures["found"], FAILED: 0.0}}) for each in EVERY[1:]]
    rows = {row["arm"]: row["found"] for row in figures_of([lost, *others])["arms"]}
    assert rows["base"][FAILED]["mean"] == pytest.approx(1 / 9) and rows["both"][FAILED]["mean"] == 0.0
    assert all(FAILED not in row["found"] for row in figures_of(others)["arms"])


def test_the_page_has_a_row_for_each_figure_and_a_column_for_each_arm_and_the_reference() -> None:
    first, found, audited, anew, best, beside = [
        str(each) for each in figure_tables(figures_of(EVERY)) if "<table" in str(each)
    ]
    assert "<th>base</th><th>both</th></tr>" in first and "<td>accuracy</td><td>0.510 " in first
    assert "<th>both</th><th>LinearSVC</th>" in found and "<td>0.700 (0.700 to 0.700)</td>" in found
    assert "<td>0.510 (" in audited and "+0.200" in anew and "+0.200" in best and "LinearSVC" not in best
    assert "<th>base</th><th>both</th>" in beside and "<td>-0.090" in beside and "<td>+0.110" in beside
