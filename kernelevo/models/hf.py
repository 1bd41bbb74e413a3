"""Any causal language model of transformers in a local folder: samples, tells log-probabilities, loads and trains LoRA
adapters, all in this process.

Replies are drawn from the model's distribution as it is, divided by the temperature: no top-k, no top-p, so that the
log-probabilities that are told are those of the policy that is trained.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kernelevo.language_model import Adapter, Capabilities, Price, Prompt, Reply, Sampling, Stop, Token, Usage
from kernelevo.learning_interfaces import SeededModel, TrainableModel
from kernelevo.models.hf_network import HfNetwork, torch
from kernelevo.models.seeds import seed_of

if TYPE_CHECKING:
    from kernelevo.models.hf_trainer import HfTrainer

_COLDEST = 1e-5
"""A temperature of 0 is this one: the likeliest token, with a probability that is 1."""


class HfModel(TrainableModel, SeededModel):
    """`name` is hf: and the folder's own name. Replies hang on the seed of the stream, the prompt and how often it was
    asked in the stream before (`asked`, by Prompt.key): equal policies on equal streams say the same.
    """

    capabilities = Capabilities(adapters=True, log_probabilities=True, token_counts=True)

    def __init__(
        self, folder: Path, *, device: str | None = None, seed: int = 0, price: Price | None = None,
        asked: Mapping[str, int] | None = None,
    ) -> None:  # fmt: skip
        self.name = f"hf:{folder.name}"
        self.device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self._network = HfNetwork(folder, self.device)
        self._seed = seed
        self._price = price
        self._adapter: Adapter | None = None
        self._slot: str | None = None
        self._asked = Counter(asked or {})

    def sample(self, prompt: Prompt, n: int, settings: Sampling, seconds: float) -> list[Reply]:
        deadline = time.monotonic() + seconds
        ids = self._network.ids(prompt)
        room = self._network.context - len(ids)
        if room < 1:
            return [Reply("", Stop.TOO_LONG, Usage(), None if self._price is None else 0.0)]
        most = min(settings.max_tokens, room)
        drawn, cut = self._draw(ids, n, most, settings.temperature, deadline, self._next_seed(prompt))
        return [
            self._reply(tokens, row in cut, settings, 0 if row else len(ids)) for row, tokens in enumerate(drawn)
        ]

    def count_tokens(self, prompt: Prompt) -> int:
        return len(self._network.ids(prompt))

    def load_adapter(self, adapter: Adapter | None) -> None:
        if adapter == self._adapter:
            return
        before = self._slot
        self._slot = None if adapter is None else self._network.open_slot(Path(adapter.path))
        self._adapter = adapter
        if before is not None:
            self._network.close_slot(before)

    def restart(self, seed: int, asked: Mapping[str, int]) -> None:
        self._seed, self._asked = seed, Counter(asked)

    def trainer(self, adapter: Adapter | None, rank: int, seed: int, temperature: float = 1.0) -> HfTrainer:
        """An adapter that it goes on from keeps its own rank."""
        from kernelevo.models.hf_trainer import HfTrainer

        return HfTrainer(self._network, self.name, adapter, rank, seed, temperature)

    def close(self) -> None:
        """Nothing to release but memory."""

    def _draw(
        self, ids: list[int], n: int, most: int, temperature: float | None, deadline: float, seed: int
    ) -> tuple[list[list[tuple[int, float]]], set[int]]:
        """Tokens and their log-probabilities, n times, until each has ended, or time or room has; and those of the n
        that the time cut off.
        """
        generator = torch.Generator().manual_seed(seed)
        scale = max(self._network.default_temperature if temperature is None else temperature, _COLDEST)
        found: list[list[tuple[int, float]]] = [[] for _ in range(n)]
        going = set(range(n))
        with torch.inference_mode(), self._network.active(self._slot) as network:
            shown = torch.tensor([ids] * n, device=self._network.device)
            cache = None
            while going:
                logits, cache = self._network.next_logits(network, shown, cache)
                chances = torch.log_softmax(logits / scale, -1)
                shown = _pick(chances, torch.rand(n, 1, generator=generator, dtype=torch.float64))
                told = chances.gather(1, shown)[:, 0].tolist()
                for row in list(going):
                    found[row].append((int(shown[row, 0]), told[row]))
                    if found[row][-1][0] in self._network.ends or len(found[row]) == most:
                        going.discard(row)
                if time.monotonic() > deadline:
                    break
        return found, going

    def _reply(self, drawn: list[tuple[int, float]], cut: bool, settings: Sampling, prompt: int) -> Reply:
        """With its end among the tokens, which is a choice of the policy's, too; it adds no text."""
        ids = [number for number, _ in drawn]
        ended = ids[-1] in self._network.ends
        pieces = self._network.pieces(ids[:-1] if ended else ids) + [""] * ended
        text = "".join(pieces)
        stop = Stop.COMPLETE if ended else Stop.CUT_OFF if cut else Stop.LENGTH
        stop = stop if text.strip() else Stop.EMPTY
        usage = Usage(prompt, len(ids))
        tokens = None
        if settings.log_probabilities:
            tokens = tuple(
                Token(piece, min(told, 0.0), number) for piece, (number, told) in zip(pieces, drawn, strict=True)
            )
        return Reply(text, stop, usage, None if self._price is None else self._price.of(usage), tokens)

    def _next_seed(self, prompt: Prompt) -> int:
        times = self._asked[prompt.key]
        self._asked[prompt.key] += 1
        return seed_of(self._seed, prompt.key, times)


def _pick(chances: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
    """int[n, 1]: the first token of each row at which the probabilities so far exceed its part of them all."""
    points = chances.double().exp().cumsum(-1)
    places = torch.searchsorted(points, drawn.to(points.device) * points[:, -1:], right=True)
    return places.clamp(max=chances.shape[-1] - 1)
