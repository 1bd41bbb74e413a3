"""`kernelevo optimize --model hf:FOLDER`: a local model with random weights proposes nothing of use, and the search
says so and goes on.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli.conftest import Shell
from models.tiny_llama import write_tiny_llama

for module in ("torch", "transformers", "peft", "safetensors"):
    pytest.importorskip(module, reason="the extra `lora` is not installed")

FAST = ("--workers", "1", "--evaluations", "6")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_llama(tmp_path_factory.mktemp("local") / "tiny-llama", context=32768)


def test_a_local_model_is_asked_and_what_it_says_is_recorded(shell: Shell, folder: Path) -> None:
    words = ("--model", f"hf:{folder}", "--call-seconds", "1", *FAST)
    code, out, err = shell("optimize", "twice.cu", *words)
    assert code == 0, err
    assert "model hf:tiny-llama (on cpu: torch sees no other) proposes" in out and str(folder.parent) not in out
    told = json.loads(shell("runs", "show", "last", "--json")[1])["model"]
    assert told["name"] == "hf:tiny-llama" and told["replies"] == told["without_program"] > 0
    assert told["prompt_tokens"] > 100 and told["completion_tokens"] > 0 and not told["estimated"]


def test_a_model_whose_context_is_too_short_is_left_alone(shell: Shell, tmp_path: Path) -> None:
    small = write_tiny_llama(tmp_path / "small", context=64)
    code, _, err = shell("optimize", "twice.cu", "--model", f"hf:{small}", *FAST)
    assert code == 0, err


@pytest.mark.parametrize(
    "more, words",
    [
        (["--base-url", "http://127.0.0.1:1/v1"], "a local model is a folder"),
        (["--adapter", "nowhere"], "holds no adapter"),
    ],
)
def test_what_a_local_model_cannot_have_is_bad_input(shell: Shell, folder: Path, more: list[str], words: str) -> None:
    code, _, err = shell("optimize", "twice.cu", "--model", f"hf:{folder}", *more)
    assert code == 2 and words in err


def test_a_folder_that_is_none_is_bad_input(shell: Shell) -> None:
    code, _, err = shell("optimize", "twice.cu", "--model", "hf:nowhere")
    assert code == 2 and "holds no model of transformers" in err
