"""`kernelevo study`: arms on the scripted backend, as a person types them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from cli.conftest import Shell

from kernelevo import run_of_study
from kernelevo.initialise import samples_folder
from kernelevo.loop.ledger import LEDGER
from kernelevo.stores.folders import run_folders

QUICK = ("study", "arms", "scripted", "--model", "prior", "--workers", "1", "--seeds", "2", "--test", "8")
LEARNING = ("--learning", "250", "--generations", "1", "--arms", "base,H,best-of-N,by_hand,uniform")


def arms(shell: Shell, *words: str) -> dict:
    code, out, err = shell(*QUICK, *words, "--json")
    assert code == 0, err
    return json.loads(out)


def test_a_study_tells_every_arm_and_writes_a_page(shell: Shell) -> None:
    told = arms(shell, *LEARNING)
    rows = {row["arm"]: row for row in told["arms"]}
    assert set(rows) == {"base", "harness", "best_of_n", "by_hand", "uniform"} and told["finished"] == 10
    for row in rows.values():
        assert row["equal_total"]["low"] <= row["equal_total"]["mean"] <= row["equal_total"]["high"]
        assert row["equal_test"]["mean"] > 0
        assert row["evaluations_per_seed"] <= told["costs"]["total"] == 2 * 8 + 250
    assert rows["harness"]["learning_per_seed"] > 0 == rows["base"]["learning_per_seed"]
    page = Path(told["page"]).read_text()
    assert page.startswith("<!DOCTYPE html>") and page.count("<polyline") == 5
    assert not re.search(r"<script|src=|href=|url\(", page)
    code, out, _ = shell("study", "show", "last")
    assert code == 0 and "10 of 10 arms are done" in out and "harness against" in out
    assert set(told["versions"]) == {"kernelevo", "python", "backend"} and all(told["versions"].values())
    assert told["started"].startswith("20") and told["data"] is None, "kernels read no file"
    assert json.loads(shell("study", "show", "last", "--json")[1])["arms"] == told["arms"]
    assert json.loads(shell("runs", "show", "last", "--json")[1])["arms"] == told["arms"]
    (row,) = json.loads(shell("runs", "list", "--json")[1])
    assert (row["task"], row["state"]) == ("scripted (study)", "10 of 10 arms are done")


def test_a_study_that_was_stopped_goes_on_and_comes_to_the_same(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("--learning", "250", "--generations", "1", "--arms", "H,uniform")
    whole = arms(shell, *words, "--runs", "whole")
    real, calls = run_of_study.curve, []

    def stopped(*given):
        calls.append(given)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return real(*given)

    monkeypatch.setattr(run_of_study, "curve", stopped)
    code, _, err = shell(*QUICK, *words)
    assert code == 130 and "kernelevo study arms --resume" in err
    code, out, err = shell("resume", "last", "--json")
    assert code == 0, err
    resumed = json.loads(out)
    assert [resumed[name] for name in ("arms", "comparisons", "curves")] == [
        whole[name] for name in ("arms", "comparisons", "curves")
    ]


def test_sealed_tasks_are_opened_once_for_a_claim_and_listed(shell: Shell) -> None:
    words = ("--arms", "base,uniform", "--on", "sealed")
    code, _, err = shell(*QUICK, *words)
    assert code == 2 and "--claim" in err and not run_folders(shell.folder / "runs")
    told = arms(shell, *words, "--claim", "base beats uniform")
    there = run_folders(shell.folder / "runs")
    code, _, err = shell(*QUICK, *words, "--claim", "Base beats  uniform")
    assert code == 2 and "opened the sealed tasks before" in err
    assert run_folders(shell.folder / "runs") == there, "a refused claim leaves nothing behind"
    code, _, err = shell("study", "arms", "--resume", told["run"])
    assert code == 2 and "has its outcome" in err
    (opening,) = json.loads(shell("study", "openings", "--json")[1])
    assert (opening["claim"], opening["run"]) == ("base beats uniform", told["run"])
    assert set(opening["tasks"]) == {"wide-21", "chained-21"}
    assert opening["outcome"]["equal_total"]["base"] == {row["arm"]: row for row in told["arms"]}["base"]["equal_total"]
    assert "base beats uniform" in shell("study", "openings")[1] and (shell.folder / "runs" / LEDGER).exists()


def test_a_study_on_the_development_split_opens_nothing(shell: Shell) -> None:
    arms(shell, "--arms", "base")
    assert not (shell.folder / "runs" / LEDGER).exists()
    assert "never opened" in shell("study", "openings")[1]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--arms", "base,best"], "there is no arm 'best'"),
        (["--arms", "W"], "no weights that can be trained"),
        (["--arms", "by_hand", "--by-hand", "/nowhere.toml"], "--by-hand /nowhere.toml cannot be read"),
        (["--arms", "base", "--on", "gate"], "--on 'gate'"),
        (["--arms", "base", "--claim", "no reason"], "--on sealed and --claim"),
        (["--arms", "base", "--seeds", "0"], "--seeds 0"),
        (["--arms", "base", "--only", "wide-1"], "--only 'wide-1'"),
        (["--arms", "H", "--learning", "20"], "do not suffice"),
    ],
)
def test_what_cannot_be_used_is_said_before_anything_is_opened(shell: Shell, words: list[str], sentence: str) -> None:
    code, _, err = shell(*QUICK, *words)
    assert code == 2 and sentence in err and "Traceback" not in err
    assert not run_folders(shell.folder / "runs") and not (shell.folder / "runs" / LEDGER).exists()


def test_a_matrix_crosses_executors_with_what_runs_kept(shell: Shell) -> None:
    words = ("run", "scripted", "--model", "prior", "--levers", "none", "--generations", "1", "--workers", "1")
    run = json.loads(shell(*words, "--budget", "evaluations=30", "--json")[1])["run"]
    quick = ("--seeds", "1", "--test", "6", "--workers", "1", "--json")
    code, out, err = shell(
        "study", "matrix", "scripted", "--executor", "prior", "--executor", "uniform", "--kept", run, *quick
    )
    assert code == 0, err
    told = json.loads(out)
    names = [f"{model}.{harness}.none" for model in ("prior", "uniform") for harness in ("start", run)]
    assert [row["arm"] for row in told["arms"]] == names and told["costs"]["learning"] == 0
    rows = {row["arm"]: row["equal_test"]["mean"] for row in told["arms"]}
    assert rows["prior.start.none"] == rows[f"prior.{run}.none"], "the run kept the harness that it began with"
    shown = json.loads(shell("study", "show", "last", "--json")[1])
    assert shown["arms"] == told["arms"]
    kept = next((shell.folder / "runs" / run).glob("start/harness/decisions.toml"))
    kept.write_text(kept.read_text().replace("temperature = 1.0", "temperature = 0.5"))
    code, _, err = shell("study", "matrix", "scripted", "--executor", "prior", "--kept", run, *quick)
    assert code == 2 and f"what run {run} kept was changed since" in err


def test_a_rule_that_is_none_opens_nothing(shell: Shell) -> None:
    wrong = samples_folder() / "harness" / "by-hand.toml"
    text = wrong.read_text().replace("[rules]", "[rules]\nscripted.nothing = { on = true, bias = 0.0 }", 1)
    shell.write("wrong.toml", text)
    words = (*QUICK, "--arms", "by_hand,uniform", "--by-hand", "wrong.toml", "--on", "sealed", "--claim", "by hand")
    code, _, err = shell(*words)
    assert code == 2 and "scripted.nothing is no rule" in err
    assert not (shell.folder / "runs" / LEDGER).exists() and not run_folders(shell.folder / "runs")


def test_what_is_edited_meanwhile_is_no_part_of_a_study(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = samples_folder() / "harness"
    shutil.copytree(samples / "default", shell.folder / "harness" / "default")
    shutil.copy(samples / "by-hand.toml", shell.folder / "hand.toml")
    words = ("--arms", "base,by_hand", "--by-hand", "hand.toml")
    whole = arms(shell, *words, "--runs", "whole")
    real, calls = run_of_study.curve, []

    def stopped(*given):
        calls.append(given)
        if len(calls) == 5:  # two tasks for each arm: the first seed is done
            raise KeyboardInterrupt
        return real(*given)

    monkeypatch.setattr(run_of_study, "curve", stopped)
    assert shell(*QUICK, *words)[0] == 130
    for place in (shell.folder / "harness" / "default" / "decisions.toml", shell.folder / "hand.toml"):
        place.write_text(re.sub("temperature = .*", "temperature = 5.0", place.read_text()))
    assert arms(shell, *words, "--runs", "edited")["arms"] != whole["arms"]
    code, out, err = shell("resume", run_folders(shell.folder / "runs")[0].name, "--json")
    assert code == 0 and json.loads(out)["arms"] == whole["arms"], err


def test_negative_learning_is_refused(shell: Shell) -> None:
    code, _, errors = shell("study", "arms", "scripted", "--model", "prior", "--learning", "-5")
    assert code == 2 and "--learning -5 is negative" in errors
