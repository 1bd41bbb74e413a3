"""The weights lever over a local model: what every lever keeps, and that it makes rewarded replies likelier."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

for module in ("torch", "transformers", "peft", "safetensors"):
    pytest.importorskip(module, reason="the extra `lora` is not installed")

import torch  # noqa: E402
from conformance.lever import Given, LeverContract, ListedRecord, drafted, step_of  # noqa: E402
from models.tiny_llama import write_tiny_llama  # noqa: E402

from kernelevo.language_model import Message, Prompt, Reply, Sampling  # noqa: E402
from kernelevo.learning import PolicyVersion, Step  # noqa: E402
from kernelevo.levers.weights.lever import WeightsLever  # noqa: E402
from kernelevo.levers.weights.settings import LARGE  # noqa: E402
from kernelevo.models.hf import HfModel  # noqa: E402

POLICY = PolicyVersion("hf:tiny-llama", "harness", "")
SETTINGS = replace(LARGE, rank=4, learning_rate=2e-3, least=4, objective="grpo", epochs=3, kl_weight=0.0)
PROMPTS = [Prompt((Message("user", text),)) for text in ("left", "right")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_llama(tmp_path_factory.mktemp("lever") / "tiny-llama")


def worth(reply: Reply) -> float:
    """Something that replies of random weights differ in: how many different letters they have."""
    return 1.0 + len(set(reply.text))


def steps_of(model: HfModel) -> list[Step]:
    steps: list[Step] = []
    for turn, prompt in enumerate(PROMPTS):
        for reply in model.sample(prompt, 4, Sampling(8, 1.0, log_probabilities=True), 30.0):
            step = step_of(len(steps), prompt, reply.text, worth(reply), POLICY, turn=turn)
            steps.append(replace(step, reply=reply))
    return steps


class TestWeightsLeverOverHf(LeverContract):
    @pytest.fixture
    def lever(self, folder: Path) -> WeightsLever:
        return WeightsLever(HfModel(folder, device="cpu"), SETTINGS)

    @pytest.fixture
    def given(self, folder: Path, tmp_path: Path) -> Given:
        harness = tmp_path / "harness"
        harness.mkdir()
        return Given(ListedRecord([steps_of(HfModel(folder, device="cpu"))]), POLICY, harness)


def test_better_replies_become_likelier_than_worse_ones(folder: Path, tmp_path: Path) -> None:
    model = HfModel(folder, device="cpu")
    steps = steps_of(model)
    change = drafted(WeightsLever(model, SETTINGS), Given(ListedRecord([steps]), POLICY, tmp_path), tmp_path / "into")
    assert change.details["recorded_apart"] == pytest.approx(0.0, abs=1e-3)
    assert change.details["kl_before"] > 0
    from kernelevo.models.adapter_files import adapter_in

    trainer = model.trainer(adapter_in(tmp_path / "into", "mine"), 4, 0)
    with torch.no_grad():
        scores = trainer.score([step.prompt for step in steps], [step.reply for step in steps])
    moved = ((scores.log_probabilities - scores.base) * scores.mask).sum(1) / scores.mask.sum(1)
    for turn in (0, 1):
        rows = [row for row, step in enumerate(steps) if step.turn == turn]
        best = max(rows, key=lambda row: steps[row].reward)
        worst = min(rows, key=lambda row: steps[row].reward)
        assert moved[best] > moved[worst]
