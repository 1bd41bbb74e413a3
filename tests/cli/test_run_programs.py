"""`kernelevo run scrna` and `run legal` with models that write programs: they are run behind the wall and scored."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("sklearn", reason="the extra `scrna` is not installed")

from cli.conftest import Shell
from python_programs.texts import BROKEN, CENTROIDS, FLAT, THIN_SVD, reply, write_script

from kernelevo.models.scripted import ScriptedModel, read_script
from kernelevo.models.serving import serving

WORDS = ("--levers", "none", "--workers", "1", "--generations", "1", "--json")
PIPELINE = "Change: a few dimensions\n```\nweigh low_rank = 2\nrank = 5\n```\n"
SCRNA = [reply(FLAT, "margins"), reply(BROKEN, "divide"), PIPELINE, reply(THIN_SVD, "a thin SVD"), "No."] * 12
LEGAL = [reply(CENTROIDS, "centroids")] * 40


def steps(shell: Shell, run: str) -> list[dict]:
    file = shell.folder / "runs" / run / "gen_0" / "trajectory.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_programs_and_pipelines_of_a_script_are_accepted_and_scored(shell: Shell, tmp_path: Path) -> None:
    script = write_script(tmp_path / "replies.jsonl", SCRNA)
    code, out, err = shell("run", "scrna", "--model", f"scripted:{script}", *WORDS, "--budget", "evaluations=60")
    assert code == 0, err
    told = json.loads(out)
    # With the own network's extra installed the start asks it, and is hard to better.
    assert told["how"] == "measured" and told["generations"][0]["mean_log2_best"] > 0.12
    rewards = {
        move: [step["reward"] for step in steps(shell, told["run"]) if step["move"].endswith(f": {move}")]
        for move in ("margins", "a thin SVD")
    }
    assert min(rewards["a thin SVD"]) > max(1.08, *rewards["margins"])
    found: dict[str, set[str | None]] = {}
    for step in steps(shell, told["run"]):
        found.setdefault(step["move"].partition(": ")[2] or step["outcome"], set()).add(step["status"])
    assert found["margins"] == found["a thin SVD"] == found["a few dimensions"] == {"passed"}
    assert found["divide"] == {"wrong"} and found["no_code"] == {None}
    assert all(step["reward"] == 0.0 for step in steps(shell, told["run"]) if step["status"] == "wrong")
    prompt = json.dumps(steps(shell, told["run"])[0]["prompt"])
    assert "def denoise(counts, seed):" in prompt and "You make GPU kernels faster" not in prompt


def test_a_program_that_classifies_gains_on_every_task(shell: Shell, tmp_path: Path) -> None:
    script = write_script(tmp_path / "replies.jsonl", LEGAL)
    code, out, err = shell("run", "legal", "--model", f"scripted:{script}", *WORDS, "--budget", "evaluations=40")
    assert code == 0, err
    told = json.loads(out)
    made = [step for step in steps(shell, told["run"]) if step["outcome"] == "made"]
    assert made and {step["status"] for step in made} == {"passed"} and min(step["reward"] for step in made) > 1.3
    report = (shell.folder / "runs" / told["run"] / "gen_0" / "improvement.md").read_text()
    assert told["gain"] == "times less loss" and "speed" not in report and " times as " not in report
    assert report.count(" times less loss") == 1 + len(told["generations"][0]["tasks"])


@pytest.mark.parametrize("kind", ["openai", "vllm"])
def test_a_served_model_writes_programs(shell: Shell, tmp_path: Path, kind: str) -> None:
    pytest.importorskip("openai", reason="the extra `llm` is not installed")
    model = ScriptedModel(read_script(write_script(tmp_path / "replies.jsonl", LEGAL)), name="writer")
    with serving(model) as served:
        words = ("--model", f"{kind}:writer", "--base-url", served.address, *WORDS, "--budget", "evaluations=12")
        code, out, err = shell("run", "legal", *words)
    assert code == 0, err
    told = json.loads(out)
    assert {step["status"] for step in steps(shell, told["run"]) if step["outcome"] == "made"} == {"passed"}
    assert told["models"][0]["calls"] > 0 and model.asked


def test_a_local_model_with_random_weights_writes_none_and_the_run_ends(shell: Shell, tmp_path: Path) -> None:
    for module in ("torch", "transformers", "peft", "safetensors"):
        pytest.importorskip(module, reason="the extra `lora` is not installed")
    from models.tiny_llama import write_tiny_llama

    folder = write_tiny_llama(tmp_path / "tiny-llama", context=32768)
    short = Path(__file__).parent.parent.parent / "harness" / "programs"
    harness = tmp_path / "harness"
    harness.mkdir()
    for file in short.iterdir():
        text = file.read_text().replace("max_tokens = 8192", "max_tokens = 16").replace("replies = 4", "replies = 1")
        (harness / file.name).write_text(text)
    words = ("--model", f"hf:{folder}", "--harness", str(harness), *WORDS, "--budget", "evaluations=12")
    code, out, err = shell("run", "scrna", *words)
    assert code == 0, err
    outcomes = {step["outcome"] for step in steps(shell, json.loads(out)["run"])}
    assert outcomes and outcomes <= {"no_code", "no_function", "truncated", "nothing", "elided"}


def test_our_own_models_go_on_deciding(shell: Shell) -> None:
    code, out, err = shell("run", "scrna", "--model", "prior", *WORDS, "--budget", "evaluations=30")
    assert code == 0, err
    told = steps(shell, json.loads(out)["run"])
    assert told and all(" = " in step["move"] or "(" in step["move"] for step in told if step["outcome"] == "made")


def test_a_run_that_writes_goes_on_from_its_record(shell: Shell, tmp_path: Path) -> None:
    script = write_script(tmp_path / "replies.jsonl", SCRNA)
    model = ("--model", f"scripted:{script}")
    told = json.loads(shell("run", "scrna", *model, *WORDS, "--budget", "evaluations=20")[1])
    code, out, err = shell("run", "--resume", told["run"], "--budget", "evaluations=60", "--generations", "2", "--json")
    assert code == 0, err
    assert json.loads(out)["evaluations"] >= told["evaluations"] > 0
