"""The conformance suite of trainers on the embedded model."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from conformance.trainer import TrainerContract
from tiny.observations import GRAMMAR, OPTIONS, observation

pytest.importorskip("torch", reason="the extra `lora` is not installed")
pytest.importorskip("peft", reason="the extra `lora` is not installed")

from kernelevo.decisions import STOP, decision_prompt
from kernelevo.language_model import Prompt
from kernelevo.learning_interfaces import TrainableModel
from kernelevo.models.tiny.model import TinyModel


class TestTiny(TrainerContract):
    @pytest.fixture
    def model(self) -> TrainableModel:
        return TinyModel.fresh(GRAMMAR, seed=7)

    @pytest.fixture
    def prompts(self) -> Sequence[Prompt]:
        return [
            decision_prompt(observation(occupancy=0.2)),
            decision_prompt(observation(biases={OPTIONS[2]: 1.0}, words=())),
            decision_prompt(observation(STOP, *OPTIONS[3:], moves=(OPTIONS[1],))),
        ]
