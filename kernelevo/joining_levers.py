"""Joins the levers of the loop to who acts: which there are, and what drafts or trains for each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kernelevo.errors import BadInput
from kernelevo.harness import read_harness
from kernelevo.joining_backends import brings_agent
from kernelevo.learning import LeverName, Split
from kernelevo.loop.plan import LEVERS

if TYPE_CHECKING:
    from kernelevo.interfaces import Dialogue
    from kernelevo.learning_interfaces import Backend, Lever

DEFAULT_MODEL = "tiny"
"""Who acts where the domain brings no agent (`default_model`)."""
OWN_AGENT = "own"
"""The agent that a domain brings along, whose network is trained; kernels have none."""
TRAINED_HERE = ("tiny", "tabular", OWN_AGENT)
"""Besides hf:FOLDER."""


def default_model(task: str) -> str:
    """Who acts where nobody is named: the domain's own agent, where it brings one."""
    return OWN_AGENT if brings_agent(task) else DEFAULT_MODEL


def levers_of(words: str, model: str) -> tuple[LeverName, ...]:
    """What --levers says; `auto` leaves out the weights of a model that cannot be trained here. Raises BadInput."""
    if words not in LEVERS:
        raise BadInput(f"--levers {words!r} is none of {', '.join(LEVERS)}; write, say, --levers harness")
    trained = model in TRAINED_HERE or model.startswith("hf:")
    return tuple(lever for lever in LEVERS[words] if words != "auto" or trained or lever != "weights")


def open_levers(
    model: str, allowed: Sequence[LeverName], trainable: Any, backend: Backend, evolver: Dialogue | None
) -> dict[LeverName, Lever]:
    """The levers that are allowed, for who acts; raises BadInput for one that this model does not have."""
    levers: dict[LeverName, Lever] = {}
    if "harness" in allowed:
        levers["harness"] = _harness_lever(model, backend, evolver)
    if "weights" in allowed:
        if trainable is None:
            raise BadInput(
                f"--levers weights: the model {model} has no weights that can be trained here; "
                "give --levers harness, or --model tiny"
            )
        levers["weights"] = _weights_lever(model, trainable, backend)
    return levers


def _harness_lever(model: str, backend: Backend, evolver: Dialogue | None) -> Lever:
    """Remedies first; then what the evolver drafts, or statistics where there is none. The pipeline of a domain's own
    agent is drafted from the record.
    """
    from kernelevo.levers.harness.lever import HarnessLever
    from kernelevo.levers.harness.pace import Pace
    from kernelevo.levers.harness.remedying import RemedyDrafter
    from kernelevo.levers.harness.statistical import StatisticalDrafter

    pace = Pace()
    if model == OWN_AGENT:
        from contextlib import closing

        from kernelevo.levers.harness.pipelines import PipelineDrafter

        with closing(backend.open(backend.tasks(Split.REWARD)[0])) as session:
            return HarnessLever([PipelineDrafter(backend.name, session.start.text)], pace)
    if evolver is None:
        return HarnessLever([RemedyDrafter(), StatisticalDrafter(backend.name, pace)], pace)
    from kernelevo.levers.harness.reflecting import ReflectingDrafter

    return HarnessLever([RemedyDrafter(), ReflectingDrafter(evolver)], pace)


def _weights_lever(model: str, trainable: Any, backend: Backend) -> Lever:
    if model == OWN_AGENT:
        from kernelevo.joining_texts import harness_text
        from kernelevo.levers.weights.fitting import FittingLever

        return FittingLever(trainable, lambda harness: harness_text(harness, backend.name))
    from kernelevo.levers.weights.lever import WeightsLever
    from kernelevo.levers.weights.settings import weight_settings

    def temperature(harness: Path) -> float:
        return read_harness(harness).decisions.temperature

    return WeightsLever(trainable, weight_settings(model.partition(":")[0]), temperature)
