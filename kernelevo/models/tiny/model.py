"""The joints `Model` and `TrainableModel` over the tiny network: a prompt is one observation, a reply one decision.

Replies are a function of the seed, the adapter, the prompt, the temperature, and how often this prompt was asked
before: asking again gives new ones, and a run that is resumed says what it had asked (`asked`) and goes on as it would
have. They cost nothing: the model is ours.
"""

from __future__ import annotations

import copy
import hashlib
import random
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from kernelevo.decisions import Grammar, observation_of
from kernelevo.errors import BadInput
from kernelevo.language_model import Adapter, Capabilities, Prompt, Reply, Sampling, Stop, Token, Usage
from kernelevo.learning_interfaces import TrainableModel
from kernelevo.models.tiny import NAME
from kernelevo.models.tiny.adapters import adapter_key, merged_adapter
from kernelevo.models.tiny.base import Base, random_base
from kernelevo.models.tiny.network import collate
from kernelevo.models.tiny.replies import tempered, token_groups, token_log_probabilities, token_texts
from kernelevo.models.tiny.tokens import Encoded, Encoder

if TYPE_CHECKING:
    from kernelevo.models.tiny.trainer import TinyTrainer


class TinyModel(TrainableModel):
    """Raises BadInput for a prompt that shows no observation of the base's grammar."""

    def __init__(self, base: Base, *, seed: int = 0, asked: Mapping[str, int] | None = None) -> None:
        self.name = NAME
        self.capabilities = Capabilities(adapters=True, log_probabilities=True, token_counts=True)
        self.base = base
        self.encoder = Encoder(base.grammar)
        self._seed = seed
        self._asked = dict(asked or {})
        self._network = base.network
        self._adapter = ""

    @classmethod
    def fresh(cls, grammar: Grammar, seed: int = 0) -> TinyModel:
        """One with random weights, for any grammar."""
        return cls(random_base(grammar, seed), seed=seed)

    def sample(self, prompt: Prompt, n: int, settings: Sampling, seconds: float) -> list[Reply]:
        encoded = self.encoded(prompt)
        number = self._asked[prompt.key] = self._asked.get(prompt.key, 0) + 1
        temperature = 1.0 if settings.temperature is None else settings.temperature
        with torch.no_grad():
            batch = collate([encoded])
            of_options = tempered(self._network(batch)[0], batch.biases, temperature)[0]
        said = f"{self._seed} {self._adapter} {prompt.key} {temperature:.9g} {number}"
        source = random.Random(hashlib.sha256(said.encode()).digest())
        drawn = source.choices(range(len(encoded.options)), of_options.exp().tolist(), k=n)
        # The prompt is read once a call.
        return [
            _reply(encoded, of_options, option, settings, 0 if place else encoded.tokens)
            for place, option in enumerate(drawn)
        ]

    def probabilities(self, prompt: Prompt, temperature: float = 1.0) -> dict[str, float]:
        """Of each legal decision, by its text, likeliest first."""
        encoded = self.encoded(prompt)
        with torch.no_grad():
            batch = collate([encoded])
            found = tempered(self._network(batch)[0], batch.biases, temperature)[0].exp().tolist()
        texts = [str(option.decision) for option in encoded.options]
        return dict(sorted(zip(texts, found, strict=True), key=lambda pair: -pair[1]))

    def count_tokens(self, prompt: Prompt) -> int:
        return self.encoded(prompt).tokens

    def load_adapter(self, adapter: Adapter | None) -> None:
        """Raises BadInput for a folder that holds no adapter of this base, or whose files were changed."""
        if adapter is None:
            self._network, self._adapter = self.base.network, ""
            return
        folder = Path(adapter.path)
        self._network = merged_adapter(copy.deepcopy(self.base.network), folder, self.base.key)
        self._adapter = adapter_key(folder)

    def trainer(self, adapter: Adapter | None, rank: int, seed: int, temperature: float = 1.0) -> TinyTrainer:
        """`temperature` is the one that replies were drawn with. Raises BadInput for an adapter of another base."""
        from kernelevo.models.tiny.trainer import TinyTrainer

        return TinyTrainer(self, adapter, rank, seed, temperature)

    def close(self) -> None:
        """Nothing to release."""

    def encoded(self, prompt: Prompt) -> Encoded:
        """The observation that a prompt shows, as the network reads it."""
        try:
            observation = observation_of(prompt)
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise BadInput(
                f"the model `{NAME}` answers observations of its grammar ({self.base.grammar.key[:12]}) only, "
                f"and this prompt shows none ({error}); use another model for text"
            ) from error
        return self.encoder.encode(observation)


def _reply(encoded: Encoded, of_options: torch.Tensor, option: int, settings: Sampling, read: int) -> Reply:
    decision = encoded.options[option].decision
    texts = token_texts(decision)[: settings.max_tokens]
    stop = Stop.COMPLETE if "".join(texts) == str(decision) else Stop.LENGTH
    tokens = None
    if settings.log_probabilities:
        found = token_log_probabilities(of_options, token_groups(encoded, decision)).tolist()
        tokens = tuple(Token(text, min(0.0, number)) for text, number in zip(texts, found, strict=False))
    cut = f"the {encoded.cut} oldest moves were not read" if encoded.cut else ""
    return Reply("".join(texts), stop, Usage(read, len(texts)), 0.0, tokens, thinking=cut)
