"""A policy that can be trained and is nothing but a table: the twin of real ones in tests of levers and of the loop.

    logits[option] = (W + scale * B A)[state, option] + bias of the option

W float32[STATES, OPTIONS] is the frozen base, A [rank, OPTIONS] and B [STATES, rank] are the LoRA adapter (B starts as
zeros, so that a fresh one changes nothing). The state of an observation is its words and the moves so far, that of any
other prompt its text; states and options find their row and column by a hash. A reply is one option, one token, and
costs nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from kernelevo.decisions import observation_of
from kernelevo.errors import BadInput
from kernelevo.language_model import Adapter, Capabilities, Prompt, Reply, Sampling, Stop, Token, Usage
from kernelevo.learning_interfaces import AdapterTrainer, ScoredReplies, SeededModel, TrainableModel
from kernelevo.models.adapter_files import VALUE_HEAD, WEIGHTS, read_config, read_tensors, write_adapter
from kernelevo.models.seeds import fraction_of, seed_of

STATES, OPTIONS = 64, 1024
SCALE = 1.0
_A, _B, _VALUES = "base_model.model.table.lora_A.weight", "base_model.model.table.lora_B.weight", "values"


class Lora:
    """An adapter of the table, and what each state is worth."""

    def __init__(self, a: Tensor, b: Tensor, values: Tensor) -> None:
        self.a, self.b, self.values = a, b, values

    @classmethod
    def fresh(cls, rank: int, seed: int) -> Lora:
        generator = torch.Generator().manual_seed(seed_of("tabular", seed))
        a = torch.randn(rank, OPTIONS, generator=generator) / rank**0.5
        return cls(a, torch.zeros(STATES, rank), torch.zeros(STATES))

    @classmethod
    def read(cls, folder: Path) -> Lora:
        """Raises BadInput for what is no adapter of the table."""
        rank = read_config(folder)["r"]
        tensors = read_tensors(folder / WEIGHTS)
        values = read_tensors(folder / VALUE_HEAD).get(_VALUES)
        shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        if shapes != {_A: (rank, OPTIONS), _B: (STATES, rank)} or values is None or values.shape != (STATES,):
            raise BadInput(f"{folder} holds an adapter of another model; give one that the table was trained to")
        return cls(tensors[_A], tensors[_B], values)

    def moved(self, row: int, columns: Tensor) -> Tensor:
        return SCALE * (self.b[row] @ self.a)[columns]


class TabularModel(TrainableModel, SeededModel):
    """`options` are those of prompts that are no observations. `seed` makes the base, and begins the first stream of
    replies, in which `asked` counts by Prompt.key what was answered before.
    """

    capabilities = Capabilities(adapters=True, log_probabilities=True, token_counts=True)

    def __init__(
        self, options: Sequence[str] = (), *, name: str = "tabular", seed: int = 0, spread: float = 0.1,
        asked: Mapping[str, int] | None = None,
    ) -> None:  # fmt: skip
        self.name = name
        generator = torch.Generator().manual_seed(seed_of("table", seed))
        self.base = spread * torch.randn(STATES, OPTIONS, generator=generator)
        self._options = tuple(options)
        self._seed = seed
        self._asked = Counter(asked or {})
        self._lora: Lora | None = None

    def sample(self, prompt: Prompt, n: int, settings: Sampling, seconds: float) -> list[Reply]:
        names, logits = self.logits(prompt, self._lora)
        temperature = 1.0 if settings.temperature is None else settings.temperature
        chances = torch.log_softmax(logits.detach() / max(temperature, 1e-6), 0)
        shown, before = _shown(prompt), self._asked[prompt.key]
        self._asked[prompt.key] += 1
        points = chances.double().exp().cumsum(0)
        drawn = [
            int((points < fraction_of(self._seed, shown, before, number) * points[-1]).sum()) for number in range(n)
        ]
        return [
            Reply(
                names[place], Stop.COMPLETE, Usage(0 if number else prompt.estimated_tokens, 1), 0.0,
                tokens=(Token(names[place], chances[place].item()),) if settings.log_probabilities else None,
            )
            for number, place in enumerate(drawn)
        ]  # fmt: skip

    def count_tokens(self, prompt: Prompt) -> int:
        return prompt.estimated_tokens

    def load_adapter(self, adapter: Adapter | None) -> None:
        self._lora = None if adapter is None else Lora.read(Path(adapter.path))

    def restart(self, seed: int, asked: Mapping[str, int]) -> None:
        self._seed, self._asked = seed, Counter(asked)

    def trainer(self, adapter: Adapter | None, rank: int, seed: int, temperature: float = 1.0) -> TabularTrainer:
        """An adapter that it goes on from keeps its own rank."""
        lora = Lora.fresh(rank, seed) if adapter is None else Lora.read(Path(adapter.path))
        return TabularTrainer(self, lora, temperature)

    def close(self) -> None:
        """Nothing to release."""

    def logits(self, prompt: Prompt, lora: Lora | None) -> tuple[list[str], Tensor]:
        """The options of a prompt and their logits, biases included; with the adapter, where one is given."""
        try:
            seen = observation_of(prompt)
        except ValueError:
            names, biases = list(self._options), [0.0] * len(self._options)
        else:
            names, biases = [str(option.decision) for option in seen.options], [option.bias for option in seen.options]
        if not names:
            raise BadInput(f"{self.name} chooses among options, and this prompt shows none")
        row, columns = state_of(prompt), torch.tensor([seed_of(name) % OPTIONS for name in names])
        moved = 0.0 if lora is None else lora.moved(row, columns)
        return names, self.base[row, columns] + moved + torch.tensor(biases)


class TabularTrainer(AdapterTrainer):
    def __init__(self, model: TabularModel, lora: Lora, temperature: float) -> None:
        self._model = model
        self._temperature = temperature
        self._lora = Lora(*(tensor.clone().requires_grad_() for tensor in (lora.a, lora.b, lora.values)))

    def parameters(self) -> list[Tensor]:
        return [self._lora.a, self._lora.b, self._lora.values]

    def score(self, prompts: Sequence[Prompt], replies: Sequence[Reply]) -> ScoredReplies:
        """Raises ValueError for a reply that is none of the prompt's options."""
        new = [self._chance(prompt, reply, self._lora) for prompt, reply in zip(prompts, replies, strict=True)]
        base = [self._chance(prompt, reply, None) for prompt, reply in zip(prompts, replies, strict=True)]
        values = self._lora.values[[state_of(prompt) for prompt in prompts]]
        mask = torch.ones(len(replies), 1, dtype=torch.bool)
        return ScoredReplies(torch.stack(new)[:, None], torch.stack(base)[:, None], mask, values)

    def save(self, folder: Path) -> Adapter:
        config = {"peft_type": "LORA", "r": self._lora.a.shape[0], "lora_alpha": self._lora.a.shape[0] * SCALE,
                  "target_modules": ["table"], "task_type": "CAUSAL_LM", "bias": "none"}  # fmt: skip
        tensors = {_A: self._lora.a, _B: self._lora.b}
        return write_adapter(folder, self._model.name, tensors, config, {_VALUES: self._lora.values})

    def _chance(self, prompt: Prompt, reply: Reply, lora: Lora | None) -> Tensor:
        names, logits = self._model.logits(prompt, lora)
        return torch.log_softmax(logits / self._temperature, 0)[names.index(reply.text)]


def _shown(prompt: Prompt) -> str:
    """What a draw hangs on: the state that an observation shows, or the whole of another prompt."""
    try:
        return observation_of(prompt).state_key
    except ValueError:
        return prompt.key


def state_of(prompt: Prompt) -> int:
    """The row of a prompt."""
    try:
        seen = observation_of(prompt)
    except ValueError:
        return seed_of(prompt.key) % STATES
    return seed_of(sorted(seen.words), list(map(str, seen.moves))) % STATES


