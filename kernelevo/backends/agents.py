"""What a domain of pipelines brings along to act in it: a model that writes pipelines by a harness, and a small network
of its own, whose LoRA adapter is trained on the training split.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from kernelevo.backends.networks import OF_BASE, Delta, Shelf
from kernelevo.backends.pipeline_model import PipelineModel
from kernelevo.backends.pipelines import NoPipeline, Space, Unsound
from kernelevo.errors import BadInput
from kernelevo.learning import apart
from kernelevo.learning_interfaces import Fitted

Array = np.ndarray
RANK = 32
MOST_MERGED = 4
"""Networks with an adapter that are kept at hand."""


class PipelineAgent(ABC):
    """An Agent (kernelevo.learning_interfaces) of a domain whose candidates are pipelines of `space`."""

    def __init__(self, space: Space, shelf: Shelf, networks: Networks) -> None:
        self.space, self.shelf, self.networks = space, shelf, networks

    def model(self, seed: int, asked: Mapping[str, int]) -> PipelineModel:
        return PipelineModel(self.space, self.shelf, seed, asked, self.networks.of)

    def check(self, text: str) -> None:
        """Raises BadInput for a harness's text that holds anything but pipelines of this domain; an empty one is the
        start's.
        """
        try:
            for each in apart(text):
                self.space.read(each)
        except NoPipeline as fault:
            raise BadInput(f"the harness's pipeline is none: {fault}") from fault

    @abstractmethod
    def fit(self, text: str, adapter: Path | None, into: Path, seed: int, strength: float) -> Fitted:
        """Trains an adapter on the training split behind the pipeline `text` (the start's, where it is empty), going on
        from `adapter`, and writes it into `into`. `strength` scales how long it is trained.
        """


class Networks:
    """A base, made once and kept on disk by `key`, and what adapters make of it. Used with numpy alone. Without a shelf
    the base is made in this process, and there is no adapter.
    """

    def __init__(self, shelf: Shelf | None, key: str, make: Callable[[], Mapping[str, Array]]) -> None:
        self.key = key
        self._shelf, self._make = shelf, make
        self._base: Mapping[str, Array] | None = None
        self._merged: OrderedDict[str, Mapping[str, Array]] = OrderedDict()

    def base(self) -> Mapping[str, Array]:
        """Arrays by name; `NAME.weight` is that of a linear layer."""
        if self._base is None:
            self._base = self._make() if self._shelf is None else self._shelf.base(self.key, self._make)
        return self._base

    def of(self, network: str) -> Mapping[str, Array]:
        """The base, or what the adapter of this key makes of it; raises Unsound for one that does not fit."""
        if not network:
            return self.base()
        if self._shelf is None:
            raise Unsound(f"the network {network} is not on this machine")
        if network not in self._merged:
            if len(self._merged) >= MOST_MERGED:
                self._merged.popitem(last=False)
            self._merged[network] = self._read(network, self._shelf)
        self._merged.move_to_end(network)
        return self._merged[network]

    def _read(self, network: str, shelf: Shelf) -> Mapping[str, Array]:
        """Whoever names it in a pipeline's text has chosen it: what is wrong with it is the candidate's fault."""
        try:
            delta = shelf.get(network)
            if delta.base not in ("", self.key):
                raise Unsound(f"the network {network} was trained on another base, {delta.base}, not on {self.key}")
            return merged(self.base(), delta)
        except BadInput as error:
            raise Unsound(f"the network {network}: {error}") from error


def merged(base: Mapping[str, Array], delta: Delta) -> Mapping[str, Array]:
    """Raises BadInput for an adapter of another base. What is whole and no part of the base is not looked at."""
    found = dict(base)
    for name, change in delta.layers.items():
        weight = base.get(f"{name}.weight")
        if weight is None or weight.shape != change.shape:
            raise BadInput(f"the adapter changes a layer {name!r} of another network; give one that was trained here")
        found[f"{name}.weight"] = weight + change
    for name, whole in delta.whole.items():
        if name in base and base[name].shape != whole.shape:
            raise BadInput(f"the adapter holds {name!r} of another network; give one that was trained here")
    return {**found, **delta.whole}


def note_base(into: Path, key: str) -> None:
    """In the adapter's folder: the key of the base that it was trained on."""
    (into / OF_BASE).write_text(f"{key}\n", encoding="utf-8")


def save_adapter(network: object, into: Path) -> None:
    """In peft's format, the same bytes for the same adapter; without the card that peft writes beside it."""
    import json

    network.save_pretrained(str(into))  # type: ignore[attr-defined]
    for other in into.iterdir():
        if other.suffix == ".md":
            os.unlink(other)
    config = into / "adapter_config.json"
    plain = json.loads(config.read_text(encoding="utf-8"))
    plain = {name: sorted(value) if isinstance(value, list) else value for name, value in plain.items()}
    config.write_text(json.dumps(plain, indent=1, sort_keys=True) + "\n", encoding="utf-8")
