"""Training an adapter on rows by one objective: epochs of minibatches of whole groups, until the end or until the
policy has moved far enough. The same rows, trainer and seed give the same adapter (on a CPU; a GPU may add in another
order).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from kernelevo.errors import Infrastructure
from kernelevo.learning_interfaces import AdapterTrainer, ScoredReplies
from kernelevo.levers.weights.choose import Objective
from kernelevo.levers.weights.objectives import advantages as worth
from kernelevo.levers.weights.objectives import losses
from kernelevo.levers.weights.objectives.losses import Scored
from kernelevo.levers.weights.rows import Row, Selection
from kernelevo.levers.weights.settings import WeightSettings

_ADAM = {"betas": (0.9, 0.95), "eps": 1e-8}
SAME_POLICY = 0.05
"""Nats a token: recorded log-probabilities of the present policy that differ by more were of another temperature."""


@dataclass(frozen=True)
class Trained:
    """`losses` of the steps in order; `kl_before` and `kl_base` are estimates of KL in nats a token, of the policy that
    it began with from the new one and of the new one from the base. `recorded_apart` is the largest distance between
    recorded and present log-probabilities of the present policy's own replies, None where none were recorded.
    """

    losses: tuple[float, ...]
    kl_before: float
    kl_base: float
    stopped: str
    recorded_apart: float | None


@dataclass(frozen=True)
class _Before:
    """The policy when training began, a row each: its own log-probabilities of the reply's tokens, those by which the
    row is weighed, its values, and whether the row has a part.
    """

    own: list[Tensor]
    old: list[Tensor]
    values: Tensor
    fits: list[bool]
    recorded_apart: float | None


def train(
    trainer: AdapterTrainer, chosen: Selection, objective: Objective, settings: WeightSettings, seed: int
) -> Trained:
    """Raises Infrastructure if a loss is no finite number."""
    course = _Course(trainer, chosen, objective, settings)
    optimizer = torch.optim.Adam(trainer.parameters(), lr=settings.learning_rate, **_ADAM)
    found: list[float] = []
    stopped = ""
    for batch in course.batches(seed):
        scores = course.score(batch)
        moved, _ = course.divergences(batch, scores)
        if moved > settings.kl_stop:
            stopped = f"the policy had moved by {moved:.3g} nats a token"
            break
        found.append(_step(course.loss(batch, scores), trainer, optimizer, settings))
    kl_before, kl_base = course.moved()
    return Trained(tuple(found), kl_before, kl_base, stopped, course.before.recorded_apart)


def _step(loss: Tensor, trainer: AdapterTrainer, optimizer: torch.optim.Optimizer, settings: WeightSettings) -> float:
    number = float(loss.detach())
    if not math.isfinite(number):
        raise Infrastructure(f"training the adapter gave the loss {number}; lower the learning rate and go on")
    optimizer.zero_grad()
    if loss.requires_grad:
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trainer.parameters(), settings.gradient_clip)
        optimizer.step()
    return number


@dataclass(frozen=True)
class _Course:
    """A trainer, what it learns from, and by what. A batch is a list of rows."""

    trainer: AdapterTrainer
    chosen: Selection
    objective: Objective
    settings: WeightSettings

    @cached_property
    def before(self) -> _Before:
        """The present policy's replies are scored anew, so that they are weighed by exactly 1; stale ones are weighed
        by what was recorded when they were written.
        """
        own: list[Tensor] = []
        values: list[Tensor] = []
        for batch in self._in_order():
            with torch.no_grad():
                scores = self.score(batch)
            own += [row[mask] for row, mask in zip(scores.log_probabilities, scores.mask, strict=True)]
            values.append(scores.values)
        rows = self.chosen.rows
        told = [_recorded(row, tokens) for row, tokens in zip(rows, own, strict=True)]
        known = [
            float((one - other).abs().max())
            for row, one, other in zip(rows, told, own, strict=True)
            if one is not None and len(other) and not row.stale
        ]
        apart = max(known) if known else None
        # What was recorded under another temperature cannot weigh what another policy wrote.
        usable = apart is None or apart <= SAME_POLICY
        fits = [
            len(tokens) > 0 and not (row.stale and (one is None or not usable))
            for row, one, tokens in zip(rows, told, own, strict=True)
        ]
        old = [
            one if row.stale and one is not None else tokens for row, one, tokens in zip(rows, told, own, strict=True)
        ]
        return _Before(own, old, torch.cat(values), fits, apart)

    @cached_property
    def targets(self) -> Tensor:
        """Per row: its advantage, its weight (best_of_n) or its value (dpo); NaN for what has no part."""
        before, rows = self.before, self.chosen.rows
        values = np.where(before.fits, [row.value for row in rows], math.nan)
        found = np.full(len(rows), math.nan)
        if self.objective == "ppo":
            gains = np.where(before.fits, [row.gain for row in rows], math.nan)
            states = before.values.double().cpu().numpy()
            previous = [row.previous for row in rows]
            found = worth.generalised(gains, states, previous, self.settings.gamma, self.settings.smoothing)
        else:
            for group in self.chosen.groups:
                found[list(group)] = _of_group(self.objective, values[list(group)])
        return torch.as_tensor(found, dtype=before.values.dtype, device=before.values.device)

    def score(self, batch: Sequence[int]) -> ScoredReplies:
        rows = [self.chosen.rows[row] for row in batch]
        return self.trainer.score([row.prompt for row in rows], [row.reply for row in rows])

    def loss(self, batch: Sequence[int], scores: ScoredReplies) -> Tensor:
        settings, own = self.settings, self.targets[list(batch)]
        old = _padded(self.before.old, batch, scores)
        scored = Scored(scores.log_probabilities, old, scores.base, scores.mask)
        match self.objective:
            case "grpo":
                return losses.grpo_loss(scored, own, settings.clip, settings.kl_weight)
            case "ppo":
                values = self.before.values[list(batch)]
                return losses.ppo_loss(scored, own, scores.values, values, settings.clip, settings.value_weight)
            case "entropic":
                return losses.entropic_loss(scored, own, settings.kl_weight, settings.ratio_cap)
            case "reinforce":
                return losses.reinforce_loss(scored, own, settings.kl_weight, settings.ratio_cap)
            case "best_of_n":
                return losses.cloning_loss(scored, own)
        return losses.dpo_loss(scored, *self._pairs(batch, own), settings.dpo_beta)

    def divergences(self, batch: Sequence[int], scores: ScoredReplies) -> tuple[float, float]:
        """Estimates of KL in nats a token, of the policy before from the present one, and of this one from the base."""
        new = scores.log_probabilities.detach()
        own = _padded(self.before.own, batch, scores)
        from_base = losses.divergence(new, scores.base, scores.mask, wrote=own)
        return float(losses.divergence(own, new, scores.mask)), float(from_base)

    def moved(self) -> tuple[float, float]:
        """The same over all rows."""
        total, tokens = np.zeros(2), 0
        for batch in self._in_order():
            with torch.no_grad():
                scores = self.score(batch)
            total += int(scores.mask.sum()) * np.array(self.divergences(batch, scores))
            tokens += int(scores.mask.sum())
        return float(total[0] / max(tokens, 1)), float(total[1] / max(tokens, 1))

    def batches(self, seed: int) -> Iterator[list[int]]:
        """Whole groups in an order drawn anew for each epoch, about `minibatch` rows at a time."""
        draw = np.random.default_rng(seed)
        for _ in range(self.settings.epochs):
            batch: list[int] = []
            for number in draw.permutation(len(self.chosen.groups)):
                batch += self.chosen.groups[number]
                if len(batch) >= self.settings.minibatch:
                    yield batch
                    batch = []
            if batch:
                yield batch

    def _in_order(self) -> Iterator[list[int]]:
        rows = list(range(len(self.chosen.rows)))
        for start in range(0, len(rows), self.settings.minibatch):
            yield rows[start : start + self.settings.minibatch]

    def _pairs(self, batch: Sequence[int], values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Every group weighs the same, however many pairs it has."""
        place = {row: number for number, row in enumerate(batch)}
        told = values.double().cpu().numpy()
        better, worse, weights = [], [], []
        for group in self.chosen.groups:
            if group[0] in place:
                rows = [place[row] for row in group]
                pairs = worth.ranked_pairs(told[rows])
                better += [rows[i] for i, _ in pairs]
                worse += [rows[j] for _, j in pairs]
                weights += [1 / len(pairs)] * len(pairs)
        places = [torch.tensor(each, dtype=torch.long, device=values.device) for each in (better, worse)]
        return places[0], places[1], values.new_tensor(weights)


def _of_group(objective: Objective, values: worth.Numbers) -> worth.Numbers:
    match objective:
        case "grpo":
            return worth.group_relative(values)
        case "entropic":
            return worth.entropic(values)[0]
        case "reinforce":
            return worth.leave_one_out(values)
        case "best_of_n":
            return worth.best_of(values)
    return values


def _recorded(row: Row, own: Tensor) -> Tensor | None:
    """What was recorded of the reply's tokens, if that is a figure for each of those that are scored."""
    tokens = row.reply.tokens
    if tokens is None or len(tokens) != len(own):
        return None
    return own.new_tensor([token.log_probability for token in tokens])


def _padded(rows: Sequence[Tensor], batch: Sequence[int], scores: ScoredReplies) -> Tensor:
    """float[n, t] with the batch's rows where its replies have tokens, and 0.0 elsewhere."""
    found = torch.zeros_like(scores.log_probabilities)
    for place, row in enumerate(batch):
        found[place, scores.mask[place]] = rows[row]
    return found
