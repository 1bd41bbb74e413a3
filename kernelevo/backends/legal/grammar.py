"""What a policy may decide about a classifier, and what it is shown of one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from kernelevo.backends.legal.pipeline import CHOICES, READOUTS, USED_BY, WEIGHTS, Pipeline
from kernelevo.decisions import STOP_RULE, Decision, Grammar

GRAMMAR = Grammar(
    backend="legal",
    version=1,
    rules=(*(f"weigh_{name}" for name in READOUTS), *CHOICES, STOP_RULE),
    facts=("log2_cases", "log2_charges", "log2_length", "accuracy", "calibration", "log2_gain", "moves"),
    words=(*(f"votes_{name}" for name in READOUTS), "reads_the_end", "masks_numbers", "whitened"),
)


def legal(pipeline: Pipeline) -> Iterator[tuple[Decision, Pipeline]]:
    """Every decision that makes another classifier, with what it makes."""
    for name in READOUTS:
        for weight in WEIGHTS:
            weights = {**pipeline.weights, name: weight}
            if weight != pipeline.weights.get(name, 0) and _votes(weights) != _votes(pipeline.weights):
                yield Decision(f"weigh_{name}", "", weight), replace(pipeline, weights=weights)
    for setting, choices in CHOICES.items():
        if setting in USED_BY and not pipeline.weights.get(USED_BY[setting], 0):
            continue
        for choice in choices:
            if choice != getattr(pipeline, setting):
                site, value = (choice, None) if isinstance(choice, str) else ("", choice)
                yield Decision(setting, site, value), replace(pipeline, **{setting: choice})


def _votes(weights: dict[str, int] | object) -> tuple[float, ...]:
    """The shares of the votes; none where nobody votes, which is no classifier."""
    given = [weights.get(name, 0) for name in READOUTS]  # type: ignore[attr-defined]
    return tuple(weight / sum(given) for weight in given) if sum(given) else ()
