"""What an adapter in peft's format is, read from its files alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kernelevo.errors import BadInput
from kernelevo.learning import folder_key
from kernelevo.models.adapter_files import WEIGHTS, read_config, read_tensors


@dataclass(frozen=True)
class AdapterInfo:
    """`change` is the Frobenius norm of all that the adapter adds to the base's weights, scale * B A; 0.0 of a fresh
    one. `key` is the hash of its files, by which runs record it.
    """

    base: str
    rank: int
    scale: float
    modules: int
    parameters: int
    change: float
    key: str

    def json(self) -> dict[str, Any]:
        return asdict(self)


def read_info(folder: Path) -> AdapterInfo:
    """Raises BadInput for a folder without an adapter."""
    config, tensors = read_config(folder), read_tensors(folder / WEIGHTS)
    scale = float(config.get("lora_alpha", config["r"])) / config["r"]
    modules = sorted(name.partition(".lora_A")[0] for name in tensors if ".lora_A" in name)
    try:
        squares = [_square(tensors, name) * scale**2 for name in modules]
    except (KeyError, RuntimeError) as error:
        raise BadInput(f"{folder / WEIGHTS} lacks a half of an adapter ({error}); give a whole one") from error
    return AdapterInfo(
        base=str(config.get("base_model_name_or_path") or ""), rank=config["r"], scale=scale, modules=len(modules),
        parameters=sum(tensor.numel() for tensor in tensors.values()), change=sum(squares) ** 0.5,
        key=folder_key(folder),
    )  # fmt: skip


def _square(tensors: Mapping[str, Any], name: str) -> float:
    """The squared Frobenius norm of B A, as the trace of (B' B)(A A'): no matrix of the module's own size is made."""
    a, b = tensors[f"{name}.lora_A.weight"].double(), tensors[f"{name}.lora_B.weight"].double()
    return max(0.0, float(((b.T @ b) * (a @ a.T)).sum()))
