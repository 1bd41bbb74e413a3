"""Trains the base of `tiny` on traces of searches, supervised.

For each state the target is softmax(gain / TEMPERATURE) over the options that were tried, gain being log2 of the best
reward that was reached through an option: better ones are likelier, nearly equal ones nearly equally so, failures are
not. The network is compared with it over these options alone; what was not tried is neither praised nor blamed.

In training some options are left out at random, as a harness may switch them off; so are words and facts, and the other
facts are off a little: there are few problems, and what is learned must not hang on one number. What is judged and kept
is a running mean of the weights, as it was when the loss on problems that had no part in training was least.
"""

from __future__ import annotations

import copy
import dataclasses
import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from kernelevo.decisions import STOP
from kernelevo.models.tiny.base import random_base
from kernelevo.models.tiny.held_out import HeldOut, judge_on
from kernelevo.models.tiny.imitation import loss_of
from kernelevo.models.tiny.network import USUAL_SIZE, Batch, Size, TinyNetwork, collate
from kernelevo.models.tiny.tokens import Encoder
from kernelevo.models.tiny.training_data import State, TrainingData, make_state


@dataclass(frozen=True)
class TrainingSettings:
    """`temperature` is the target's, in log2 of gain; after `patience` epochs without a better loss training ends."""

    seed: int = 0
    epochs: int = 20
    patience: int = 5
    batch: int = 16
    learning_rate: float = 5e-4
    warmup: float = 0.05
    weight_decay: float = 0.05
    dropout: float = 0.1
    mean_decay: float = 0.99
    options_left_out: float = 0.1
    words_left_out: float = 0.2
    facts_left_out: float = 0.25
    facts_off: float = 0.2
    temperature: float = 0.15
    size: Size = USUAL_SIZE


def train_base(
    data: TrainingData, encoder: Encoder, settings: TrainingSettings, say: Callable[[str], None]
) -> tuple[TinyNetwork, dict[str, Any]]:
    """The network, and what its recipe says of the training. The same data and settings give the same weights (on the
    same torch and number of threads).
    """
    began = time.monotonic()
    network = random_base(encoder.grammar, settings.seed, settings.size).network
    _measure_facts(network, data.train)
    for block in network.blocks:
        block.dropout = settings.dropout
    network, epochs = _fit(network, data, encoder, settings, say)
    held_out = judge_on(data.held_out, network, settings.temperature)
    problems = data.problems
    report = {
        "traces_sha256": data.key,
        "trained_on": {"problems": problems(data.train), "states": len(data.train)},
        "settings": dataclasses.asdict(settings), "epochs": epochs, "seconds": round(time.monotonic() - began),
        "torch": torch.__version__.split("+")[0], "threads": torch.get_num_threads(),
        "held_out": held_out.as_json(),
    }  # fmt: skip
    return network, report


def _fit(
    network: TinyNetwork, data: TrainingData, encoder: Encoder, settings: TrainingSettings, say: Callable[[str], None]
) -> tuple[TinyNetwork, int]:
    """The weights of the epoch with the least loss on held-out problems, and the number of epochs."""
    source = random.Random(settings.seed)
    steps = settings.epochs * -(-len(data.train) // settings.batch)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, betas=(0.9, 0.98), weight_decay=settings.weight_decay
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step / steps, settings.warmup))
    mean = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(settings.mean_decay))
    best: tuple[float, TinyNetwork, int] | None = None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        for epoch in range(1, settings.epochs + 1):
            trained = _epoch(network, mean, data.train, encoder, settings, optimizer, schedule, source)
            found = judge_on(data.held_out, mean.module, settings.temperature)
            say(f"epoch {epoch}: loss {trained:.4f} in training; {told(found)}")
            if best is None or found.loss < best[0]:
                best = found.loss, copy.deepcopy(mean.module), epoch
            if epoch - best[2] >= settings.patience:
                break
    assert best is not None
    return best[1].eval(), best[2]


def _epoch(
    network: TinyNetwork, mean: AveragedModel, states: Sequence[State], encoder: Encoder, settings: TrainingSettings,
    optimizer: torch.optim.Optimizer, schedule: Any, source: random.Random,
) -> float:  # fmt: skip
    network.train()
    total = 0.0
    for some in _batches(states, settings.batch, source):
        shown = [_with_fewer_options(state, settings, encoder, source) for state in some]
        batch = _blurred(collate([state.encoded for state in shown]), network.fact_scale, settings)
        loss = loss_of(network(batch)[0], shown, settings.temperature)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        mean.update_parameters(network)
        total += loss.item() * len(some)
    return total / len(states)


def _batches(states: Sequence[State], size: int, source: random.Random) -> Iterator[list[State]]:
    """Every state once; those of a batch are about as long as each other, so that little is padded."""
    order = sorted(states, key=lambda state: len(state.encoded.positions) + source.uniform(0, 16))
    batches = [order[begin : begin + size] for begin in range(0, len(order), size)]
    source.shuffle(batches)
    return iter(batches)


def _with_fewer_options(state: State, settings: TrainingSettings, encoder: Encoder, source: random.Random) -> State:
    """Half of the states lose some options and words; STOP stays, and so does a choice."""
    if source.random() < 0.5:
        return state
    part, words = 2 * settings.options_left_out, 2 * settings.words_left_out
    seen = state.observation
    observation = dataclasses.replace(
        seen, options=tuple(one for one in seen.options if one.decision == STOP or source.random() >= part),
        words=tuple(word for word in seen.words if source.random() >= words),
    )  # fmt: skip
    decisions = (option.decision for option in state.encoded.options)
    gains = dict(zip(decisions, state.gains, strict=True))
    fewer = make_state(state.task, state.family, observation, gains, encoder)
    return fewer if fewer.told else state


def _blurred(batch: Batch, scale: Tensor, settings: TrainingSettings) -> Batch:
    """Facts moved by parts of their standard deviation, and some of them not known."""
    facts = batch.facts + settings.facts_off * scale * torch.randn_like(batch.facts)
    known = batch.known & (torch.rand_like(batch.facts) >= settings.facts_left_out)
    return dataclasses.replace(batch, facts=facts, known=known)


def _measure_facts(network: TinyNetwork, states: Sequence[State]) -> None:
    """Centre and scale of each fact, over the states that know it."""
    for column in range(len(network.fact_centre)):
        found = [state.encoded.facts[column] for state in states if state.encoded.known[column]]
        if found:
            numbers = torch.tensor(found, dtype=torch.float64)
            network.fact_centre[column] = numbers.mean()
            network.fact_scale[column] = max(numbers.std(correction=0).item(), 1e-3)


def _rate(done: float, warmup: float) -> float:
    """Linear to 1, then half a cosine down to 0.05."""
    if done < warmup:
        return done / warmup
    return 0.05 + 0.95 * (1 + math.cos(math.pi * min(1.0, (done - warmup) / (1 - warmup)))) / 2


def told(found: HeldOut) -> str:
    """One line for people."""
    policy, uniform, order = found.policy, found.uniform, found.order
    return (
        f"held-out loss {found.loss:.4f}, first choice best in {policy.top1:.3f} (rules' order {order.top1:.3f}), "
        f"its gain {policy.first:.3f} (order {order.first:.3f}), a draw {policy.one:.3f} (uniform {uniform.one:.3f}), "
        f"of four {policy.four:.3f} (uniform {uniform.four:.3f}, order {order.four:.3f}) of {found.best:.3f} log2"
    )
