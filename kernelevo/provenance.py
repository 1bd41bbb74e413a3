"""The nouns of provenance: what a verdict rests on, so that somebody else can draw the same inputs and run them again.

One generator draws everything of an evaluation, in a fixed order: poisons, order of threads, and the inputs of each
trial. Its seed is drawn after the build and recorded after the runs, so that it was no help to the candidate; with
seed, mode and problem, the same trials come out again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class TrialRecord:
    """One trial as it was judged. `index` picks the distribution of every input; `inputs` and `outputs` are the SHA-256
    (hex) of each array's bytes as stored, by name; `error_ratio` is its largest error in units of the tolerance.
    """

    case: str
    index: int
    timed: bool
    offset: bool
    repeat: bool
    error_ratio: float
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]


@dataclass(frozen=True)
class Provenance:
    """`seed` is that of the evaluation's generator (SFC64), in hexadecimal digits; `mode` how thorough it was; `trials`
    in the order in which they were drawn.
    """

    seed: str
    mode: str
    trials: tuple[TrialRecord, ...] = ()
