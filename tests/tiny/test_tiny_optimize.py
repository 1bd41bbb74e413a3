"""`kernelevo optimize --model tiny` on the real parts: the shipped base decides, the record holds what it was asked."""

from __future__ import annotations

import json
import shutil
from importlib import util
from pathlib import Path

import pytest

from kernelevo.cli import main
from kernelevo.decisions import read_decision, read_observation
from kernelevo.errors import BadInput
from kernelevo.models.recorded import ASKED, READ, REPLIED
from kernelevo.settings import ModelRequest
from kernelevo.stores.folders import run_folders
from kernelevo.stores.sqlite import SqliteStore

KERNELS = Path(__file__).parent.parent.parent / "kernels"
CASE = ("--case", "rows=256,cols=256")
SMALL = ("--model", "tiny", "--only-model", "--workers", "1", "--seconds", "90")


@pytest.fixture
def kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder with the shipped kernels in it."""
    shutil.copytree(KERNELS, tmp_path / "kernels")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_finds_a_faster_kernel_alone_and_goes_on_from_its_record(
    kernels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="the extra `lora` is not installed")
    pytest.importorskip("peft", reason="the extra `lora` is not installed")
    assert main(["optimize", "kernels/softmax.cu", *CASE, *SMALL, "--evaluations", "6"]) == 0
    told = capsys.readouterr()
    assert "model tiny decides, at most 200,000 tokens, free of cost; trained on" in told.out
    (folder,) = run_folders(kernels / "runs")
    before = notes(folder)
    assert main(["resume", folder.name, "--evaluations", "10", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["improved"] and result["speedup"] > 1.5
    assert result["model"]["cost"] == 0.0 and result["model"]["prompt_tokens"] > 0
    after = notes(folder)
    assert before and after[: len(before)] == before
    assert_recorded(folder)


def notes(folder: Path) -> list[object]:
    with SqliteStore.read(folder) as store:
        return [note["prompt"] for note in store.notes(ASKED)]


def assert_recorded(folder: Path) -> None:
    """Every question is an observation, every answer one of its options, with log-probabilities."""
    with SqliteStore.read(folder) as store:
        shown = {note["number"]: store.kept(note["messages"][-1][1]) for note in store.notes(ASKED)}
        outcomes = {note["number"]: note["outcomes"] for note in store.notes(READ)}
        assert shown and len(store.notes(REPLIED)) == len(shown)
        for note in store.notes(REPLIED):
            options = {option.decision for option in read_observation(shown[note["number"]]).options}
            assert {read_decision(store.kept(reply["text"])) for reply in note["replies"]} <= options
            assert all(reply["tokens"] is not None and reply["cost"] == 0.0 for reply in note["replies"])
            assert set(outcomes[note["number"]]) <= {"program", "stop"}


def test_what_it_cannot_decide_on_is_refused(kernels: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("triton", reason="the extra `triton` is not installed")
    assert main(["optimize", "kernels/softmax.triton.py", *CASE, *SMALL]) == 2
    assert "decides on rules, and these do not read Triton" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"name": "tiny:big"}, "names no model; write .* or tiny"),
        ({"name": "tiny", "base_url": "http://localhost:1/v1"}, "the embedded model is no server"),
        ({"name": "tiny", "price": (1.0, 1.0)}, "the embedded model is no server"),
        ({"name": "scripted:a", "adapter": "mine"}, "--adapter goes with"),
    ],
)
def test_options_that_it_does_not_have_are_refused(given: dict[str, object], why: str) -> None:
    with pytest.raises(BadInput, match=why):
        ModelRequest(**given)  # type: ignore[arg-type]


def test_a_missing_extra_is_one_sentence(
    kernels: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    heavy = ("torch", "peft", "safetensors")
    monkeypatch.setattr(util, "find_spec", lambda name, found=util.find_spec: None if name in heavy else found(name))
    assert main(["optimize", "kernels/softmax.cu", *CASE, *SMALL]) == 2
    told = capsys.readouterr().err
    assert 'install them with `pip install "kernelevo[lora]"`' in told and "Traceback" not in told
    assert not (kernels / "runs").exists()
