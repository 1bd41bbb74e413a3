"""The network of `tiny`: a causal, pre-norm decoder with a pointer, of about a million parameters.

Positions (tokens.py) carry no numbers of their own: what stands before what, the causal mask tells (the order of facts
and words means nothing, and ranks are embedded). At each choice a pointer compares what the position asks for with what
the options offer; the probability of a decision is the product over the choices that lead to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from kernelevo.decisions import Grammar
from kernelevo.models.tiny.tokens import FACTS_A_POSITION, MOST_RANKS, MOST_SITES, VALUES, Encoded, Kind

BINS, BIN_BOUND = 13, 3.0
"""A fact, centred and scaled as in training, is spread over the two nearest of 13 bins from -3 to 3."""
LINEAR_LAYERS = ("attention_in", "attention_out", "feed_in", "feed_out", "pointer_query", "pointer_key")
"""What LoRA adapts: every linear layer."""
LEVELS = 3
_FORBIDDEN = -1e9


@dataclass(frozen=True)
class Size:
    width: int = 128
    layers: int = 5
    heads: int = 4


USUAL_SIZE = Size()


@dataclass(frozen=True)
class Batch:
    """n observations, padded to p positions, o options and c choices. `facts`, `known` [n, f]; `positions`
    long[n, p, 6] (kind, rule, site, value, word, rank); `visible` bool[n, 1, p, p]; `options` long[n, o] and `choices`
    long[n, c] are places among the positions; `branches` bool[n, c, o]; `path` long[n, o, 3, 2] leads to each option as
    (choice, branch), -1 where there is no further choice; `legal` bool[n, o]; `biases` float[n, o].
    """

    facts: Tensor
    known: Tensor
    positions: Tensor
    visible: Tensor
    options: Tensor
    choices: Tensor
    branches: Tensor
    path: Tensor
    legal: Tensor
    biases: Tensor


def collate(encoded: Sequence[Encoded]) -> Batch:
    n, most = len(encoded), max(len(one.positions) for one in encoded)
    options = max(len(one.options) for one in encoded)
    choices = max(len(one.choices) for one in encoded)
    batch = Batch(
        facts=torch.tensor([one.facts for one in encoded], dtype=torch.float32).reshape(n, -1),
        known=torch.tensor([one.known for one in encoded], dtype=torch.bool).reshape(n, -1),
        positions=torch.zeros(n, most, 6, dtype=torch.long),
        visible=torch.zeros(n, 1, most, most, dtype=torch.bool),
        options=torch.zeros(n, options, dtype=torch.long),
        choices=torch.zeros(n, choices, dtype=torch.long),
        branches=torch.zeros(n, choices, options, dtype=torch.bool),
        path=torch.full((n, options, LEVELS, 2), -1, dtype=torch.long),
        legal=torch.zeros(n, options, dtype=torch.bool),
        biases=torch.zeros(n, options),
    )
    for row, one in enumerate(encoded):
        _fill(batch, row, one)
    return batch


def _fill(batch: Batch, row: int, one: Encoded) -> None:
    count, decide = len(one.options), one.tokens - 1
    positions = [(at.kind, at.rule, at.site, at.value, at.word, at.rank) for at in one.positions]
    batch.positions[row, : len(positions)] = torch.tensor(positions)
    batch.options[row, :count] = torch.arange(one.first_option, decide)
    batch.choices[row, : len(one.choices)] = torch.arange(decide, decide + len(one.choices))
    batch.legal[row, :count] = True
    batch.biases[row, :count] = torch.tensor([option.bias for option in one.options])
    paths = [[*path, *[(-1, -1)] * (LEVELS - len(path))] for path in one.paths]
    batch.path[row, :count] = torch.tensor(paths)
    for number, choice in enumerate(one.choices):
        batch.branches[row, number, list(choice.branches)] = True
    batch.visible[row, 0] = _visible(one, batch.visible.shape[-1])


def _visible(one: Encoded, size: int) -> Tensor:
    """bool[size, size], true where a row sees a column: all before it; below DECIDE, what led there."""
    seen = torch.ones(size, size, dtype=torch.bool).tril()
    seen[one.tokens :, one.tokens :] = False
    seen.fill_diagonal_(True)
    decide = one.tokens - 1
    for number, choice in enumerate(one.choices):
        if choice.above > 0:
            seen[decide + number] |= seen[decide + choice.above]
    return seen


class Block(nn.Module):
    """Attention, then a feed-forward layer, each behind a norm and added to what came in."""

    dropout = 0.0
    """Of what is added to the stream, while the base is trained."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.heads = size.heads
        self.attention_norm, self.feed_norm = nn.LayerNorm(size.width), nn.LayerNorm(size.width)
        self.attention_in = nn.Linear(size.width, 3 * size.width)
        self.attention_out = nn.Linear(size.width, size.width)
        self.feed_in = nn.Linear(size.width, 4 * size.width)
        self.feed_out = nn.Linear(4 * size.width, size.width)

    def forward(self, x: Tensor, visible: Tensor) -> Tensor:
        n, p, width = x.shape
        parts = self.attention_in(self.attention_norm(x)).view(n, p, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=visible)
        x = x + self._dropped(self.attention_out(seen.transpose(1, 2).reshape(n, p, width)))
        return x + self._dropped(self.feed_out(functional.gelu(self.feed_in(self.feed_norm(x)))))

    def _dropped(self, x: Tensor) -> Tensor:
        return functional.dropout(x, self.dropout, self.training)


