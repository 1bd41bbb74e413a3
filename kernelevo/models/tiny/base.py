"""The weights that a model starts from, in a folder with how they were made.

    weights.safetensors    half precision
    recipe.json            the grammar, the encoding's version, the network's size, the hash of the weights, what they
                           were trained on and how, and how good they are on problems that had no part in it

A base is loaded only as what its recipe says: another hash, grammar or encoding is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from kernelevo.decisions import Grammar
from kernelevo.errors import BadInput
from kernelevo.models.tiny.network import USUAL_SIZE, Size, TinyNetwork
from kernelevo.models.tiny.tokens import VERSION

FORMAT = 1
WEIGHTS, RECIPE = "weights.safetensors", "recipe.json"
SHIPPED = Path(__file__).parent / "base"
AGAIN = "make it again with scripts/train-tiny"


@dataclass(frozen=True)
class Base:
    """`key` is the hash of the weights; `training` what the recipe says of their making ({}: random weights)."""

    grammar: Grammar
    network: TinyNetwork
    key: str
    training: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """What it is, for people."""
        if not self.training:
            return "random weights, trained on nothing: no base ships for these decisions"
        trained, held_out = self.training["trained_on"], self.training["held_out"]
        return (
            f"trained on {trained['states']:,} states of {trained['problems']} generated problems; on "
            f"{held_out['problems']} others its first choice is the best in {100 * held_out['top1']:.0f} % of states"
        )


def ships(grammar: Grammar) -> bool:
    """Whether a base for the backend of this grammar is in the package."""
    return (SHIPPED / grammar.backend / RECIPE).is_file()


def shipped_base(grammar: Grammar) -> Base:
    """The base that ships for the backend of this grammar; raises BadInput where there is none."""
    folder = SHIPPED / grammar.backend
    if not ships(grammar):
        raise BadInput(
            f"no base of the model `tiny` ships for decisions of {grammar.backend!r}; train one with scripts/train-tiny"
        )
    return read_base(folder, grammar)


def random_base(grammar: Grammar, seed: int = 0, size: Size = USUAL_SIZE) -> Base:
    """Random weights, the same for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = TinyNetwork(grammar, size).half().float().eval()  # as it would be kept
    return Base(grammar, network, hashlib.sha256(_packed(network)).hexdigest())


def write_base(folder: Path, grammar: Grammar, network: TinyNetwork, training: Mapping[str, Any]) -> Base:
    """Writes both files; gives the base as it will be read, in the precision it is kept in."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = _packed(network)
    recipe = {
        "format": FORMAT, "encoding": VERSION, "grammar": asdict(grammar), "grammar_key": grammar.key,
        "size": asdict(network.size), "parameters": sum(one.numel() for one in network.parameters()),
        "weights_sha256": hashlib.sha256(weights).hexdigest(), "training": training,
    }  # fmt: skip
    (folder / WEIGHTS).write_bytes(weights)
    (folder / RECIPE).write_text(json.dumps(recipe, indent=1) + "\n", encoding="utf-8")
    return read_base(folder, grammar)


def read_base(folder: Path, grammar: Grammar) -> Base:
    """Raises BadInput for files that do not belong together, or to this grammar."""
    try:
        recipe = json.loads((folder / RECIPE).read_text(encoding="utf-8"))
        weights = (folder / WEIGHTS).read_bytes()
        found = recipe["format"], recipe["encoding"], recipe["grammar_key"]
        size, key, training = Size(**recipe["size"]), recipe["weights_sha256"], recipe["training"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BadInput(f"{folder} holds no base that can be read ({error!r}); {AGAIN}") from error
    if found != (FORMAT, VERSION, grammar.key):
        raise BadInput(f"the base in {folder} was made for another grammar or version of {grammar.backend}; {AGAIN}")
    if hashlib.sha256(weights).hexdigest() != key:
        raise BadInput(f"{folder / WEIGHTS} is not the file that {RECIPE} names: its hash differs; {AGAIN}")
    network = TinyNetwork(grammar, size)
    try:
        network.load_state_dict({name: tensor.float() for name, tensor in load(weights).items()})
    except (RuntimeError, SafetensorError) as error:
        raise BadInput(f"{folder / WEIGHTS} holds another network than {RECIPE} says; {AGAIN}") from error
    return Base(grammar, network.eval(), key, training)


def _packed(network: TinyNetwork) -> bytes:
    return bytes(save({name: tensor.detach().half().contiguous() for name, tensor in network.state_dict().items()}))
