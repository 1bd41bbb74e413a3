"""`kernelevo run` and `study arms` with the agents that domains bring along, on the samples that are made here."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from cli.conftest import Shell

pytest.importorskip("sklearn", reason="the extras `legal` and `scrna` are not installed")
pytest.importorskip("torch", reason="the extra `lora` is not installed")
pytest.importorskip("peft", reason="the extra `lora` is not installed")

import pandas

from kernelevo import joining_backends
from kernelevo.backends.legal import data as legal_data
from kernelevo.backends.legal.backend import ChargeAgent
from kernelevo.backends.legal.data import sample as cases_sample
from kernelevo.backends.scrna.data import OTHER_KINDS, sample
from kernelevo.learning import folder_key
from kernelevo.learning_interfaces import Fitted
from kernelevo.levers.harness.pipelines import PipelineDrafter
from kernelevo.stores.folders import run_folders

SMALL = ("--generations", "1", "--budget", "evaluations=260", "--workers", "1")

FEW = cases_sample(12, 40)


@pytest.fixture(autouse=True)
def few_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs read their cases again and again: what is tested here needs no more of them."""
    monkeypatch.setattr(legal_data, "sample", lambda: FEW)


@pytest.mark.parametrize("domain", ["scrna", "legal"])
def test_both_levers_are_drafted_and_judged_and_what_is_kept_can_be_gone_on_with(shell: Shell, domain: str) -> None:
    code, out, err = shell("run", domain, *SMALL, "--json")
    assert code == 0, err
    run = json.loads(out)
    assert run["model"] == "own" and run["how"] == "measured"
    (generation,) = run["generations"]
    assert generation["decision"]["levers"] == ["harness", "weights"]
    folder = shell.folder / "runs" / run["run"]
    written = (folder / "changes" / "g0-harness" / "pipelines" / f"{domain}.txt").read_text()
    assert written.startswith("weigh ") and "network" not in [line.split(" = ")[0] for line in written.splitlines()]
    assert (folder / "changes" / "g0-weights" / "adapter_model.safetensors").is_file()
    adapter = str(folder / "changes" / "g0-weights")
    words = ("--levers", "none", "--adapter", adapter, "--generations", "1", "--budget", "evaluations=30")
    code, out, err = shell("run", domain, *words, "--workers", "1", "--json")
    assert code == 0, err
    again = json.loads(out)
    assert "network = " in (shell.folder / "runs" / again["run"] / "gen_0" / "trajectory.jsonl").read_text()


def test_a_run_that_dies_between_two_drafts_of_one_gate_comes_to_the_same(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The harness is drafted once; what the adapter is trained behind is read from the record."""
    code, out, err = shell("run", "legal", *SMALL, "--seed", "3", "--json")
    assert code == 0, err
    whole = shell.folder / "runs" / json.loads(out)["run"] / "changes"
    behind = []

    def dies(agent: ChargeAgent, text: str, adapter: Path | None, into: Path, *rest: object) -> Fitted:
        behind.append(text)
        (into / "half-written").write_text("")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ChargeAgent, "fit", dies)
        assert shell("run", "legal", *SMALL, "--seed", "3")[0] == 130
    (folder,) = (each for each in run_folders(shell.folder / "runs") if each != whole.parent)
    drafted = (folder / "changes" / "g0-harness" / "pipelines" / "legal.txt").read_bytes()
    first = drafted.decode().partition("---\n")[0]  # of the pipelines that it lists
    assert [text.strip() for text in behind] == [first.strip()]
    assert (folder / "changes" / "g0-weights" / "half-written").exists()
    with monkeypatch.context() as patch:
        patch.setattr(PipelineDrafter, "draft", lambda *rest: pytest.fail("drafted twice"))
        code, out, err = shell("resume", folder.name, "--json")
    assert code == 0, err
    for lever in ("harness", "weights"):
        assert folder_key(folder / "changes" / f"g0-{lever}") == folder_key(whole / f"g0-{lever}")


def test_a_domain_without_an_agent_and_an_adapter_that_is_none_are_said(shell: Shell, tmp_path: Path) -> None:
    code, _, err = shell("run", "scripted", "--model", "own")
    assert code == 2 and "brings no agent of its own" in err
    code, _, err = shell("run", "scrna", "--evolver", "prior")
    assert code == 2 and "--evolver" in err
    code, _, err = shell("run", "scrna", "--adapter", str(tmp_path))
    assert code == 2 and "peft's format" in err


def test_where_training_is_not_installed_the_extra_is_said(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining_backends, "brings_agent", lambda name: False)
    code, _, err = shell("run", "legal", "--model", "own")
    assert code == 2 and "the agent of legal needs torch and peft: pip install 'kernelevo[lora]'" in err


def test_a_run_or_study_goes_on_with_the_same_data_alone(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other cells are dealt to the splits otherwise, and make another base."""
    words = ("--seeds", "1", "--learning", "0", "--test", "2", "--generations", "1", "--workers", "1")
    code, _, err = shell("study", "arms", "scrna", "--arms", "base", *words)
    assert code == 0, err
    code, _, err = shell("run", "scrna", "--levers", "none", "--generations", "1", "--budget", "evaluations=20")
    assert code == 0, err
    source = sample(kinds=OTHER_KINDS + 1)
    table = pandas.DataFrame(source.counts.toarray(), columns=list(source.genes or ()))
    table.to_csv(tmp_path / "source.csv")
    monkeypatch.setenv("KERNELEVO_SCRNA_SOURCE", str(tmp_path / "source.csv"))
    for resumed in (("study", "arms", "--resume"), ("resume",)):
        name = sorted(each.name for each in (shell.folder / "runs").iterdir())[0 if "study" in resumed else -1]
        code, _, err = shell(*resumed, name)
        assert code == 2 and "was begun on other data of scrna" in err, err


def test_a_harness_s_pipeline_that_is_none_is_said_before_anything_is_judged(shell: Shell, tmp_path: Path) -> None:
    harness = tmp_path / "mine"
    shutil.copytree(Path(__file__).parents[2] / "harness" / "default", harness)
    (harness / "pipelines").mkdir(exist_ok=True)
    (harness / "pipelines" / "legal.txt").write_text("weigh magic = 1\n")
    code, out, err = shell("run", "legal", *SMALL, "--harness", str(harness))
    assert code == 2 and "the harness's pipeline is none: line 1: 'magic'" in err and "evaluations on" not in out


def test_a_study_says_official_and_audit_figures_of_every_arm(shell: Shell) -> None:
    words = ("study", "arms", "legal", "--arms", "base,H,by_hand", "--seeds", "1", "--learning", "120", "--test", "5")
    code, out, err = shell(*words, "--generations", "1", "--workers", "1", "--json")
    assert code == 0, err
    told = json.loads(out)
    rows = {row["arm"]: row for row in told["figures"]["arms"]}
    assert set(rows) == {"base", "harness", "by_hand"}
    assert rows["by_hand"]["first"]["accuracy"]["mean"] > rows["base"]["first"]["accuracy"]["mean"]
    for row in rows.values():
        assert all(0 < row[kind]["accuracy"]["mean"] <= 1 for kind in ("first", "found", "audited"))
    code, out, _ = shell("study", "show", "last")
    assert code == 0 and "what the policy writes first, nothing chosen, judged anew:" in out and "by the audit" in out
    assert "Figures beside the reward" in Path(told["page"]).read_text()
