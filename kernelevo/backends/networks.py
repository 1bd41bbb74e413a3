"""Networks that domains bring along: their adapters, known by what they hold, and what an adapter makes of a base.

An adapter is a folder in peft's format, as `kernelevo.learning.folder_key` knows it. What is trained here with torch is
used with numpy alone: a linear layer with weight W and an adapter (A, B, scale) has the weight W + scale B A (Hu and
others, "LoRA", arXiv:2106.09685).
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp, mkstemp

import numpy as np

from kernelevo.backends.pipelines import Unsound
from kernelevo.errors import BadInput
from kernelevo.learning import folder_key

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
DIGITS = 16
"""Of a hash, in a pipeline's text."""
_PREFIX = "base_model.model."
Array = np.ndarray


@dataclass(frozen=True)
class Delta:
    """What an adapter changes: float32[out, in] by the names of linear layers, and `whole` arrays that it holds in full
    (heads), by their parameters' names.
    """

    layers: Mapping[str, Array]
    whole: Mapping[str, Array]


class Shelf:
    """Adapters by the first digits of their hash, in one folder that all workers and runs share. A copy that is there
    is never changed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, adapter: Path) -> str:
        """A copy of this adapter; raises BadInput for a folder that is none."""
        if not (adapter / CONFIG).is_file() or not (adapter / WEIGHTS).is_file():
            raise BadInput(f"the adapter in {adapter} has no {CONFIG} with {WEIGHTS}; give a folder in peft's format")
        key = folder_key(adapter)[:DIGITS]
        place = self._folder / key
        if not place.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            unfinished = Path(mkdtemp(dir=self._folder, prefix="."))
            shutil.copytree(adapter, unfinished, dirs_exist_ok=True)
            _settle(unfinished, place)
        return key

    def base(self, key: str, make: Callable[[], Mapping[str, Array]]) -> Mapping[str, Array]:
        """The arrays of a base; made where they are not here yet."""
        place = self._folder / f"base-{key}.npz"
        if not place.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            handle, unfinished = mkstemp(dir=self._folder, prefix=".", suffix=".npz")
            with os.fdopen(handle, "wb") as file:
                np.savez(file, **make())
            os.replace(unfinished, place)
        with np.load(place, allow_pickle=False) as kept:
            return {name: kept[name] for name in kept.files}

    def get(self, key: str) -> Delta:
        """Raises Unsound for one that is not here."""
        place = self._folder / key
        if not place.exists() or folder_key(place)[:DIGITS] != key:
            raise Unsound(f"the network {key} is not on this machine")
        return read_delta(place)


def _settle(unfinished: Path, place: Path) -> None:
    """Of several that copy the same at once, the first one's stays."""
    try:
        os.rename(unfinished, place)
    except OSError:
        shutil.rmtree(unfinished)
        if not place.exists():
            raise


def read_delta(adapter: Path) -> Delta:
    """Raises BadInput for what peft has not written."""
    from safetensors.numpy import load_file

    try:
        config = json.loads((adapter / CONFIG).read_text(encoding="utf-8"))
        stored = {name.removeprefix(_PREFIX): value for name, value in load_file(adapter / WEIGHTS).items()}
        scale = float(config["lora_alpha"]) / float(config["r"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"the adapter in {adapter} cannot be read ({error}); give a folder in peft's format") from error
    below = {name.removesuffix(".lora_A.weight"): value for name, value in stored.items() if ".lora_A." in name}
    above = {name.removesuffix(".lora_B.weight"): value for name, value in stored.items() if ".lora_B." in name}
    if below.keys() != above.keys():
        raise BadInput(f"the adapter in {adapter} has one half of some layers only; give it whole")
    whole = {name: value for name, value in stored.items() if ".lora_" not in name}
    return Delta({name: np.float32(scale) * (above[name] @ below[name]) for name in below}, whole)
