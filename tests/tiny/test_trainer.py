"""LoRA on the embedded model: what is trained, what is not, and that a folder gives the same policy again."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from tiny.observations import GRAMMAR, OPTIONS, observation

pytest.importorskip("torch", reason="the extra `lora` is not installed")
pytest.importorskip("peft", reason="the extra `lora` is not installed")

import torch

from kernelevo.decisions import Decision, decision_prompt
from kernelevo.errors import BadInput
from kernelevo.language_model import Adapter, Reply, Sampling, Stop, Usage
from kernelevo.models.tiny.model import TinyModel

PROMPT = decision_prompt(observation())
OTHER = decision_prompt(observation(occupancy=0.1, biases={OPTIONS[2]: 1.0}))
LIKED = Reply(str(OPTIONS[2]), Stop.COMPLETE, Usage())


@pytest.fixture
def model() -> TinyModel:
    return TinyModel.fresh(GRAMMAR, seed=1)


def drawn(model: TinyModel, temperature: float = 1.0) -> tuple[list, list]:  # type: ignore[type-arg]
    settings = Sampling(8, temperature, log_probabilities=True)
    pairs = [(prompt, reply) for prompt in (PROMPT, OTHER) for reply in model.sample(prompt, 8, settings, 9.0)]
    return [prompt for prompt, _ in pairs], [reply for _, reply in pairs]


def trained(model: TinyModel, folder: Path, steps: int = 8) -> Adapter:
    trainer = model.trainer(None, rank=4, seed=5)
    optimizer = torch.optim.Adam(trainer.parameters(), lr=3e-3)
    for _ in range(steps):
        scored = trainer.score([PROMPT], [LIKED])
        loss = -scored.log_probabilities.sum() + (scored.values - 2.0).square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return trainer.save(folder)


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_a_fresh_adapter_scores_replies_as_they_were_sampled(model: TinyModel, temperature: float) -> None:
    prompts, replies = drawn(model, temperature)
    scored = model.trainer(None, rank=4, seed=5, temperature=temperature).score(prompts, replies)
    for row, reply in enumerate(replies):
        said = [token.log_probability for token in reply.tokens or ()]
        assert scored.mask[row].tolist() == [place < len(said) for place in range(3)]
        assert scored.log_probabilities[row, : len(said)].tolist() == pytest.approx(said, abs=1e-4)
    assert torch.allclose(scored.base, scored.log_probabilities, atol=1e-5)
    assert not scored.base.requires_grad and scored.log_probabilities.requires_grad
    assert scored.values.tolist() == [0.0] * len(replies)


def test_gradients_reach_the_adapter_and_the_value_head_and_nothing_else(model: TinyModel) -> None:
    before = {name: one.clone() for name, one in model.base.network.state_dict().items()}
    trainer = model.trainer(None, rank=4, seed=5)
    scored = trainer.score(*drawn(model))
    (scored.log_probabilities.sum() + scored.values.sum()).backward()
    given = {id(one) for one in trainer.parameters()}
    inside = [*trainer._adapted.named_parameters(), *trainer._value_head.named_parameters()]
    with_gradient = {name for name, one in inside if one.grad is not None}
    assert with_gradient and with_gradient == {name for name, one in inside if id(one) in given}
    assert all("lora_" in name or name in ("weight", "bias") for name in with_gradient)
    torch.optim.SGD(trainer.parameters(), lr=0.1).step()
    assert all(torch.equal(one, before[name]) for name, one in model.base.network.state_dict().items())


def test_a_trained_adapter_says_what_it_was_taught_and_can_be_unloaded(model: TinyModel, tmp_path: Path) -> None:
    plain = model.probabilities(PROMPT)
    adapter = trained(model, tmp_path / "one")
    model.load_adapter(adapter)
    assert model.probabilities(PROMPT)[LIKED.text] > 2 * plain[LIKED.text]
    model.load_adapter(None)
    assert model.probabilities(PROMPT) == plain


def test_a_folder_gives_the_same_policy_and_training_goes_on_from_it(model: TinyModel, tmp_path: Path) -> None:
    adapter = trained(model, tmp_path / "one")
    again = model.trainer(adapter, rank=4, seed=9).score([PROMPT], [LIKED])
    model.load_adapter(adapter)
    (said,) = [one for one in model.sample(PROMPT, 200, Sampling(8, None, True), 9.0) if one.text == LIKED.text][:1]
    told = [token.log_probability for token in said.tokens or ()]
    assert again.log_probabilities[0].tolist() == pytest.approx(told, abs=1e-4)
    assert math.exp(again.base.sum().item()) < math.exp(again.log_probabilities.sum().item())
    assert again.values.item() > 0.01
    copied = model.trainer(adapter, rank=4, seed=9).save(tmp_path / "two")
    assert (copied.version, copied.name) == (adapter.version, "two")


def test_the_same_seed_trains_the_same_adapter(model: TinyModel, tmp_path: Path) -> None:
    one, other = (trained(model, tmp_path / name, steps=2) for name in ("one", "other"))
    assert one.version == other.version


def test_peft_reads_the_folder(model: TinyModel, tmp_path: Path) -> None:
    from peft import PeftConfig

    config = PeftConfig.from_pretrained(trained(model, tmp_path / "one", steps=1).path)
    assert (config.r, config.peft_type) == (4, "LORA")


def test_adapters_that_do_not_belong_here_are_refused(model: TinyModel, tmp_path: Path) -> None:
    adapter = trained(model, tmp_path / "one", steps=1)
    with pytest.raises(BadInput, match="belongs to the base"):
        TinyModel.fresh(GRAMMAR, seed=2).load_adapter(adapter)
    with pytest.raises(BadInput, match="holds no adapter"):
        model.load_adapter(Adapter("none", 1, str(tmp_path)))
    config = json.loads((tmp_path / "one" / "adapter_config.json").read_text())
    (tmp_path / "one" / "adapter_config.json").write_text(json.dumps(config | {"lora_alpha": 400}))
    for load in (model.load_adapter, lambda given: model.trainer(given, 4, 0)):
        with pytest.raises(BadInput, match=r"adapter_config\.json was changed"):
            load(adapter)


def test_a_reply_that_was_not_allowed_is_not_scored(model: TinyModel) -> None:
    trainer = model.trainer(None, rank=4, seed=5)
    for text in (str(Decision("tile", "c", 16)), "tile(a)", "Sure!"):
        with pytest.raises(BadInput, match="no decision that its prompt allows"):
            trainer.score([PROMPT], [Reply(text, Stop.COMPLETE, Usage())])
