"""What a policy may decide about a pipeline, and what it is shown of one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from kernelevo.backends.scrna.pipeline import BLENDS, CHOICES, COMPONENTS, TRANSFORMS, USED_BY, WEIGHTS, Pipeline
from kernelevo.decisions import STOP_RULE, Decision, Grammar

BY_NAME = {"transform": TRANSFORMS, "blend": BLENDS}
"""Settings whose values are words: the word is the site of the decision."""
GRAMMAR = Grammar(
    backend="scrna",
    version=1,
    rules=(*(f"weigh_{name}" for name in COMPONENTS), *CHOICES, STOP_RULE),
    facts=("log2_cells", "log2_genes", "log2_molecules", "zeros", "squared", "poisson", "log2_gain", "moves"),
    words=(*(f"uses_{name}" for name in COMPONENTS), "blends_log", "few_molecules"),
)


def legal(pipeline: Pipeline) -> Iterator[tuple[Decision, Pipeline]]:
    """Every decision that makes another pipeline, with what it makes."""
    used = [name for name in COMPONENTS if pipeline.weights.get(name, 0)]
    for name in COMPONENTS:
        for weight in WEIGHTS:
            weights = {**pipeline.weights, name: weight}
            if weight != pipeline.weights.get(name, 0) and any(weights.values()):
                yield Decision(f"weigh_{name}", "", weight), replace(pipeline, weights=weights)
    for setting, choices in CHOICES.items():
        matters = len(used) > 1 if setting == "blend" else not USED_BY.get(setting) or set(USED_BY[setting]) & set(used)
        for choice in choices if matters else ():
            if choice != getattr(pipeline, setting):
                site, value = (choice, None) if setting in BY_NAME else ("", choice)
                yield Decision(setting, site, value), replace(pipeline, **{setting: choice})
