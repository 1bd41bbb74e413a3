"""Training a LoRA adapter of a local model: scores of replies, one at a time, so that memory holds one of them.

The log-probabilities of a reply are recomputed when its gradient is taken (gradient checkpointing by reply), which
costs one more pass and keeps a minibatch of any size within the memory of its longest reply.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from kernelevo.language_model import Adapter, Prompt, Reply, Stop
from kernelevo.learning_interfaces import AdapterTrainer, ScoredReplies
from kernelevo.models.adapter_files import VALUE_HEAD, read_tensors, write_adapter
from kernelevo.models.hf_network import HfNetwork


class HfTrainer(AdapterTrainer):
    """The value head is linear in the network's last hidden state of the prompt's last token, and has no part in the
    adapter's gradient. It starts as zeros.
    """

    def __init__(
        self, network: HfNetwork, name: str, adapter: Adapter | None, rank: int, seed: int, temperature: float
    ) -> None:
        self._network, self._name, self._temperature = network, name, temperature
        folder = None if adapter is None else Path(adapter.path)
        self._slot = network.fresh_slot(rank, seed) if folder is None else network.open_slot(folder)
        self._head = _head(folder, network)
        weakref.finalize(self, network.leave_slot, self._slot)

    def parameters(self) -> list[Tensor]:
        return [*self._network.parameters(self._slot).values(), *self._head.values()]

    def score(self, prompts: Sequence[Prompt], replies: Sequence[Reply]) -> ScoredReplies:
        new, base, values = [], [], []
        for prompt, reply in zip(prompts, replies, strict=True):
            asked, said = self._network.ids(prompt), self._reply_ids(reply)
            with torch.no_grad():
                base.append(self._one(None, asked, said)[0])
            chances, value = (
                checkpoint(self._one, self._slot, asked, said, use_reentrant=False)
                if torch.is_grad_enabled()
                else self._one(self._slot, asked, said)
            )
            new.append(chances)
            values.append(value)
        mask = _padded([torch.ones_like(each, dtype=torch.bool) for each in base])
        return ScoredReplies(_padded(new), _padded(base), mask, torch.stack(values))

    def save(self, folder: Path) -> Adapter:
        tensors = self._network.parameters(self._slot)
        return write_adapter(folder, self._name, tensors, self._network.config(self._slot), self._head)

    def _one(self, slot: str | None, asked: list[int], said: list[int]) -> tuple[Tensor, Tensor]:
        """Log-probabilities float[t] of a reply's tokens, and the value of its prompt."""
        with self._network.active(slot) as network:
            logits, seen = self._network.logits_of(network, asked, said)
        chosen = torch.tensor(said, dtype=torch.long, device=logits.device)
        told = torch.log_softmax(logits / self._temperature, -1).gather(1, chosen[:, None])[:, 0]
        return told, seen.detach() @ self._head["weight"] + self._head["bias"]

    def _reply_ids(self, reply: Reply) -> list[int]:
        """The tokens that were drawn, where the reply says so; otherwise its text's, and its end if it was whole. The
        latter may be cut into tokens in another way than it was written.
        """
        numbers = [token.number for token in reply.tokens or ()]
        if numbers and all(number is not None for number in numbers):
            return [number for number in numbers if number is not None]
        ends = [self._network.ends[0]] if reply.stop is Stop.COMPLETE and self._network.ends else []
        return self._network.encoded(reply.text) + ends


def _head(folder: Path | None, network: HfNetwork) -> dict[str, Tensor]:
    """The value head beside an adapter, or a new one; adapters from elsewhere have none."""
    head = {"weight": torch.zeros(network.hidden), "bias": torch.zeros(())}
    if folder is not None and (folder / VALUE_HEAD).is_file():
        head = read_tensors(folder / VALUE_HEAD)
    return {name: tensor.to(network.device).requires_grad_() for name, tensor in head.items()}


def _padded(rows: Sequence[Tensor]) -> Tensor:
    """[n, t], with zeros after each row's end."""
    return torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True)
