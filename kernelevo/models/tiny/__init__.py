"""`tiny`, the embedded model: a decoder transformer of about a million parameters that answers with one decision of a
backend's grammar. It runs on any CPU, was trained by `scripts/train-tiny`, and needs nothing from outside but torch
(the extra `lora`), which is imported when a model is opened.

    tokens      an observation as positions            network    the decoder and its pointer
    base        weights with their recipe, in a folder  model      the joint `Model`
    trainer     LoRA on it, by peft                    base_training, training_data, held_out    how a base is made
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from kernelevo.errors import NotInstalled

if TYPE_CHECKING:
    from kernelevo.decisions import Grammar
    from kernelevo.models.tiny.model import TinyModel

NAME = "tiny"


def open_tiny(grammar: Grammar, *, seed: int = 0, asked: Mapping[str, int] | None = None) -> TinyModel:
    """The model with the base that ships for this grammar, or with random weights where none does: these decide about
    as chance does, and learn from there. `asked` tells how often each prompt (by its key) was asked
    before, where a recorded run goes on. Raises NotInstalled without torch.
    """
    require_torch()
    from kernelevo.models.tiny.base import random_base, shipped_base, ships
    from kernelevo.models.tiny.model import TinyModel

    base = shipped_base(grammar) if ships(grammar) else random_base(grammar)
    return TinyModel(base, seed=seed, asked=asked)


def require_torch() -> None:
    """Raises NotInstalled, with the command, where torch, peft or safetensors are missing."""
    from importlib.util import find_spec

    missing = [name for name in ("torch", "peft", "safetensors") if find_spec(name) is None]
    if missing:
        raise NotInstalled(
            f"--model {NAME} needs {' and '.join(missing)}; install them with `pip install \"kernelevo[lora]\"`"
        )
