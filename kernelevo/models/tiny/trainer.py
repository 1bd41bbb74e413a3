"""LoRA on the tiny network, by peft: the joint `AdapterTrainer`."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from kernelevo.decisions import Decision, read_decision
from kernelevo.errors import BadInput
from kernelevo.language_model import Adapter, Prompt, Reply
from kernelevo.learning_interfaces import AdapterTrainer, ScoredReplies
from kernelevo.models.tiny.adapters import VALUE_HEAD, adapter_key, require_adapter, settle_config, write_manifest
from kernelevo.models.tiny.model import TinyModel
from kernelevo.models.tiny.network import LEVELS, LINEAR_LAYERS, collate
from kernelevo.models.tiny.replies import tempered, token_groups, token_log_probabilities
from kernelevo.models.tiny.tokens import Encoded


class TinyTrainer(AdapterTrainer):
    """Everything is on the CPU. Replies are scored as the model sampled them: with their observations' biases."""

    def __init__(self, model: TinyModel, adapter: Adapter | None, rank: int, seed: int, temperature: float) -> None:
        self._model = model
        self._temperature = temperature
        network = copy.deepcopy(model.base.network)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._adapted = _adapted(network, adapter, rank, model.base.key)
        self._value_head = nn.Linear(network.size.width, 1)
        nn.init.zeros_(self._value_head.weight)
        nn.init.zeros_(self._value_head.bias)
        if adapter is not None:
            self._value_head.load_state_dict(load_file(Path(adapter.path) / VALUE_HEAD))

    def parameters(self) -> list[Any]:
        adapted = [one for one in self._adapted.parameters() if one.requires_grad]
        return [*adapted, *self._value_head.parameters()]

    def score(self, prompts: Sequence[Prompt], replies: Sequence[Reply]) -> ScoredReplies:
        """Prompts that are the same are read once. Raises BadInput for a reply that its prompt does not allow."""
        different = {prompt.key: prompt for prompt in prompts}
        rows = {key: row for row, key in enumerate(different)}
        encoded = [self._model.encoded(prompt) for prompt in different.values()]
        places = [rows[prompt.key] for prompt in prompts]
        groups = [_groups(encoded[row], reply) for row, reply in zip(places, replies, strict=True)]
        batch = collate(encoded)
        options, states = self._adapted(batch)
        with torch.no_grad():
            base = self._model.base.network(batch)[0]
        now, before = (tempered(found, batch.biases, self._temperature) for found in (options, base))
        mask = torch.tensor([[level < len(group) for level in range(LEVELS)] for group in groups])
        return ScoredReplies(
            _rows(now, places, groups), _rows(before, places, groups), mask.reshape(len(replies), LEVELS),
            self._value_head(states)[places, 0],
        )  # fmt: skip

    def save(self, folder: Path) -> Adapter:
        folder.mkdir(parents=True, exist_ok=True)
        # Left to itself, peft looks on the network for what the base's embeddings were.
        self._adapted.save_pretrained(str(folder), save_embedding_layers=False)
        (folder / "README.md").unlink(missing_ok=True)  # peft's empty model card
        settle_config(folder)
        save_file(self._value_head.state_dict(), folder / VALUE_HEAD)
        write_manifest(folder, self._model.base.key)
        return Adapter(folder.name, int(adapter_key(folder)[:6], 16), str(folder))


def _adapted(network: nn.Module, adapter: Adapter | None, rank: int, base: str) -> Any:
    """The network with LoRA layers that are trained, and nothing else that is."""
    if adapter is not None:
        require_adapter(Path(adapter.path), base)
        return PeftModel.from_pretrained(network, adapter.path, is_trainable=True)
    config = LoraConfig(r=rank, lora_alpha=rank, target_modules=list(LINEAR_LAYERS))
    return get_peft_model(network, config)


def _groups(encoded: Encoded, reply: Reply) -> list[list[int]]:
    decision: Decision | None = read_decision(reply.text)
    if decision is None or all(option.decision != decision for option in encoded.options):
        raise BadInput(f"the reply {reply.text!a} is no decision that its prompt allows; leave it out of training")
    return token_groups(encoded, decision)


def _rows(of_options: Tensor, places: Sequence[int], groups: Sequence[list[list[int]]]) -> Tensor:
    """float[n, t]: 0.0 where a reply has no token."""
    rows = [token_log_probabilities(of_options[row], group) for row, group in zip(places, groups, strict=True)]
    return torch.stack([nn.functional.pad(row, (0, LEVELS - len(row))) for row in rows])
