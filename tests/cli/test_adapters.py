"""`kernelevo adapter info|merge`, as typed by a user."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli.conftest import Shell
from models.tiny_llama import write_tiny_llama

for module in ("torch", "transformers", "peft", "safetensors"):
    pytest.importorskip(module, reason="the extra `lora` is not installed")

from conformance.model import PROMPT  # noqa: E402
from conformance.trainer import drawn, trained  # noqa: E402

from kernelevo.language_model import Sampling  # noqa: E402
from kernelevo.models.hf import HfModel  # noqa: E402


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_llama(tmp_path_factory.mktemp("adapters") / "tiny-llama")


@pytest.fixture(scope="module")
def adapter(base: Path) -> Path:
    model = HfModel(base, device="cpu")
    trainer = model.trainer(None, 4, 0)
    asked, replies = drawn(model, [PROMPT])
    trained(trainer, asked, replies, steps=2)
    trainer.save(base.parent / "adapter")
    return base.parent / "adapter"


def test_an_adapter_is_described_from_its_files(shell: Shell, base: Path, adapter: Path) -> None:
    code, out, err = shell("adapter", "info", str(adapter), "--json")
    told = json.loads(out)
    assert code == 0, err
    # Seven linear modules in each of two layers; 4 * (inputs + outputs) parameters each.
    assert (told["base"], told["rank"], told["modules"]) == ("hf:tiny-llama", 4, 14)
    assert told["parameters"] == 2 * 4 * ((32 + 32) * 2 + (32 + 16) * 2 + (32 + 64) * 3)
    assert told["change"] == pytest.approx(_change(adapter), rel=1e-6) and told["change"] > 0
    assert "LoRA of rank 4" in shell("adapter", "info", str(adapter))[1]


def _change(adapter: Path) -> float:
    from safetensors.torch import load_file

    tensors = load_file(adapter / "adapter_model.safetensors")
    names = [name for name in tensors if ".lora_A." in name]
    squares = [(tensors[name.replace("_A.", "_B.")].double() @ tensors[name].double()).square().sum() for name in names]
    return float(sum(squares)) ** 0.5


def test_a_merged_model_says_what_the_model_with_its_adapter_says(
    shell: Shell, base: Path, adapter: Path, tmp_path: Path
) -> None:
    words = ("adapter", "merge", str(adapter), "--model", f"hf:{base}", "--out", str(tmp_path / "merged"))
    code, _, err = shell(*words)
    assert code == 0, err
    assert sorted(tmp_path.glob(".*")) == []
    merged, with_adapter = HfModel(tmp_path / "merged", device="cpu"), HfModel(base, device="cpu")
    cold = Sampling(12, 0.0)
    plain = with_adapter.sample(PROMPT, 1, cold, 30.0)[0].text
    from kernelevo.models.adapter_files import adapter_in

    with_adapter.load_adapter(adapter_in(adapter, "mine"))
    told = with_adapter.sample(PROMPT, 1, cold, 30.0)[0].text
    assert merged.sample(PROMPT, 1, cold, 30.0)[0].text == told != plain
    code, _, err = shell(*words)
    assert code == 2 and "is there already" in err


@pytest.mark.parametrize(
    "words, reason",
    [
        (["info", "nowhere"], "holds no adapter"),
        (["merge", "nowhere", "--model", "openai:x", "--out", "o"], "write hf:FOLDER"),
        (["merge", "nowhere", "--model", "hf:BASE", "--out", "o"], "holds no adapter"),
    ],
)
def test_what_is_no_adapter_is_bad_input(shell: Shell, base: Path, words: list[str], reason: str) -> None:
    code, _, err = shell("adapter", *(word.replace("BASE", str(base)) for word in words))
    assert code == 2 and reason in err
    assert not (shell.folder / "o").exists()
