"""The files of a LoRA adapter in peft's format, so that peft, vLLM and others load what is trained here:

    adapter_model.safetensors    base_model.model.MODULE.lora_A.weight [rank, inputs], ...lora_B.weight [outputs, rank]
    adapter_config.json          peft_type, r, lora_alpha, target_modules, base_model_name_or_path, ...
    value_head.safetensors       ours, beside them: what a state is worth, for training that goes on

The same weights give the same bytes: lists are sorted, and no path or date is in them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kernelevo.errors import BadInput
from kernelevo.language_model import Adapter
from kernelevo.learning import folder_key

WEIGHTS, CONFIG, VALUE_HEAD = "adapter_model.safetensors", "adapter_config.json", "value_head.safetensors"
_VERSION_DIGITS = 6


def write_adapter(
    folder: Path, name: str, tensors: Mapping[str, Any], config: Mapping[str, Any], value_head: Mapping[str, Any]
) -> Adapter:
    """Writes an adapter of the model `name` into a folder, which is made where it is not there; tensors are torch's."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    save_file({key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}, folder / WEIGHTS)
    save_file({key: tensor.detach().cpu().contiguous() for key, tensor in value_head.items()}, folder / VALUE_HEAD)
    plain = {key: _plain(value) for key, value in config.items()} | {"base_model_name_or_path": name}
    (folder / CONFIG).write_text(json.dumps(plain, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return adapter_in(folder, name)


def adapter_in(folder: Path, name: str) -> Adapter:
    """The adapter of these files; its version is the beginning of their hash, so that others have other names."""
    stem = "".join(letter if letter.isalnum() else "-" for letter in name)
    return Adapter(stem, int(folder_key(folder)[:_VERSION_DIGITS], 16), str(folder))


def read_config(folder: Path) -> dict[str, Any]:
    """Raises BadInput for a folder without an adapter."""
    try:
        plain = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{folder} holds no adapter in peft's format ({error}); give a folder with {CONFIG}") from error
    if not isinstance(plain, dict) or plain.get("peft_type") != "LORA" or not _sizes(plain):
        raise BadInput(
            f"{folder / CONFIG} describes no LoRA adapter; give one with peft_type LORA, a rank r from 1 and a number "
            "lora_alpha"
        )
    return plain


def _sizes(plain: Mapping[str, Any]) -> bool:
    """Whether the rank is one, and the scale can be told."""
    rank, alpha = plain.get("r"), plain.get("lora_alpha", 1)
    return type(rank) is int and rank > 0 and type(alpha) in (int, float) and math.isfinite(alpha)


def read_tensors(file: Path) -> dict[str, Any]:
    """Raises BadInput for a file that is missing or broken, or holds what is no number."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(file)
    except (OSError, SafetensorError) as error:
        raise BadInput(f"{file} cannot be read as safetensors ({error}); give a whole adapter") from error
    if wrong := next((name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()), None):
        raise BadInput(f"{file} holds infinities or what is no number (in {wrong!r}); give an adapter that was trained")
    return tensors


def _plain(value: Any) -> Any:
    if isinstance(value, set | frozenset):
        return sorted(value)
    return value if isinstance(value, str | int | float | bool | list | dict | type(None)) else str(value)
