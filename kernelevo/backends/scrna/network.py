"""The network of the backend scrna: a count autoencoder that says which share of a cell's molecules each gene has.

    log1p of rescaled counts -> encode (relu) -> narrow -> spread -> softmax over genes

Its base is trained by the multinomial likelihood of whole counts, as denoising autoencoders of counts are (Eraslan and
others, "DCA", Nature Communications 10, 2019). An adapter (LoRA through peft, on all three layers) is trained for what
is judged here: molecules are dealt again and again, and both guarded losses of the held-out ones, each over what no
denoising loses, are made small, the Poisson loss before the other. It is used with numpy alone, so that workers load no
torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from kernelevo.backends.agents import RANK, Array, save_adapter
from kernelevo.backends.pipelines import Unsound
from kernelevo.backends.scrna.scoring import EPSILON, TARGET, log_rescaled
from kernelevo.backends.scrna.thinning import TRAIN_SHARE, Counts

WIDE, NARROW = 128, 64
LAYERS = ("encode", "narrow", "spread")
BASE_STEPS, BASE_RATE = 300, 1e-3
ADAPTER_STEPS, ADAPTER_RATE = 240, 1e-3
BATCH = 96
AT_A_TIME = 128
"""Cells: whole matrices of all genes are large."""
SQUARED, POISSON = 0.5, 1.5
"""Weights of both losses for an adapter. The squared error of logarithms asks for less than the mean, which a power of
the blend (`gamma`) gives as well: that is left to the harness, so that both levers do not do the same.
"""


def shares_of(network: Mapping[str, Array], counts: Array) -> Array:
    """float64[cells, genes], rows that add up to 1, of counts float64[cells, genes]. Raises Unsound where weights are
    so large that values overflow.
    """
    shares = np.empty(counts.shape)
    for at in range(0, counts.shape[0], AT_A_TIME):
        logits = _logits(network, counts[at : at + AT_A_TIME])
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares[at : at + AT_A_TIME] = powers / powers.sum(axis=1, keepdims=True)
    return shares


def _logits(network: Mapping[str, Array], counts: Array) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):
        hidden = np.maximum(_layer(network, "encode", log_rescaled(counts).astype(np.float32)), 0.0)
        logits = _layer(network, "spread", _layer(network, "narrow", hidden)).astype(np.float64)
    if not np.isfinite(logits).all():
        raise Unsound("the network says of a cell what is not finite")
    return logits


def _layer(network: Mapping[str, Array], name: str, values: Array) -> Array:
    return np.asarray(values @ network[f"{name}.weight"].T + network[f"{name}.bias"])


def train_base(counts: Counts, seed: int) -> Mapping[str, Array]:
    """The layers' weights float32[out, in] and biases, trained on all of these counts."""
    import torch

    torch.set_num_threads(1)  # results hang on their number
    torch.manual_seed(seed)
    network = _network(counts.shape[1])
    mean = np.asarray(counts.sum(axis=0), dtype=np.float64).ravel() + 0.5
    with torch.no_grad():
        network.spread.bias.copy_(torch.from_numpy(np.log(mean / mean.sum())))
    optimiser = torch.optim.Adam(network.parameters(), lr=BASE_RATE)
    source = np.random.default_rng(seed)
    of_epoch = -(-counts.shape[0] // BATCH)
    epochs = -(-BASE_STEPS // of_epoch)
    steps = BASE_STEPS if of_epoch > BASE_STEPS else epochs * of_epoch  # whole epochs, or a part of a large one
    for block in islice(_batches(counts.shape[0], epochs, source), steps):
        dense = counts[block].toarray().astype(np.float32)
        told = torch.from_numpy(dense)
        logits = network(torch.from_numpy(log_rescaled(dense).astype(np.float32)))
        loss = -(told * torch.log_softmax(logits, dim=1)).sum() / told.sum()
        _step(optimiser, loss)
    return {name: value.detach().numpy().copy() for name, value in network.state_dict().items()}


def train_adapter(
    base: Mapping[str, Array], adapter: Path | None, counts: Counts, into: Path, seed: int, strength: float
) -> list[float]:
    """Writes the adapter, and gives the loss of each twentieth of its steps (2 is no denoising)."""
    import torch
    from peft import LoraConfig, PeftModel, get_peft_model

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    network = _network(counts.shape[1])
    network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in base.items()})
    if adapter is None:
        config = LoraConfig(r=RANK, lora_alpha=RANK, target_modules=list(LAYERS), lora_dropout=0.0)
        tuned: Any = get_peft_model(network, config)
    else:
        tuned = PeftModel.from_pretrained(network, str(adapter), is_trainable=True)
    optimiser = torch.optim.Adam([each for each in tuned.parameters() if each.requires_grad], lr=ADAPTER_RATE)
    steps = max(20, round(ADAPTER_STEPS * strength))
    losses = _adapted(tuned, optimiser, counts, np.random.default_rng(seed), steps)
    save_adapter(tuned, into)
    every = max(1, steps // 20)
    return [float(np.mean(losses[at : at + every])) for at in range(0, steps, every)]


def _adapted(tuned: Any, optimiser: Any, counts: Counts, source: np.random.Generator, steps: int) -> list[float]:
    losses: list[float] = []
    epochs = -(-steps * BATCH // counts.shape[0]) + 1
    for block in _batches(counts.shape[0], epochs, source):
        train, whole = _dealt(counts[block], source)
        kept = (train.sum(axis=1) > 0) & (whole.sum(axis=1) > train.sum(axis=1))
        if kept.any():
            loss = _weighed_loss(tuned, train[kept], (whole - train)[kept])
            _step(optimiser, loss)
            losses.append(float(loss.detach()))
        if len(losses) == steps:
            break
    return losses


def _dealt(counts: Counts, source: np.random.Generator) -> tuple[Array, Array]:
    """float32[cells, genes] each: a training half, and all molecules. Only places with molecules are drawn for."""
    train = counts.copy()
    train.data = source.binomial(counts.data.astype(np.int64), TRAIN_SHARE).astype(np.float32)
    return train.toarray(), counts.toarray().astype(np.float32)


def _weighed_loss(tuned: Any, train: Array, test: Array) -> Any:
    """Both losses of scoring.py, each divided by that of no denoising over that of the test half itself."""
    import torch

    scale = test.sum() / train.sum()
    shown, target = log_rescaled(train), log_rescaled(test)
    shares = torch.softmax(tuned(torch.from_numpy(shown)), dim=1)
    mean = shares * torch.from_numpy(train.sum(axis=1, keepdims=True) * scale)
    squared = torch.mean((torch.log1p(TARGET * shares) - torch.from_numpy(target)) ** 2)
    poisson = torch.mean(mean - torch.from_numpy(test) * torch.log(mean + EPSILON))
    nothing = float(np.mean((shown - target) ** 2))
    worst, perfect = _poisson(train * scale, test), _poisson(test, test)
    return SQUARED * squared / nothing + POISSON * (poisson - perfect) / (worst - perfect)


def _poisson(mean: Array, found: Array) -> float:
    """The mean loss; its logarithms are needed where molecules were found alone."""
    some = found > 0
    return float((mean.sum() - (found[some] * np.log(mean[some] + EPSILON)).sum()) / found.size)


def _network(genes: int) -> Any:
    import torch
    from torch import nn

    class CountAutoencoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encode, self.narrow = nn.Linear(genes, WIDE), nn.Linear(WIDE, NARROW)
            self.spread = nn.Linear(NARROW, genes)

        def forward(self, values: Any) -> Any:
            return self.spread(self.narrow(torch.relu(self.encode(values))))

    return CountAutoencoder()


def _batches(cells: int, epochs: int, source: np.random.Generator) -> Iterator[Array]:
    for _ in range(epochs):
        order = source.permutation(cells)
        yield from (order[at : at + BATCH] for at in range(0, cells, BATCH))


def _step(optimiser: Any, loss: Any) -> None:
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
