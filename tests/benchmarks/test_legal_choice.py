"""Recall of candidates and the choice among them, cross-validated: by hand, by a model that knows, and for leaks."""

from __future__ import annotations

import csv
import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the extra `legal` is not installed")

from kernelevo import joining_choices
from kernelevo.backends.legal.alike import alike
from kernelevo.backends.legal.data import sample
from kernelevo.backends.legal.loaders import KNOWN
from kernelevo.language_model import Prompt, Reply, Sampling, Stop, Usage
from kernelevo.models.scripted import ScriptedModel

ROOT = Path(__file__).parents[2]
RECORD = json.loads((ROOT / "benchmarks" / "results" / "legal_candidates.json").read_text(encoding="utf-8"))
CASES = sample(12, 20)
NAME = "centroids, base"
WHO = ("--who", NAME, "--folds", "3")


class Watching(ScriptedModel):
    """Names what `charges` has for a case, and notes each question."""

    def __init__(self, charges: dict[str, str]) -> None:
        super().__init__([], name="scripted")
        self.charges = charges

    def sample(self, prompt: Prompt, n: int, settings: Sampling, seconds: float) -> list[Reply]:
        self.asked.append(prompt)
        fact = prompt.messages[-1].text.splitlines()[1]
        name = next(charge for text, charge in self.charges.items() if fact.startswith(text[:60]))
        return [Reply(name, Stop.COMPLETE, Usage(50, 2))]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The benchmark on a file of cases; what it prints as plain values."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.chdir(tmp_path)
    with Path("train.csv").open("w", encoding="utf-8", newline="") as file:
        names = [CASES.charges[each] for each in CASES.labels]
        csv.writer(file).writerows([("text", "label"), *zip(CASES.facts, names, strict=True)])
    Path("none.jsonl").write_text("", encoding="utf-8")
    return importlib.import_module("legal_reference")


def run(
    command: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: Sequence[str]
) -> tuple[int, dict[str, Any], str]:
    monkeypatch.setattr(sys, "argv", ["legal_reference.py", "train.csv", *WHO, *words])
    code = command.main()
    said = capsys.readouterr()
    return code, json.loads(said.out or "{}"), said.err


def test_the_record_is_of_the_registered_file_and_whole() -> None:
    assert RECORD["sha256"] in KNOWN and (RECORD["asked"], RECORD["folds"], RECORD["candidates"]) == (
        5332,
        "5 of 5",
        10,
    )
    shares = [RECORD["recall"][each]["share"] for each in ("1", "3", "5", "10")]
    assert shares == sorted(shares) and RECORD["recall"]["1"] == RECORD["accuracy of the pipeline alone"]
    docs = (ROOT / "docs" / "domains.md").read_text(encoding="utf-8")
    assert all(f"| {100 * share:.1f} (" in docs for share in shares)


def test_recall_is_that_of_lists_that_are_counted_by_hand(
    command: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, found, _ = run(command, monkeypatch, capsys, ["--candidates", "4", "--asked-folds", "2"])
    assert code == 0 and found["folds"] == "2 of 3" and "choice" not in found
    reads = command.pipeline_tells(*command.PIPELINES[NAME])
    ranks = []
    folds = list(command.split(CASES.facts, CASES.labels, alike(CASES.facts), 3, 0))[:2]
    for known, others in folds:
        told = command.replace(CASES, facts=tuple(CASES.facts[i] for i in known), labels=CASES.labels[known])
        for row, place in zip(reads(told, [CASES.facts[i] for i in others]), others, strict=True):
            mine = row[CASES.labels[place]]
            ranks.append((row > mine).sum() + (row[: CASES.labels[place]] == mine).sum())
    assert found["asked"] == len(ranks)
    for count in (1, 3, 4):
        assert found["recall"][str(count)]["share"] == round(float(np.mean(np.array(ranks) < count)), 4)
    assert found["recall"]["1"] == found["accuracy of the pipeline alone"]
    assert found["recall"]["1"]["share"] < found["recall"]["4"]["share"]


def test_who_knows_comes_to_the_recall_and_who_guesses_gains_nothing(
    command: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [CASES.charges[each] for each in CASES.labels]
    words = ["--choose", "scripted:none.jsonl", "--candidates", "6", "--cases", "60", "--replies"]
    told = {}
    for what, charges in (("right", names), ("shuffled", list(np.random.default_rng(0).permutation(names)))):
        model = Watching(dict(zip(CASES.facts, charges, strict=True)))
        monkeypatch.setattr(joining_choices, "open_model", lambda request, given, model=model: model)
        code, told[what], err = run(command, monkeypatch, capsys, [*words, f"{what}.jsonl"])
        assert code == 0, err
        assert told[what]["asked"] == len(model.asked) == 60 and "the choice less the pipeline alone" in err
    right, shuffled = told["right"], told["shuffled"]
    assert right["accuracy after the choice"] == right["recall"]["6"]
    assert right["less the pipeline"]["difference"] > 0.1 and right["less the pipeline"]["second_alone"] == 0
    assert shuffled["less the pipeline"]["difference"] < -0.1
    assert right["choice"]["cost"] is None


def test_questions_hang_on_no_label_of_an_asked_case(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each fold's labels are made canaries that its cases alone have, and its questions stay the same, byte by byte."""
    choice = importlib.import_module("legal_choice")
    known, others = next(iter(command.split(CASES.facts, CASES.labels, alike(CASES.facts), 3, 0)))
    labels = CASES.labels.copy()
    labels[others] = len(CASES.charges)
    planted = command.replace(CASES, labels=labels, charges=(*CASES.charges, "CANARY"))
    texts = []
    for cases in (CASES, planted):
        (part,) = choice.read(cases, [(known, others)], command.PIPELINES[NAME])
        given = choice.offers(part.told, part.facts, part.reading, 10)
        texts.append([message.text for offer in given for message in offer.prompt.messages])
    assert texts[0] == texts[1] and not any("CANARY" in text for text in texts[1])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--candidates", "13"], "--candidates 13 are no choice"),
        (["--candidates", "0"], "--candidates 0 are no choice"),
        (["--candidates", "3", "--asked-folds", "0"], "give a positive number"),
        (["--choose", "scripted:none.jsonl", "--record"], "--record keeps recall alone"),
        (["--choose", "scripted:none.jsonl", "--replies", "nowhere/x"], "replies cannot be written to nowhere/x"),
        (["--base-url", "http://x/v1"], "--base-url says how a model chooses"),
        (["--choose", "scripted:none.jsonl"], "the script scripted:none.jsonl has no more replies"),
        (["--choose", "openai:x", "--base-url", "http://127.0.0.1:9/v1"], "no server answers at"),
    ],
)
def test_bad_input_is_one_sentence(
    command: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    if "openai:x" in words:
        pytest.importorskip("openai", reason="the extra `llm` is not installed")
    code, found, err = run(command, monkeypatch, capsys, words)
    assert code == 2 and not found and said in err.splitlines()[-1]
