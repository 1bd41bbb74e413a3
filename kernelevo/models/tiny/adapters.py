"""LoRA adapters of `tiny` as folders: peft's own files, and beside them what they belong to.

    adapter_config.json, adapter_model.safetensors    as peft writes and reads them
    value_head.safetensors                            what the trainer's value head has learned; no part of the policy
    kernelevo.json                                    the base that it was trained on, and the hashes of these files
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from torch import nn

from kernelevo.errors import BadInput
from kernelevo.models.adapter_files import read_tensors

CONFIG, WEIGHTS, VALUE_HEAD, MANIFEST = (
    "adapter_config.json", "adapter_model.safetensors", "value_head.safetensors", "kernelevo.json"
)  # fmt: skip


def adapter_key(folder: Path) -> str:
    """The hash of what makes the policy: the adapter's configuration and weights."""
    return hashlib.sha256(b"".join(_digest(folder / name) for name in (CONFIG, WEIGHTS))).hexdigest()


def write_manifest(folder: Path, base: str) -> None:
    files = {name: _digest(folder / name).hex() for name in (CONFIG, WEIGHTS, VALUE_HEAD)}
    told = {"model": "tiny", "base": base, "files": files}
    (folder / MANIFEST).write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def settle_config(folder: Path) -> None:
    """Writes peft's configuration anew in an order of its own: peft's hangs on the process."""
    plain = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    plain = {name: sorted(value) if isinstance(value, list) else value for name, value in plain.items()}
    (folder / CONFIG).write_text(json.dumps(plain, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def require_adapter(folder: Path, base: str) -> None:
    """Raises BadInput unless the folder holds an adapter of this base, unchanged since it was written."""
    try:
        told = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        found, files = told["base"], dict(told["files"])
        changed = [name for name in (CONFIG, WEIGHTS, VALUE_HEAD) if _digest(folder / name).hex() != files.get(name)]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BadInput(
            f"{folder} holds no adapter of the model `tiny` ({error!r}); give one that was trained here"
        ) from error
    if found != base:
        raise BadInput(f"the adapter in {folder} belongs to the base {found[:12]}, not to {base[:12]}; train it anew")
    if changed:
        raise BadInput(f"{folder / changed[0]} was changed after it was trained; take a copy that was not")


def merged_adapter(network: nn.Module, folder: Path, base: str) -> Any:
    """The network with the adapter's changes added to its weights; the network itself is used up."""
    from peft import PeftModel

    require_adapter(folder, base)
    read_tensors(folder / WEIGHTS)  # raises for what is no number
    return PeftModel.from_pretrained(network, str(folder)).merge_and_unload().eval()


def _digest(file: Path) -> bytes:
    return hashlib.sha256(file.read_bytes()).digest()
