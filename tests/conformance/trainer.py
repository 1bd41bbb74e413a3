"""What every TrainableModel and its AdapterTrainer keep. Subclass `TrainerContract` with the fixtures `model` and
`prompts`: at least three different questions that it can answer, in replies of different lengths where it has such.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from kernelevo.errors import BadInput
from kernelevo.language_model import Adapter, Prompt, Reply, Sampling
from kernelevo.learning import folder_key
from kernelevo.learning_interfaces import AdapterTrainer, TrainableModel

RANK = 4
SAMPLING = Sampling(12, temperature=1.0, log_probabilities=True)
SECONDS = 60.0
TOLERANCE = 1e-4
"""Nats a token: the same network, in other batches."""


class TrainerContract:
    rank = RANK

    def test_a_fresh_adapter_changes_nothing(self, model: TrainableModel, prompts: Sequence[Prompt]) -> None:
        asked, replies = drawn(model, prompts)
        scores = model.trainer(None, self.rank, 0).score(asked, replies)
        assert scores.mask.any()
        apart = (scores.log_probabilities - scores.base)[scores.mask]
        assert apart.abs().max().item() == pytest.approx(0.0, abs=1e-6)

    def test_scores_are_those_that_were_told_when_it_was_drawn(
        self, model: TrainableModel, prompts: Sequence[Prompt]
    ) -> None:
        asked, replies = drawn(model, prompts)
        assert_scored(model.trainer(None, self.rank, 0), asked, replies)

    def test_scores_can_be_under_another_temperature(self, model: TrainableModel, prompts: Sequence[Prompt]) -> None:
        asked, replies = drawn(model, prompts, Sampling(12, temperature=0.7, log_probabilities=True))
        assert_scored(model.trainer(None, self.rank, 0, temperature=0.7), asked, replies)
        with pytest.raises(AssertionError):
            assert_scored(model.trainer(None, self.rank, 0), asked, replies)

    def test_there_is_a_score_for_every_token_and_a_value_for_every_prompt(
        self, model: TrainableModel, prompts: Sequence[Prompt]
    ) -> None:
        asked, replies = drawn(model, prompts)
        scores = model.trainer(None, self.rank, 0).score(asked, replies)
        assert scores.mask.sum(1).tolist() == [len(reply.tokens or ()) for reply in replies]
        assert scores.log_probabilities.shape == scores.base.shape == scores.mask.shape
        assert tuple(scores.values.shape) == (len(replies),)
        assert not scores.base.requires_grad

    def test_the_gradient_flows_into_the_adapter_and_nowhere_else(
        self, model: TrainableModel, prompts: Sequence[Prompt]
    ) -> None:
        asked, replies = drawn(model, prompts)
        trainer = model.trainer(None, self.rank, 0)
        before = trainer.score(asked, replies)
        trained(trainer, asked, replies, steps=2)
        after = trainer.score(asked, replies)
        assert (after.base == before.base).all()
        moved = (after.log_probabilities - before.log_probabilities)[before.mask]
        assert moved.abs().max().item() > 10 * TOLERANCE
        assert (after.values != before.values).any()

    def test_what_is_drawn_is_not_changed_by_training(self, model: TrainableModel, prompts: Sequence[Prompt]) -> None:
        asked, replies = drawn(model, prompts)
        trained(model.trainer(None, self.rank, 0), asked, replies, steps=2)
        again, fresh = drawn(model, prompts)
        assert_scored(model.trainer(None, self.rank, 0), again, fresh)

    def test_an_adapter_comes_back_from_its_files(
        self, model: TrainableModel, prompts: Sequence[Prompt], tmp_path: Path
    ) -> None:
        asked, replies = drawn(model, prompts)
        trainer = model.trainer(None, self.rank, 0)
        trained(trainer, asked, replies, steps=2)
        adapter = trainer.save(tmp_path / "adapter")
        same = model.trainer(adapter, self.rank, 1).score(asked, replies)
        own = trainer.score(asked, replies)
        assert (same.log_probabilities - own.log_probabilities)[own.mask].abs().max().item() < 1e-6
        assert (same.values - own.values).abs().max().item() < 1e-6

    def test_a_model_draws_with_the_adapter_that_it_loads(
        self, model: TrainableModel, prompts: Sequence[Prompt], tmp_path: Path
    ) -> None:
        asked, replies = drawn(model, prompts)
        trainer = model.trainer(None, self.rank, 0)
        trained(trainer, asked, replies, steps=2)
        model.load_adapter(trainer.save(tmp_path / "adapter"))
        assert_scored(trainer, *drawn(model, prompts))
        model.load_adapter(None)
        assert_scored(model.trainer(None, self.rank, 0), *drawn(model, prompts))

    def test_the_files_are_in_the_format_of_peft(
        self, model: TrainableModel, prompts: Sequence[Prompt], tmp_path: Path
    ) -> None:
        adapter = model.trainer(None, self.rank, 0).save(tmp_path / "adapter")
        assert adapter.path == str(tmp_path / "adapter")
        config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
        assert (config["peft_type"], config["r"]) == ("LORA", self.rank)
        from safetensors.torch import load_file

        names = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
        assert names and all(name.startswith("base_model.model.") and ".lora_" in name for name in names)
        assert not any(str(tmp_path).encode() in file.read_bytes() for file in (tmp_path / "adapter").iterdir())

    def test_the_same_seed_gives_the_same_files(
        self, model: TrainableModel, prompts: Sequence[Prompt], tmp_path: Path
    ) -> None:
        asked, replies = drawn(model, prompts)
        for name, seed in (("one", 3), ("two", 3), ("other", 4)):
            trainer = model.trainer(None, self.rank, seed)
            trained(trainer, asked, replies, steps=1)
            trainer.save(tmp_path / name)
        keys = [folder_key(tmp_path / name) for name in ("one", "two", "other")]
        assert keys[0] == keys[1] != keys[2]

    def test_a_folder_without_an_adapter_is_bad_input(self, model: TrainableModel, tmp_path: Path) -> None:
        nothing = Adapter("nothing", 1, str(tmp_path))
        with pytest.raises(BadInput):
            model.trainer(nothing, self.rank, 0)
        with pytest.raises(BadInput):
            model.load_adapter(nothing)

    def test_what_was_loaded_stays_where_another_adapter_cannot_be(
        self, model: TrainableModel, prompts: Sequence[Prompt], tmp_path: Path
    ) -> None:
        asked, replies = drawn(model, prompts)
        trainer = model.trainer(None, self.rank, 0)
        trained(trainer, asked, replies, steps=2)
        model.load_adapter(trainer.save(tmp_path / "adapter"))
        with pytest.raises(BadInput):
            model.load_adapter(Adapter("nothing", 1, str(tmp_path / "none")))
        assert_scored(trainer, *drawn(model, prompts))


def drawn(
    model: TrainableModel, prompts: Sequence[Prompt], settings: Sampling = SAMPLING
) -> tuple[list[Prompt], list[Reply]]:
    """Two replies to each prompt, in one list each."""
    asked: list[Prompt] = []
    replies: list[Reply] = []
    for prompt in prompts:
        got = model.sample(prompt, 2, settings, SECONDS)
        asked += [prompt] * len(got)
        replies += got
    return asked, replies


def assert_scored(trainer: AdapterTrainer, asked: Sequence[Prompt], replies: Sequence[Reply]) -> None:
    scores = trainer.score(asked, replies)
    for row, reply in enumerate(replies):
        told = [token.log_probability for token in reply.tokens or ()]
        own = scores.log_probabilities[row][scores.mask[row]].tolist()
        assert own == pytest.approx(told, abs=TOLERANCE), reply.text


def trained(trainer: AdapterTrainer, asked: Sequence[Prompt], replies: Sequence[Reply], steps: int) -> None:
    """Makes the first replies likelier and values larger; every parameter has a gradient in the end."""
    import torch

    optimizer = torch.optim.Adam(trainer.parameters(), lr=0.05)
    for _ in range(steps):
        scores = trainer.score(asked, replies)
        optimizer.zero_grad()
        likelihood = torch.where(scores.mask, scores.log_probabilities, 0.0).sum(1)[::2].sum()
        ((scores.values - 1.0).square().sum() - likelihood).backward()
        optimizer.step()
    if steps > 1:
        assert all(each.grad is not None and each.grad.abs().sum() > 0 for each in trainer.parameters())
