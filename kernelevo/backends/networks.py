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
from typing import Any
from zipfile import BadZipFile

import numpy as np

from kernelevo.backends.pipelines import Unsound
from kernelevo.errors import BadInput
from kernelevo.learning import folder_key

CONFIG, WEIGHTS, OF_BASE = "adapter_config.json", "adapter_model.safetensors", "base.txt"
"""`OF_BASE` holds the key of the base that an adapter was trained on: another may have the same shape."""
PLAIN: Mapping[str, tuple[Any, ...]] = {
    "peft_type": ("LORA",), "bias": ("none",), "use_rslora": (False,), "use_dora": (False,), "fan_in_fan_out": (False,),
    "rank_pattern": ({}, None), "alpha_pattern": ({}, None),
}  # fmt: skip
"""What of peft's settings is understood here, where an adapter says anything of it."""
DIGITS = 16
"""Of a hash, in a pipeline's text."""
_PREFIX = "base_model.model."
Array = np.ndarray


@dataclass(frozen=True)
class Delta:
    """What an adapter changes: float32[out, in] by the names of linear layers, and `whole` arrays that it holds in full
    (heads), by their parameters' names. `base` is the key of the base that it was trained on, "" where it says nothing.
    """

    layers: Mapping[str, Array]
    whole: Mapping[str, Array]
    base: str = ""


class Shelf:
    """Adapters by the first digits of their hash, in one folder that all workers and runs share. A copy that is there
    is never changed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, adapter: Path) -> str:
        """A copy of this adapter, made again where it is not whole; raises BadInput for a folder that is none."""
        if not (adapter / CONFIG).is_file() or not (adapter / WEIGHTS).is_file():
            raise BadInput(f"the adapter in {adapter} has no {CONFIG} with {WEIGHTS}; give a folder in peft's format")
        key = folder_key(adapter)[:DIGITS]
        if not self._holds(key):
            self._folder.mkdir(parents=True, exist_ok=True)
            unfinished = Path(mkdtemp(dir=self._folder, prefix="."))
            try:
                shutil.copytree(adapter, unfinished, dirs_exist_ok=True)
            except OSError as error:
                shutil.rmtree(unfinished)
                raise BadInput(f"the adapter in {adapter} cannot be copied; give a folder of plain files") from error
            key = folder_key(unfinished)[:DIGITS]  # folders that the given one links to are plain ones in the copy
            self._settle(unfinished, key)
        return key

    def base(self, key: str, make: Callable[[], Mapping[str, Array]]) -> Mapping[str, Array]:
        """The arrays of a base; made where they are not here yet, or cannot be read."""
        place = self._folder / f"base-{key}.npz"
        if (kept := _read_arrays(place)) is not None:
            return kept
        self._folder.mkdir(parents=True, exist_ok=True)
        made: dict[str, Any] = dict(make())
        handle, unfinished = mkstemp(dir=self._folder, prefix=".", suffix=".npz")
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **made)
        os.replace(unfinished, place)
        return made

    def get(self, key: str) -> Delta:
        """Raises Unsound for one that is not here."""
        if not self._holds(key):
            raise Unsound(f"the network {key} is not on this machine")
        return read_delta(self._folder / key)

    def _holds(self, key: str) -> bool:
        place = self._folder / key
        return place.exists() and folder_key(place)[:DIGITS] == key

    def _settle(self, unfinished: Path, key: str) -> None:
        """Of several that copy the same at once, the first one's stays; what is not whole is replaced."""
        place = self._folder / key
        if place.exists() and not self._holds(key):
            shutil.rmtree(place, ignore_errors=True)
        try:
            os.rename(unfinished, place)
        except OSError:
            shutil.rmtree(unfinished)
            if not self._holds(key):
                raise


def _read_arrays(place: Path) -> Mapping[str, Array] | None:
    """None where there is no file that can be read whole."""
    try:
        with np.load(place, allow_pickle=False) as kept:
            return {name: kept[name] for name in kept.files}
    except (OSError, ValueError, EOFError, AttributeError, BadZipFile):
        return None


def read_delta(adapter: Path) -> Delta:
    """Raises BadInput for what peft has not written, for settings that are not understood here, and for values that are
    not finite.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        config = json.loads((adapter / CONFIG).read_text(encoding="utf-8"))
        other = next((name for name, plain in PLAIN.items() if config.get(name, plain[0]) not in plain), None)
        stored = {name.removeprefix(_PREFIX): value for name, value in load_file(adapter / WEIGHTS).items()}
        scale = float(config["lora_alpha"]) / float(config["r"])
        of_base = (adapter / OF_BASE).read_text(encoding="utf-8").strip() if (adapter / OF_BASE).exists() else ""
        layers, whole = _parts(stored, scale)
    except (
        OSError, ValueError, KeyError, TypeError, AttributeError, ArithmeticError, SafetensorError
    ) as error:  # fmt: skip
        raise BadInput(f"the adapter in {adapter} cannot be read ({error}); give a folder in peft's format") from error
    if other is not None:
        raise BadInput(f"the adapter in {adapter} has {other} {config[other]!r}; give plain LoRA of linear layers")
    return Delta(layers, whole, of_base)


def _parts(stored: Mapping[str, Array], scale: float) -> tuple[dict[str, Array], dict[str, Array]]:
    """What changes layers, and what is held whole; raises ValueError."""
    below = {name.removesuffix(".lora_A.weight"): value for name, value in stored.items() if ".lora_A." in name}
    above = {name.removesuffix(".lora_B.weight"): value for name, value in stored.items() if ".lora_B." in name}
    if below.keys() != above.keys():
        raise ValueError("one half of some layers only")
    if odd := [name for name in stored if ".lora_" in name and not name.endswith((".lora_A.weight", ".lora_B.weight"))]:
        raise ValueError(f"{odd[0]} is no part of plain LoRA")
    with np.errstate(over="ignore", invalid="ignore"):
        layers = {name: np.float32(scale) * (above[name] @ below[name]).astype(np.float32) for name in below}
    whole = {name: value.astype(np.float32) for name, value in stored.items() if ".lora_" not in name}
    for name, value in (*layers.items(), *whole.items()):
        if not np.isfinite(value).all():
            raise ValueError(f"{name} is not finite")
    return layers, whole
