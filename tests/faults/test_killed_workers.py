"""Zygotes, children and programs behind the wall are killed at random moments: nothing is lost, nothing blamed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from faults.killing import RandomKiller
from faults.real import answers, folder, start, write_batch

from kernelevo.stores.folders import find_run, run_folders
from kernelevo.stores.sqlite import SqliteStore
from kernelevo.types import Status

__all__ = ["folder"]

EVAL = ("eval", "grow.cu", "--jsonl", "batch.jsonl", "--workers", "2")


def finished(child: subprocess.Popen[str], seconds: float = 240) -> tuple[int, str, str]:
    with child:
        out, err = child.communicate(timeout=seconds)
    return child.returncode, out, err


def test_a_batch_with_killed_workers_blames_nobody(folder: Path) -> None:
    write_batch(folder, 16)
    code, out, err = finished(start(folder, *EVAL))
    undisturbed = answers(out)
    assert (code, len(undisturbed)) == (1, 16), err
    child = start(folder, *EVAL, cache="other")
    with RandomKiller(child.pid, 0.2, 0.9, times=8) as killer:
        code, out, err = finished(child)
    disturbed = answers(out)
    assert killer.killed > 0 and "Traceback" not in err
    ours = {name for name, answer in disturbed.items() if answer["status"] == "infra"}
    assert code == (3 if ours or len(disturbed) < 16 else 1), err
    for name in set(disturbed) - ours:
        reward, whole = disturbed[name].pop("reward"), undisturbed[name].pop("reward")
        assert disturbed[name] == undisturbed[name]
        # Without its start a passed candidate has no reward, which is missing data, too.
        assert reward == whole or (reward["mask"], reward["value"]) == (False, None)
    assert all(not disturbed[name]["reward"]["mask"] for name in ours)
    assert len(disturbed) == 16 or err.splitlines()[-1].startswith("kernelevo: ")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_check_with_a_killed_worker_is_right_or_our_fault(folder: Path, seed: int) -> None:
    code, out, err = finished(start(folder, "check", "grow.cu", "--json"))
    undisturbed = json.loads(out)
    assert (code, undisturbed["status"]) == (0, "passed"), err
    child = start(folder, "check", "grow.cu", "--json", cache="other")
    with RandomKiller(child.pid, 0.1, 1.5, times=1, seed=seed):
        code, out, err = finished(child)
    assert code in (0, 3) and "Traceback" not in err
    if code == 0:
        assert (json.loads(out)["score_us"], json.loads(out)["checks"]) == (
            undisturbed["score_us"],
            undisturbed["checks"],
        )
    else:
        assert out == "" and err.splitlines()[-1].startswith("kernelevo: ")


def test_a_search_with_killed_workers_comes_to_the_same_answer(folder: Path) -> None:
    words = ("--evaluations", "9", "--seconds", "600", "--workers", "2", "--json")
    code, out, err = finished(start(folder, "optimize", "grow.cu", *words, "--runs", "whole"))
    assert code == 0, err
    whole = json.loads(out)
    child = start(folder, "optimize", "grow.cu", *words, cache="other")
    with RandomKiller(child.pid, 0.5, 1.5, times=5) as killer:
        code, out, err = finished(child)
    assert killer.killed > 0 and "Traceback" not in err
    for _ in range(3):
        if code == 0:
            break
        assert code == 3 and err.splitlines()[-1].startswith("kernelevo: "), err
        begun = run_folders(folder / "runs")
        again = ("resume", begun[-1].name, "--json") if begun else ("optimize", "grow.cu", *words)
        code, out, err = finished(start(folder, *again, cache="other"))
    assert code == 0, err
    found = json.loads(out)
    assert (found["best_us"], found["baseline_us"], found["checks"]) == (
        whole["best_us"],
        whole["baseline_us"],
        whole["checks"],
    )
    assert _blamed(folder, found["run_id"]) == set()


def _blamed(folder: Path, run_id: str) -> set[Status]:
    with SqliteStore.read(find_run(folder / "runs", run_id)) as store:
        return {attempt.verdict.status for attempt in store.attempts()} - {Status.PASSED, Status.INFRA}
