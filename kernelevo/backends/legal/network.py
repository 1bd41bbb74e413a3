"""The network of the backend legal: an encoder of cases, character n-grams to 256 numbers of length 1, with a head.

    TF-IDF of character 1- and 2-grams -> project -> mix -> length 1 -> (head: cosines with a direction for each charge)

Its base knows no label: `project` is a truncated SVD, whitened, of the training split's texts, `mix` changes nothing,
and there is no head (pipeline.py asks the charges' centroids, which is where one begins to be trained). An adapter
(LoRA through peft) on both layers is trained with the head, which it holds whole, by the charges of the training
split. It is used with numpy and scipy alone, so that workers load no torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.utils.extmath import randomized_svd

from kernelevo.backends.agents import RANK, Array, save_adapter
from kernelevo.backends.pipelines import Unsound

DIMENSIONS, FEATURES = 256, 20_000
LEAST_VALUE = 1e-6
"""Of a singular value, below which it is rounding."""
SHARPNESS = 16.0
"""Cosines are multiplied by it before they become probabilities."""
HEAD = "head.weight"
EPOCHS, BATCH, RATE = 10, 64, 2e-3
DROPPED = 0.5
"""Of a case's n-grams in each epoch, drawn anew: thousands of cases tell hundreds of charges by a few words each, which
a network with as many weights would know by heart.
"""


class Reader:
    """Texts to sparse rows: fitted on texts alone, which are those of the training split."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._counted = TfidfVectorizer(
            analyzer="char", ngram_range=(1, 2), max_features=FEATURES, sublinear_tf=True, dtype=np.float32
        )
        self.known = self._counted.fit_transform(texts)

    def rows(self, texts: Sequence[str]) -> Any:
        """scipy.sparse float32[texts, features]."""
        return self._counted.transform(texts)


def make_base(reader: Reader, seed: int) -> Mapping[str, Array]:
    """`project.weight` float32[dimensions, features] and `mix.weight` float32[dimensions, dimensions]."""
    count = min(DIMENSIONS, min(reader.known.shape) - 1)
    _, values, right = randomized_svd(reader.known, n_components=count, random_state=seed)
    whitened = right / np.maximum(values, LEAST_VALUE)[:, None] * np.sqrt(reader.known.shape[0] / count)
    return {"project.weight": whitened.astype(np.float32), "mix.weight": np.eye(count, dtype=np.float32)}


def encoded(network: Mapping[str, Array], rows: Any) -> Array:
    """float64[cases, dimensions], rows of length 1; raises Unsound where values are too large."""
    with np.errstate(over="ignore", invalid="ignore"):
        places = np.asarray((rows @ network["project.weight"].T) @ network["mix.weight"].T, dtype=np.float64)
    if not np.isfinite(places).all():
        raise Unsound("the network encodes a case as what is not finite")
    return places / np.maximum(np.linalg.norm(places, axis=1, keepdims=True), 1e-12)


def head_votes(network: Mapping[str, Array], places: Array, charges: int) -> Array:
    """float64[cases, charges]: probabilities of the network's own head, which it has. Raises Unsound for a head of
    other charges.
    """
    if network[HEAD].shape != (charges, places.shape[1]):
        raise Unsound(f"the network's head has the shape {network[HEAD].shape}, and there are {charges} charges")
    ways = network[HEAD].astype(np.float64)
    logits = SHARPNESS * places @ (ways / np.maximum(np.linalg.norm(ways, axis=1, keepdims=True), 1e-12)).T
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def train_adapter(
    base: Mapping[str, Array], adapter: Path | None, rows: Any, labels: Array, charges: int, into: Path, seed: int,
    strength: float,
) -> list[float]:  # fmt: skip
    """Writes the adapter, and gives the mean cross entropy of each epoch. `rows` are those of the cases with these
    labels, int[cases].
    """
    import torch
    from peft import LoraConfig, PeftModel, get_peft_model

    torch.set_num_threads(1)  # results hang on their number
    torch.manual_seed(seed)
    network = _network(base, _centroids(encoded(base, rows), labels, charges))
    if adapter is None:
        config = LoraConfig(
            r=RANK, lora_alpha=RANK, target_modules=["project", "mix"], modules_to_save=["head"], lora_dropout=0.0
        )
        tuned: Any = get_peft_model(network, config)
    else:
        tuned = PeftModel.from_pretrained(network, str(adapter), is_trainable=True)
    trained = [each for each in tuned.parameters() if each.requires_grad]
    optimiser = torch.optim.Adam(trained, lr=RATE)
    losses = []
    source = np.random.default_rng(seed)
    for _ in range(max(1, round(EPOCHS * strength))):
        losses.append(_epoch(tuned, optimiser, rows, labels, source))
    save_adapter(tuned, into)
    return losses


def _epoch(tuned: Any, optimiser: Any, rows: Any, labels: Array, source: np.random.Generator) -> float:
    import torch
    from torch.nn.functional import cross_entropy

    order, lost = source.permutation(len(labels)), 0.0
    for at in range(0, len(order), BATCH):
        chosen = order[at : at + BATCH]
        shown = rows[chosen]
        shown.data = shown.data * (source.random(shown.nnz) >= DROPPED).astype(shown.data.dtype)
        loss = cross_entropy(tuned(torch.from_numpy(shown.toarray())), torch.from_numpy(labels[chosen]))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        lost += float(loss.detach()) * len(chosen)
    return lost / len(order)


def _centroids(places: Array, labels: Array, charges: int) -> Array:
    sums = np.zeros((charges, places.shape[1]))
    np.add.at(sums, labels, places)
    return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)


def _network(base: Mapping[str, Array], head: Array) -> Any:
    import torch
    from torch import nn
    from torch.nn.functional import normalize

    dimensions, features = base["project.weight"].shape

    class CaseEncoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.project = nn.Linear(features, dimensions, bias=False)
            self.mix = nn.Linear(dimensions, dimensions, bias=False)
            self.head = nn.Linear(dimensions, head.shape[0], bias=False)

        def forward(self, values: Any) -> Any:
            places = normalize(self.mix(self.project(values)), dim=1)
            return SHARPNESS * places @ normalize(self.head.weight, dim=1).T

    network = CaseEncoder()
    with torch.no_grad():
        network.project.weight.copy_(torch.from_numpy(np.array(base["project.weight"])))
        network.mix.weight.copy_(torch.from_numpy(np.array(base["mix.weight"])))
        network.head.weight.copy_(torch.from_numpy(head.astype(np.float32)))
    return network
