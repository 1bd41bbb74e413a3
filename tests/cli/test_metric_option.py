"""`--metric`: recorded with the request, and refused where there is none."""

from __future__ import annotations

import json

import pytest
from cli.conftest import Shell

from kernelevo.joining_loop import LoopRequest
from kernelevo.run_of_study import read_study
from kernelevo.stores.folders import run_folders
from kernelevo.stores.sqlite import SqliteStore

SMALL = ("--model", "prior", "--workers", "1")


def record(shell: Shell) -> object:
    (folder,) = run_folders(shell.folder / "runs")
    with SqliteStore.read(folder) as store:
        return store.run()


@pytest.mark.parametrize("task", ["scripted", "legal"])
@pytest.mark.parametrize("words", [("run",), ("study", "arms")])
def test_a_backend_without_metrics_refuses_one_in_a_sentence(shell: Shell, task: str, words: tuple[str, ...]) -> None:
    code, out, err = shell(*words, task, "--metric", "guarded", *SMALL)
    assert code == 2 and not list(run_folders(shell.folder / "runs"))
    assert f"the backend {task} has no metric 'guarded': it has one way of judging; leave out --metric" in out + err


def test_a_metric_that_there_is_not_is_said_with_those_there_are(shell: Shell) -> None:
    pytest.importorskip("sklearn", reason="the extra `scrna` is not installed")
    code, out, err = shell("run", "scrna", "--metric", "r2", *SMALL)
    assert code == 2 and "it has guarded, openproblems, openproblems-constrained" in out + err


def test_a_run_keeps_its_metric_when_it_goes_on(shell: Shell) -> None:
    pytest.importorskip("sklearn", reason="the extra `scrna` is not installed")
    asked = ("--levers", "none", "--generations", "1", "--budget", "evaluations=30", "--metric", "openproblems")
    code, _, err = shell("run", "scrna", *SMALL, *asked, "--json")
    assert code == 0, err
    begun = record(shell)
    assert LoopRequest.read(begun.settings["loop"]).metric == "openproblems"
    code, out, err = shell("run", "--resume", begun.id, "--budget", "evaluations=60", "--generations", "2", "--json")
    assert code == 0, err
    assert json.loads(out)["evaluations"] > 30, "with another metric the grammar is another, and it is refused"
    code, out, err = shell("run", "--resume", begun.id, "--metric", "guarded")
    assert code == 2 and "--metric" in out + err


def test_a_study_records_its_metric_and_gives_it_to_its_arms(shell: Shell) -> None:
    pytest.importorskip("sklearn", reason="the extra `scrna` is not installed")
    asked = ("--arms", "base", "--seeds", "1", "--test", "3", "--learning", "0", "--only", "development-cells-0")
    code, out, err = shell("study", "arms", "scrna", *SMALL, *asked, "--metric", "openproblems-constrained")
    assert code == 0, err
    assert "rewarded by the metric openproblems-constrained" in out and "data: a sample that is made here" in out
    study = record(shell)
    assert read_study(study).metric == "openproblems-constrained"
    (folder,) = run_folders(shell.folder / "runs")
    with SqliteStore.read(folder / "arms" / "base-0") as store:
        assert LoopRequest.read(store.run().settings["loop"]).metric == "openproblems-constrained"


def test_a_loop_that_is_rewarded_by_the_published_rule_is_paused_by_its_audit(shell: Shell) -> None:
    """It learns to choose little mass, which the published Poisson loss pays for and the audit does not."""
    pytest.importorskip("sklearn", reason="the extra `scrna` is not installed")
    pytest.importorskip("torch", reason="the extra `lora` is not installed")
    pytest.importorskip("peft", reason="the extra `lora` is not installed")
    asked = ("--workers", "1", "--generations", "3", "--budget", "evaluations=600")
    code, out, err = shell("run", "scrna", *asked, "--metric", "openproblems", "--json")
    assert code == 4, err
    told = json.loads(out)
    gaps = [each["audit"]["gap"] for each in told["generations"]]
    assert told["paused"] and "the reward runs away from the audit" in told["ended"] and gaps[-1] > gaps[0] + 0.5
    assert sum(each["gate"]["result"] == "accept" for each in told["generations"] if each["gate"]) >= 1
    assert told["model"] == "own"
