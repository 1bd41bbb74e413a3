"""Policies over decisions that know nothing but the harness: no weights, no extra, nothing to be trained.

    prior     draws a legal decision with probability proportional to exp(bias / temperature)
    uniform   the same without biases: every legal decision is as likely as another, the sober arm of studies

Replies hang on the seed, the state and how often the question was asked before, so that a resumed run is answered the
same.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping

from kernelevo.decisions import Observation, observation_of
from kernelevo.errors import BadInput
from kernelevo.interfaces import Model
from kernelevo.language_model import Adapter, Capabilities, Prompt, Reply, Sampling, Stop, Token, Usage

DECISION_NAMES = ("prior", "uniform")


class PriorModel(Model):
    """`asked` counts by `Prompt.key` the questions that were answered in earlier sessions."""

    def __init__(self, name: str, seed: int = 0, asked: Mapping[str, int] | None = None) -> None:
        if name not in DECISION_NAMES:
            raise BadInput(f"there is no policy {name!r} without weights; choose one of {', '.join(DECISION_NAMES)}")
        self.name = name
        self.capabilities = Capabilities(log_probabilities=True, token_counts=True)
        self._seed = seed
        self._asked = Counter(asked or {})

    def sample(self, prompt: Prompt, n: int, settings: Sampling, seconds: float) -> list[Reply]:
        observation = _observation(prompt)
        logarithms = self._log_probabilities(observation, settings.temperature)
        before = self._asked[prompt.key]
        self._asked[prompt.key] += 1
        replies = []
        for number in range(n):
            at = _pick(logarithms, _fraction(f"{self._seed} {observation.state_key} {before} {number}"))
            text = str(observation.options[at].decision)
            tokens = (Token(text, logarithms[at]),) if settings.log_probabilities else None
            usage = Usage(0 if number else self.count_tokens(prompt), 1)
            replies.append(Reply(text, Stop.COMPLETE, usage, 0.0, tokens))
        return replies

    def count_tokens(self, prompt: Prompt) -> int:
        """One for each option, which is all that is looked at."""
        return len(_observation(prompt).options)

    def restart(self, seed: int, asked: Mapping[str, int]) -> None:
        self._seed, self._asked = seed, Counter(asked)

    def load_adapter(self, adapter: Adapter | None) -> None:
        if adapter is not None:
            raise BadInput(f"{self.name} has no weights, and so no adapters; leave --adapter out, or choose tiny")

    def close(self) -> None:
        """Nothing to release."""

    def _log_probabilities(self, observation: Observation, temperature: float | None) -> list[float]:
        heat = 1.0 if temperature is None else max(temperature, 1e-3)
        scores = [option.bias / heat if self.name == "prior" else 0.0 for option in observation.options]
        top = max(scores)
        whole = top + math.log(sum(math.exp(score - top) for score in scores))
        return [min(0.0, score - whole) for score in scores]


def _observation(prompt: Prompt) -> Observation:
    try:
        return observation_of(prompt)
    except ValueError as error:
        raise BadInput(f"a policy without weights answers observations, and this prompt shows none: {error}") from error


def _pick(logarithms: list[float], drawn: float) -> int:
    """The first place at which the probabilities so far exceed what was drawn."""
    whole = 0.0
    for at, logarithm in enumerate(logarithms):
        whole += math.exp(logarithm)
        if drawn < whole:
            return at
    return len(logarithms) - 1


def _fraction(key: str) -> float:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:6], "little") / 2**48
