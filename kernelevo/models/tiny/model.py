"""The joints `TrainableModel` and `SeededModel` over the tiny network: a prompt is one observation, a reply a decision.

Replies are drawn at points that hang on the seed, the state that is shown, and how often this prompt was asked before:
asking again gives new ones, and a run that is resumed says what it had asked (`asked`) and goes on as it would have.
The points do not hang on adapter, temperature or biases, so that policies that are compared differ by no luck. Replies
cost nothing: the model is ours.
"""

from __future__ import annotations

import bisect
import copy
import itertools
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from kernelevo.decisions import Grammar, Observation, observation_of
from kernelevo.errors import BadInput
from kernelevo.language_model import Adapter, Capabilities, Prompt, Reply, Sampling, Stop, Token, Usage
from kernelevo.learning_interfaces import SeededModel, TrainableModel
from kernelevo.models.seeds import fraction_of
from kernelevo.models.tiny import NAME
from kernelevo.models.tiny.adapters import merged_adapter
from kernelevo.models.tiny.base import Base, random_base
from kernelevo.models.tiny.network import collate
from kernelevo.models.tiny.replies import tempered, token_groups, token_log_probabilities, token_texts
from kernelevo.models.tiny.tokens import Encoded, Encoder

if TYPE_CHECKING:
    from kernelevo.models.tiny.trainer import TinyTrainer


class TinyModel(TrainableModel, SeededModel):
    """Raises BadInput for a prompt that shows no observation of the base's grammar."""

    def __init__(self, base: Base, *, seed: int = 0, asked: Mapping[str, int] | None = None) -> None:
        self.name = NAME
        self.capabilities = Capabilities(adapters=True, log_probabilities=True, token_counts=True)
        self.base = base
        self.encoder = Encoder(base.grammar)
        self._seed = seed
        self._asked = Counter(asked or {})
        self._network = base.network

    @classmethod
    def fresh(cls, grammar: Grammar, seed: int = 0) -> TinyModel:
        """One with random weights, for any grammar."""
        return cls(random_base(grammar, seed), seed=seed)

    def sample(self, prompt: Prompt, n: int, settings: Sampling, seconds: float) -> list[Reply]:
        observation = self._observation(prompt)
        encoded = self.encoder.encode(observation)
        temperature = 1.0 if settings.temperature is None else settings.temperature
        with torch.no_grad():
            batch = collate([encoded])
            of_options = tempered(self._network(batch)[0], batch.biases, temperature)[0]
        before, self._asked[prompt.key] = self._asked[prompt.key], self._asked[prompt.key] + 1
        bounds = list(itertools.accumulate(of_options.double().exp().tolist()))
        points = [fraction_of(self._seed, observation.state_key, before, number) * bounds[-1] for number in range(n)]
        # The prompt is read once a call.
        return [
            _reply(encoded, of_options, bisect.bisect_right(bounds, point), settings, 0 if place else encoded.tokens)
            for place, point in enumerate(points)
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
            self._network = self.base.network
            return
        self._network = merged_adapter(copy.deepcopy(self.base.network), Path(adapter.path), self.base.key)

    def restart(self, seed: int, asked: Mapping[str, int]) -> None:
        self._seed, self._asked = seed, Counter(asked)

    def trainer(self, adapter: Adapter | None, rank: int, seed: int, temperature: float = 1.0) -> TinyTrainer:
        """`temperature` is the one that replies were drawn with. Raises BadInput for an adapter of another base."""
        from kernelevo.models.tiny.trainer import TinyTrainer

        return TinyTrainer(self, adapter, rank, seed, temperature)

    def close(self) -> None:
        """Nothing to release."""

    def encoded(self, prompt: Prompt) -> Encoded:
        """The observation that a prompt shows, as the network reads it."""
        return self.encoder.encode(self._observation(prompt))

    def _observation(self, prompt: Prompt) -> Observation:
        try:
            return observation_of(prompt)
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise BadInput(
                f"the model `{NAME}` answers observations of its grammar ({self.base.grammar.key[:12]}) only, "
                f"and this prompt shows none ({error}); use another model for text"
            ) from error


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
