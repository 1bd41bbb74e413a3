"""Traces of searches as training data: JSON lines, one state each, gzipped where the name ends in .gz.

    {"task": "rowsum-17", "family": "rowsum", "observation": TEXT, "reward": 1.0, "options":
     [["tile(a) = 16", "passed", 1.2, 1.9], ["copy", "wrong", 0.0, 0.0], ["tune(B) = 8", "infra", null, null]]}

`reward` is the state's own; of each option that was tried, what became of it, its reward, and the best among it and
everything that was made of it. 0.0 is a failure, null is missing data, which is never learned from. STOP is worth the
state's own reward. Other keys are passed over.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernelevo.decisions import STOP, Decision, Observation, read_decision, read_observation
from kernelevo.errors import BadInput
from kernelevo.models.tiny.tokens import Encoded, Encoder

FAILED = -30.0
"""log2 of the reward of a failure: so low that it is never a target."""
HELD_OUT_PART = 5
"""One problem of so many, by the hash of its name, has no part in training."""


@dataclass(frozen=True)
class State:
    """One state of a search: `gains` are log2 of what options are worth over the state's own reward, None of options
    that were not tried or whose worth is missing, by the order of `encoded.options`; `listed` numbers the options as
    the backend lists them, which is the order in which rules are tried.
    """

    task: str
    family: str
    observation: Observation
    encoded: Encoded
    gains: tuple[float | None, ...]
    listed: tuple[int, ...]

    @property
    def told(self) -> bool:
        """Whether there is anything to choose between."""
        return sum(gain is not None for gain in self.gains) > 1


@dataclass(frozen=True)
class TrainingData:
    train: Sequence[State]
    held_out: Sequence[State]
    key: str
    """Hash of the traces' content."""

    @staticmethod
    def problems(states: Sequence[State]) -> int:
        return len({state.task for state in states})


def read_traces(files: Sequence[Path], encoder: Encoder) -> TrainingData:
    """All states with a choice in them; raises BadInput naming the line that is no state of this grammar."""
    digest = hashlib.sha256()
    states = []
    for file in files:
        for where, line in _lines(file):
            digest.update(line)
            states.append(_state(line, where, encoder))
    told = [state for state in states if state.told]
    held_out = [state for state in told if is_held_out(state.task)]
    train = [state for state in told if not is_held_out(state.task)]
    if not train or not held_out:
        raise BadInput(
            f"the traces hold {len(train)} states to train on and {len(held_out)} of problems that are held out; "
            "give some of both"
        )
    return TrainingData(train, held_out, digest.hexdigest())


def trace_files(paths: Sequence[Path]) -> list[Path]:
    """The files among these, and those of JSON lines in folders among them, in the order of their names."""
    found = []
    for path in paths:
        found += sorted(path.glob("*.jsonl*")) if path.is_dir() else [path]
    return found


def is_held_out(task: str) -> bool:
    return int(hashlib.sha256(task.encode()).hexdigest(), 16) % HELD_OUT_PART == 0


def _lines(file: Path) -> Iterator[tuple[str, bytes]]:
    try:
        content = file.read_bytes()
        content = gzip.decompress(content) if file.name.endswith(".gz") else content
    except (OSError, EOFError) as error:
        raise BadInput(f"the traces {file} cannot be read ({error}); make them with scripts/make-traces") from error
    for number, line in enumerate(content.splitlines(), 1):
        yield f"{file}:{number}", line


def _state(line: bytes, where: str, encoder: Encoder) -> State:
    try:
        told: Any = json.loads(line)
        observation = read_observation(told["observation"])
        worth = {_decision(row[0]): row[-1] for row in told["options"]}
        own, task, family = float(told["reward"]), str(told["task"]), str(told["family"])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadInput(f"{where}: this is no state of a trace ({error!r}); make the traces anew") from error
    if not own > 0:
        raise BadInput(f"{where}: a state that options lead on from has passed, but its reward is {own}")
    worth[STOP] = own
    gains = {decision: _gain(best, own) for decision, best in worth.items()}
    return make_state(task, family, observation, gains, encoder)


def make_state(
    task: str, family: str, observation: Observation, gains: Mapping[Decision, float | None], encoder: Encoder
) -> State:
    encoded = encoder.encode(observation)
    known = tuple(gains.get(option.decision) for option in encoded.options)
    return State(task, family, observation, encoded, known, _listed(observation, encoded))


def _decision(text: str) -> Decision:
    decision = read_decision(text)
    if decision is None:
        raise ValueError(f"{text!r} is no decision")
    return decision


def _gain(best: float | None, own: float) -> float | None:
    return None if best is None else math.log2(best / own) if best > 0 else FAILED


def _listed(observation: Observation, encoded: Encoded) -> tuple[int, ...]:
    places = {option.decision: number for number, option in enumerate(observation.options)}
    return tuple(places[option.decision] for option in encoded.options)
