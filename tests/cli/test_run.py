"""`kernelevo run`: the loop as a person types it, on the scripted backend."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.conftest import Shell

import kernelevo
from kernelevo.initialise import samples_folder
from kernelevo.loop.record import ROUND, VERDICT
from kernelevo.models.recorded import REPLIED
from kernelevo.stores.folders import run_folders
from kernelevo.stores.sqlite import SqliteStore

ROOT = Path(kernelevo.__file__).parent.parent
WORDS = ("run", "scripted", "--model", "prior", "--levers", "harness", "--workers", "1")
SHORT = (*WORDS, "--generations", "1", "--budget", "evaluations=250", "--json")
LONG = (*WORDS, "--generations", "2", "--budget", "evaluations=500", "--seed", "4")


def test_a_run_says_first_what_it_runs_on_and_then_what_it_came_to(shell: Shell) -> None:
    code, out, err = shell(*[word for word in SHORT if word != "--json"])
    assert code == 0, err
    first, second, *rest = out.splitlines()
    assert first.startswith("backend scripted on scripted (modelled), model prior: no weights")
    assert "given by --model" in first and "levers: harness; budget: 250 evaluations" in second
    assert any(line.startswith("generation 0: harness: harness was not tried yet") for line in rest)
    assert any(line.startswith("kept: harness ") for line in rest) and rest[-1].startswith("ended: ")


def test_json_is_one_object_and_the_record_says_the_same(shell: Shell) -> None:
    code, out, _ = shell(*SHORT)
    told = json.loads(out)
    assert code == 0 and told["evaluations"] <= 250 and not told["paused"] and told["ended"]
    (generation,) = told["generations"]
    assert generation["decision"]["levers"] == ["harness"] and generation["coverage"] == 1.0
    shown = json.loads(shell("runs", "show", "last", "--json")[1])
    for name in ("run", "task", "model", "generations", "policy", "ended", "evaluations", "accepted"):
        assert shown[name] == told[name]
    (row,) = json.loads(shell("runs", "list", "--json")[1])
    assert (row["task"], row["evaluations"], row["state"]) == ("scripted (loop)", told["evaluations"], told["ended"])
    assert "generation 0: " in shell("runs", "show", "last")[1]


def test_a_generation_is_exported(shell: Shell) -> None:
    told = json.loads(shell(*SHORT)[1])
    folder = shell.folder / "runs" / told["run"]
    place = folder / "gen_0"
    names = {file.name for file in place.iterdir()}
    expected = {"policy.json", "trajectory.jsonl", "decision.json", "gate.json", "improvement.md", "metrics.json"}
    assert expected | {"harness"} == names
    steps = [json.loads(line) for line in (place / "trajectory.jsonl").read_text().splitlines()]
    assert len(steps) == told["generations"][0]["metrics"]["replies"]
    assert all(step["prompt"]["messages"] and step["policy"]["harness"] for step in steps)
    gate = json.loads((place / "gate.json").read_text())
    assert gate["lever"] == "harness" and gate["patch"] and gate["before"] != gate["after"]
    assert (folder / "harness" / "decisions.toml").exists()
    report = (place / "improvement.md").read_text()
    found = f"{2 ** told['generations'][0]['mean_log2_best']:.2f} {told['gain']} in the geometric mean"
    assert "# Generation 0" in report and f"tasks, against their starts: {found}." in report


def test_the_same_seed_gives_the_same_run(shell: Shell) -> None:
    one, two = (json.loads(shell(*SHORT, "--seed", "3", "--runs", name)[1]) for name in ("a", "b"))
    other = json.loads(shell(*SHORT, "--seed", "4", "--runs", "c")[1])
    assert comparable(one) == comparable(two) != comparable(other)


def comparable(told: dict) -> str:
    plain = json.loads(json.dumps(told))
    for generation in plain["generations"]:
        generation.pop("left")
    return json.dumps([plain["generations"], plain["policy"], plain["ended"], plain["evaluations"]])


CHILD = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from kernelevo.cli import main; sys.exit(main(sys.argv[1:]))"


@pytest.fixture
def children() -> Iterator[list[subprocess.Popen]]:
    found: list[subprocess.Popen] = []
    yield found
    for child in found:
        child.kill()
        child.wait()


def start(shell: Shell, children: list[subprocess.Popen], *words: str) -> subprocess.Popen:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    children.append(subprocess.Popen([sys.executable, "-c", CHILD, *words], cwd=shell.folder, text=True, **pipes))
    return children[-1]


def count(folder: Path, kind: str) -> int:
    with SqliteStore.read(folder) as store:
        return len(store.notes(kind))


def wait_for(runs: Path, kind: str, many: int) -> Path:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for folder in run_folders(runs):
            try:
                if count(folder, kind) >= many:
                    return folder
            except kernelevo.KernelevoError:
                continue  # it has not begun
        time.sleep(0.02)
    raise AssertionError(f"no run in {runs} came to {many} notes {kind}")


def test_a_run_killed_three_times_loses_nothing_and_comes_to_the_same(
    shell: Shell, children: list[subprocess.Popen]
) -> None:
    whole = json.loads(shell(*LONG, "--json", "--runs", "whole")[1])
    child = start(shell, children, *LONG, "--json")
    for many in (3, 14, 30):
        folder = wait_for(shell.folder / "runs", ROUND, many)
        child.send_signal(signal.SIGKILL)
        child.communicate()
        kept = {kind: count(folder, kind) for kind in (ROUND, VERDICT, REPLIED)}
        assert kept[ROUND] >= many
        child = start(shell, children, "run", "--resume", folder.name, "--json")
    out, err = child.communicate(timeout=120)
    assert child.returncode == 0, err
    assert comparable(json.loads(out)) == comparable(whole)
    (other,) = run_folders(shell.folder / "whole")
    for kind in (VERDICT, REPLIED):
        assert count(folder, kind) == count(other, kind), "what was paid for is neither lost nor paid for again"


def test_a_run_that_is_stopped_says_how_it_goes_on(shell: Shell, children: list[subprocess.Popen]) -> None:
    child = start(shell, children, *LONG)
    folder = wait_for(shell.folder / "runs", ROUND, 4)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=30)
    assert child.returncode == 130 and f"kernelevo run --resume {folder.name}" in err
    code, out, err = shell("resume", folder.name)
    assert code == 0 and f"as run {folder.name} began" in out, err


def test_a_larger_budget_goes_on_where_the_old_one_ended(shell: Shell) -> None:
    words = ("run", "scripted", "--model", "uniform", "--levers", "none", "--workers", "1", "--generations", "2")
    told = json.loads(shell(*words, "--budget", "evaluations=60,seconds=600", "--json")[1])
    assert told["evaluations"] <= 60 and len(told["generations"]) == 2
    code, _, err = shell("run", "scripted", "--resume", told["run"])
    assert code == 2 and "leave scripted out" in err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["run"], "name what the loop is to run on: kernels, legal, scrna, scripted"),
        (["run", "nothing"], "there is no backend 'nothing'"),
        (["run", "scripted", "--levers", "all"], "--levers 'all' is none of"),
        (["run", "scripted", "--model", "prior", "--levers", "weights"], "no weights that can be trained"),
        (["run", "scripted", "--model", "prior", "--budget", ","], "names no limit"),
        (["run", "scripted", "--model", "prior", "--levers", "none", "--budget", "evals=3"], "no such limit"),
        (["run", "scripted", "--model", "prior", "--levers", "harness", "--budget", "evaluations=30"], "not suffice"),
        (["run", "scripted", "--model", "nonsense", "--levers", "none"], "names no model"),
        (["run", "scripted", "--model", "prior", "--levers", "none", "--generations", "0"], "--generations 0"),
        (["run", "scripted", "--model", "prior", "--levers", "none", "--gap", "0"], "--gap 0"),
        (["run", "scripted", "--model", "prior", "--levers", "none", "--harness", "/nowhere"], "/nowhere"),
        (["run", "scripted", "--model", "prior", "--levers", "none", "--adapter", "/nowhere"], "no adapters"),
        (["run", "--resume", "last"], "there is no run 'last'"),
    ],
)
def test_what_cannot_be_used_is_said_before_anything_is_recorded(
    shell: Shell, words: list[str], sentence: str
) -> None:
    code, _, err = shell(*words)
    assert code == 2 and sentence in err and "Traceback" not in err
    assert not run_folders(shell.folder / "runs")


@pytest.mark.parametrize("words", [("--model", "tiny"), ("--seed", "9"), ("--levers", "none"), ("--harness", "/no")])
def test_what_a_resumed_run_would_leave_aside_is_refused(shell: Shell, words: tuple[str, str]) -> None:
    code, _, err = shell("run", "--resume", "last", *words)
    assert code == 2 and f"leave {words[0]} out" in err and "--budget, --generations" in err
    code, _, err = shell("study", "arms", "--resume", "last", "--seeds", "9")
    assert code == 2 and "leave --seeds out" in err


def test_of_a_model_without_weights_auto_is_the_harness(shell: Shell) -> None:
    words = ("run", "scripted", "--model", "prior", "--workers", "1", "--generations", "1")
    code, out, err = shell(*words, "--budget", "evaluations=250")
    assert code == 0 and "levers: harness; budget" in out + err, err


def write_default(shell: Shell) -> Path:
    place = shell.folder / "mine"
    shutil.copytree(samples_folder() / "harness" / "default", place)
    return place


def test_a_harness_of_unknown_rules_is_refused_before_anything_is_recorded(shell: Shell) -> None:
    decisions = write_default(shell) / "decisions.toml"
    decisions.write_text(decisions.read_text().replace("[rules]", "[rules]\nscripted.no = { on = true, bias = 0.0 }"))
    code, _, err = shell(*SHORT, "--harness", "mine")
    assert code == 2 and "scripted.no is no rule" in err and not run_folders(shell.folder / "runs")


def test_hidden_files_beside_a_harness_are_not_taken_along(shell: Shell) -> None:
    place = write_default(shell)
    (place / ".#system.md").symlink_to("somebody@somewhere.123")  # an editor's lock
    (place / ".git").mkdir()
    os.mkfifo(place / ".git" / "pipe")
    code, out, err = shell(*WORDS[:-4], "--levers", "none", "--generations", "1", "--harness", "mine", "--json",
                           "--budget", "evaluations=20", "--workers", "1")  # fmt: skip
    assert code == 0, err
    start = shell.folder / "runs" / json.loads(out)["run"] / "start" / "harness"
    assert (start / "system.md").exists() and not list(start.rglob(".*"))


def test_a_pipe_in_a_file_s_place_is_said_and_not_waited_for(shell: Shell) -> None:
    manifest = write_default(shell) / "manifest.toml"
    manifest.unlink()
    os.mkfifo(manifest)
    code, _, err = shell(*SHORT, "--harness", "mine")
    assert code == 2 and "is no plain file" in err


def script(shell: Shell, name: str, *replies: str) -> str:
    shell.write(name, "".join(f"{json.dumps({'text': text})}\n" for text in replies))
    return f"scripted:{name}"


def test_a_language_model_decides_and_its_tokens_and_nonsense_are_counted(shell: Shell) -> None:
    model = script(shell, "m.jsonl", *["widen(copy) = 4", "fuse(everything)", "I would rather not", "stop"] * 8)
    words = ("run", "scripted", "--model", model, "--levers", "none", "--generations", "1", "--workers", "1")
    told = json.loads(shell(*words, "--budget", "evaluations=30", "--json")[1])
    (generation,) = told["generations"]
    outcomes = generation["metrics"]["outcomes"]
    assert {"made", "illegal", "unreadable", "stopped"} <= outcomes.keys()
    folder = shell.folder / "runs" / told["run"]
    steps = [json.loads(line) for line in (folder / "gen_0" / "trajectory.jsonl").read_text().splitlines()]
    worth = {step["outcome"]: step["reward"] for step in steps if step["depth"] == 0}
    assert worth["illegal"] == worth["unreadable"] == 0.0 and worth["stopped"] == 1.0
    left = generation["left"]
    assert left["tokens"] is None
    again = json.loads(shell(*words, "--budget", "evaluations=30,tokens=900", "--json", "--runs", "b")[1])
    assert again["generations"][0]["left"]["tokens"] >= 0
    assert again["generations"][0]["metrics"]["replies"] < generation["metrics"]["replies"]


def test_an_evolver_drafts_the_change_on_a_record_of_its_own(shell: Shell) -> None:
    edit = {
        "kind": "replace", "file": "decisions.toml", "anchor": "temperature = 1.0", "text": "temperature = 0.5",
        "reason": "decide more firmly",
    }  # fmt: skip
    evolver = script(shell, "e.jsonl", *[json.dumps({"reflection": "r", "notes": "", "edits": [edit]})] * 2)
    told = json.loads(shell(*SHORT, "--evolver", evolver)[1])
    (change,) = told["generations"][0]["changes"]
    assert change["drafted"] and "+temperature = 0.5" in change["patch"]
    with SqliteStore.read(shell.folder / "runs" / told["run"] / "evolver") as store:
        assert store.notes(REPLIED)
    with SqliteStore.read(shell.folder / "runs" / told["run"]) as store:
        asked = [store.kept(key) for note in store.notes("model_asked") for _, key in note["messages"]]
    assert not [text for text in asked if "decide more firmly" in text]


def test_a_judge_is_recorded_beside_the_run_and_told_of_with_the_metrics(shell: Shell) -> None:
    """A policy over decisions loads no skill, so that there is nothing to be asked; what there is is on record."""
    told = json.loads(shell(*SHORT, "--judge", script(shell, "j.jsonl", "yes"), "--json")[1])
    folder = shell.folder / "runs" / told["run"]
    metrics = json.loads((folder / "gen_0" / "metrics.json").read_text())
    assert (metrics["judged_following"]["asked"], metrics["judged_following"]["judge"]) == (0, "scripted:j.jsonl")
    assert (folder / "judge" / "run.db").exists()
    code, _, err = shell(*SHORT, "--judge", "nonsense")
    assert code == 2 and "nonsense" in err


def test_a_run_that_goes_on_is_not_said_to_be_stopped(shell: Shell, children: list[subprocess.Popen]) -> None:
    child = start(shell, children, *LONG)
    folder = wait_for(shell.folder / "runs", ROUND, 4)
    child.send_signal(signal.SIGSTOP)
    shown, listed = shell("runs", "show", folder.name)[1], shell("runs", "list")[1]
    child.send_signal(signal.SIGCONT)
    assert "it is running" in shown and "it is running" in listed and "stopped" not in shown + listed
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=30)
    assert "it was stopped; go on with" in shell("runs", "show", folder.name)[1]