class TinyNetwork(nn.Module):
    """`fact_centre` and `fact_scale` are those of the training data, and part of the weights."""

    def __init__(self, grammar: Grammar, size: Size = USUAL_SIZE) -> None:
        super().__init__()
        self.size = size
        facts = len(grammar.facts)
        self.groups = -(-facts // FACTS_A_POSITION)
        rows = (len(Kind), len(grammar.rules) + 1, MOST_SITES + 1, VALUES, len(grammar.words) + 1, MOST_RANKS + 1)
        self.tables = nn.ModuleList(nn.Embedding(count, size.width) for count in rows)
        self.fact_table = nn.Parameter(torch.empty(facts, BINS + 1, size.width))
        self.register_buffer("fact_centre", torch.zeros(facts))
        self.register_buffer("fact_scale", torch.ones(facts))
        self.blocks = nn.ModuleList(Block(size) for _ in range(size.layers))
        self.norm = nn.LayerNorm(size.width)
        self.pointer_query = nn.Linear(size.width, size.width)
        self.pointer_key = nn.Linear(size.width, size.width)
        self._begin()

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """log-probabilities of the options float[n, o] (without biases; of what is not legal, far below any other), and
        the state at DECIDE float[n, width].
        """
        x = self._embed(batch)
        for block in self.blocks:
            x = block(x, batch.visible)
        x = self.norm(x)
        asked = self.pointer_query(_at(x, batch.choices))
        offered = self.pointer_key(_at(x, batch.options))
        scores = asked @ offered.transpose(1, 2) / self.size.width**0.5
        taken = functional.log_softmax(scores.masked_fill(~batch.branches, _FORBIDDEN), dim=-1)
        return _along_paths(taken, batch), _at(x, batch.choices[:, :1])[:, 0]

    def _begin(self) -> None:
        """Small random weights; what is added to the stream is smaller with depth, as in GPT-2."""
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1:
                deep = name.endswith(("attention_out.weight", "feed_out.weight"))
                nn.init.normal_(parameter, std=0.04 / (2 * self.size.layers) ** 0.5 if deep else 0.04)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def _embed(self, batch: Batch) -> Tensor:
        x = sum(table(batch.positions[..., column]) for column, table in enumerate(self.tables))
        if not self.groups:
            return x
        scaled = ((batch.facts - self.fact_centre) / self.fact_scale).clamp(-BIN_BOUND, BIN_BOUND)
        centres = torch.linspace(-BIN_BOUND, BIN_BOUND, BINS)
        hats = (1 - (scaled[..., None] - centres).abs() / (centres[1] - centres[0])).clamp(min=0)
        weights = torch.cat([hats * batch.known[..., None], ~batch.known[..., None]], dim=-1)
        facts = torch.einsum("nfb,fbw->nfw", weights, self.fact_table)
        facts = functional.pad(facts, (0, 0, 0, self.groups * FACTS_A_POSITION - facts.shape[1]))
        grouped = facts.view(len(facts), self.groups, FACTS_A_POSITION, -1).sum(dim=2)
        return torch.cat([x[:, : self.groups] + grouped, x[:, self.groups :]], dim=1)


def _at(x: Tensor, places: Tensor) -> Tensor:
    """x[n, places[n, k]] as [n, k, width]."""
    return x.gather(1, places[..., None].expand(-1, -1, x.shape[-1]))


def _along_paths(taken: Tensor, batch: Batch) -> Tensor:
    """Sums the log-probabilities [n, c, o] of the choices that lead to each option: [n, o]."""
    choice, branch = batch.path.unbind(-1)
    places = (choice.clamp(min=0) * taken.shape[2] + branch.clamp(min=0)).flatten(1)
    found = taken.flatten(1).gather(1, places).view(choice.shape)
    return found.masked_fill(choice < 0, 0.0).sum(-1).masked_fill(~batch.legal, _FORBIDDEN)
