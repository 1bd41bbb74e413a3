"""What docs/domains.md tells of evidence in legal is what its record says, and the command measures as it says."""

from __future__ import annotations

import csv
import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sklearn", reason="the extra `legal` is not installed")

ROOT = Path(__file__).parents[2]
RECORD = json.loads((ROOT / "benchmarks" / "results" / "legal_evidence.json").read_text(encoding="utf-8"))
AS_IT_IS, NONE = "as it is", "-"
PIPELINES = {
    "centroids, base": "centroids", "centroids and least squares, base": "centroids and least squares",
    "own head, trained": "own head", "votes, trained": "votes of head, least squares and centroids",
}  # fmt: skip
CHANGES = {
    "fusion by product": "`fusion = product`", "described votes, too": "`weigh described = 1`, the others at 4",
    "descriptions as cases": "`descriptions = 2`", "settled": "`settle = on`",
    "descriptions as cases, settled": "`descriptions = 2`, `settle = on`",
    "base of further texts": "a base of LawBench's 500 facts, too",
}  # fmt: skip


@pytest.fixture(scope="module")
def told() -> str:
    text = (ROOT / "docs" / "domains.md").read_text(encoding="utf-8")
    return text.split("### Evidence beside told cases", 1)[1].split("\n### ", 1)[0]


def line(words: str, cells: Sequence[str]) -> str:
    return f"| {' | '.join([words, *cells])} |"


def cell(name: str, change: str) -> str:
    row = RECORD["pipelines"][name].get(change)
    if row is None:
        return NONE
    more = {part: f"{100 * row['more'][part]:+.1f}" for part in ("difference", "low", "high")}
    return f"{more['difference']} ({more['low']} to {more['high']})"


def test_the_record_is_of_the_development_cases_and_of_lawbench_s_facts() -> None:
    from kernelevo.backends.legal.loaders import KNOWN

    assert KNOWN[RECORD["sha256"]][0] == "sia-train" and RECORD["count"] < 5332 * 0.9
    assert [KNOWN[key][0] for key in RECORD["texts"].values()] == ["lawbench-3-3"]
    assert {change for rows in RECORD["pipelines"].values() for change in rows} == {*CHANGES, AS_IT_IS, "calibrated"}


def test_accuracies_as_they_are_and_calibration_are_those_of_the_record(told: str) -> None:
    rows = [RECORD["pipelines"][name] for name in PIPELINES]
    assert line("as it is, %", [f"{100 * row[AS_IT_IS]['accuracy']:.1f}" for row in rows]) in told
    for change, words in ((AS_IT_IS, "calibration error as it is"), ("calibrated", "with `calibration = on`")):
        assert line(words, [f"{row[change]['calibration']:.3f}" for row in rows]) in told
    assert f"{RECORD['count']:,} cases" in told


@pytest.mark.parametrize("change", CHANGES)
def test_every_difference_is_that_of_the_record(change: str, told: str) -> None:
    assert line(CHANGES[change], [cell(name, change) for name in PIPELINES]) in told


def test_calibration_changes_no_charge_and_makes_votes_less_wrong_about_themselves() -> None:
    for name, rows in RECORD["pipelines"].items():
        before, after = rows[AS_IT_IS], rows["calibrated"]
        assert after["accuracy"] == before["accuracy"], name
        assert after["calibration"] <= max(0.4 * before["calibration"], 0.03), name


def test_no_case_of_the_sealed_split_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    from kernelevo.backends.legal.backend import ChargeBackend
    from kernelevo.backends.legal.data import sample
    from kernelevo.learning import Split

    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    command: Any = importlib.import_module("legal_evidence")
    backend = ChargeBackend(sample())
    asked = {
        split: {fact for task in backend.tasks(split) for each in (task, backend.twin(task))
                for fact in backend.open(each)._asked.facts} for split in (Split.SEALED, Split.DEVELOPMENT)
    }  # fmt: skip
    facts = command.development(sample()).facts
    assert len(asked[Split.SEALED]) == 180 and asked[Split.SEALED].isdisjoint(facts)
    assert asked[Split.DEVELOPMENT] <= set(facts) and len(facts) == 1200 - 180


def test_the_command_compares_each_change_with_the_same_pipeline(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="the extra `lora` is not installed")
    pytest.importorskip("peft", reason="the extra `lora` is not installed")
    from kernelevo.backends.legal.data import sample

    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    command: Any = importlib.import_module("legal_evidence")
    monkeypatch.setattr(command, "RESULT", tmp_path / "record.json")
    cases = sample(6, 24)
    names = [cases.charges[each] for each in cases.labels]
    with (tmp_path / "train.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *zip(cases.facts, names, strict=True)])
    (tmp_path / "more.txt").write_text("\n".join(sample(8, 24, seed=5).facts[:30]), encoding="utf-8")
    words = [str(tmp_path / "train.csv"), "--texts", str(tmp_path / "more.txt"), "--folds", "2", "--record"]
    monkeypatch.setattr(sys, "argv", ["legal_evidence.py", *words])
    assert command.main() == 0
    found = json.loads((tmp_path / "record.json").read_text(encoding="utf-8"))
    assert json.loads(capsys.readouterr().out) == found and found["count"] < 0.9 * 144
    assert {name: set(rows) for name, rows in found["pipelines"].items()} == {
        name: set(rows) for name, rows in RECORD["pipelines"].items()
    }
    rows = found["pipelines"]["centroids, base"]
    more = rows["descriptions as cases"]["more"]
    assert more["cases"] == found["count"]
    assert more["difference"] == pytest.approx(
        rows["descriptions as cases"]["accuracy"] - rows[AS_IT_IS]["accuracy"], abs=1e-4
    )

    assert rows["calibrated"]["more"]["difference"] == 0.0
