"""One task of the backend scrna: a pipeline sees a training half, and is scored on the test half."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from kernelevo.backends.pipelines import Level, Pipeline, PipelineSession, Scored
from kernelevo.backends.scrna.auditing import AUDITED_SHARE, Kept, Structure, audit
from kernelevo.backends.scrna.metrics import GUARDED, SPACES, WHOLE_MASS, scored_by
from kernelevo.backends.scrna.pipeline import Known, denoise
from kernelevo.backends.scrna.scoring import Array, Reference, dense_rows, reference
from kernelevo.backends.scrna.thinning import TRAIN_SHARE, Counts, split_molecules
from kernelevo.decisions import Grammar

MOST_KEPT = 4
"""Splits of molecules whose components are kept at hand, of each verifier."""
What = TypeVar("What")
FACTS = ("log2_cells", "log2_genes", "log2_molecules", "zeros", "squared", "poisson")


@dataclass
class Drawn:
    """The halves of one draw, what scores on them are measured by, and components that were made of the training
    half.
    """

    reference: Reference
    known: Known = field(default_factory=dict)


@dataclass
class DrawnToAudit:
    """As `Drawn`, of the audit's own counts and of a second tissue's, with what is independent of them."""

    own: Drawn
    structure: Structure
    raw: Kept
    second: Drawn | None


class DenoisingSession(PipelineSession):
    """`counts` are the task's, `aside` those that the audit judges by, and `second` another tissue's, if there is one.
    The loss is 1 without denoising.
    """

    def __init__(
        self, task: str, family: str, device: str, grammar: Grammar, counts: Counts, aside: Counts,
        metric: str = GUARDED, second: Counts | None = None,
    ) -> None:  # fmt: skip
        super().__init__(task, family, device, grammar, SPACES[metric])
        self.counts: Mapping[Level, Counts] = {"reward": counts, "audit": aside}
        self._metric, self._second = metric, second
        self._rewarding: OrderedDict[int, Drawn] = OrderedDict()
        self._auditing: OrderedDict[int, DrawnToAudit] = OrderedDict()

    def scored(self, pipeline: Pipeline, level: Level, seed: int) -> Scored:
        return self._audited(pipeline, seed) if level == "audit" else self._rewarded(pipeline, seed)

    def facts(self) -> Mapping[str, float]:
        counts = self.counts["reward"]
        cells, genes = counts.shape
        return {
            "log2_cells": math.log2(cells), "log2_genes": math.log2(genes),
            "log2_molecules": math.log2(counts.sum() / cells), "zeros": 1.0 - counts.nnz / (cells * genes),
        }  # fmt: skip

    def words(self) -> str:
        cells, genes = self.counts["reward"].shape
        told = f"Denoise counts of single cells ({cells} cells, {genes} genes): predict molecules that were held out."
        return f"{told} {super().words()}"

    def close(self) -> None:
        self._rewarding.clear()
        self._auditing.clear()

    def _rewarded(self, pipeline: Pipeline, seed: int) -> Scored:
        drawn = _kept(self._rewarding, seed)
        if drawn is None:
            drawn = self._rewarding[seed] = _drawn(self.counts["reward"], TRAIN_SHARE, seed)
        made, is_start = _made(pipeline, drawn, seed), self.space.text(pipeline) == self.start.text
        return scored_by(self._metric, drawn.reference, made, is_start)

    def _audited(self, pipeline: Pipeline, seed: int) -> Scored:
        """By whatever metric candidates are rewarded, the audit is the same."""
        drawn = _kept(self._auditing, seed)
        if drawn is None:
            drawn = self._auditing[seed] = self._drawn_to_audit(seed)
        own, second = drawn.own, drawn.second
        made = _made(pipeline, own, seed)
        elsewhere = None if second is None else (second.reference, _made(pipeline, second, seed))
        found = audit(own.reference, made, drawn.structure, drawn.raw, elsewhere)
        told = scored_by(GUARDED, own.reference, made).figures
        return Scored(found.loss, {**found.figures, **told})

    def _drawn_to_audit(self, seed: int) -> DrawnToAudit:
        own = _drawn(self.counts["audit"], AUDITED_SHARE, seed)
        structure = Structure(own.reference.test, seed)
        raw = structure.kept_by(dense_rows(own.reference.train)(slice(None)))
        second = None if self._second is None else _drawn(self._second, TRAIN_SHARE, seed)
        return DrawnToAudit(own, structure, raw, second)


def _drawn(counts: Counts, share: float, seed: int) -> Drawn:
    halves = split_molecules(counts, share, seed)
    return Drawn(reference(halves.train, halves.test))


def _made(pipeline: Pipeline, drawn: Drawn, seed: int) -> Array:
    """float64[cells, genes], with the mass that the pipeline chose, where its metric leaves it the choice."""
    made = denoise(drawn.reference.train, pipeline, seed, drawn.known)
    return made * (pipeline.settings.get("mass", WHOLE_MASS) / WHOLE_MASS)


def _kept(drawn: OrderedDict[int, What], seed: int) -> What | None:
    """What is at hand for this seed; room for it is made where there is none."""
    if seed in drawn:
        drawn.move_to_end(seed)
        return drawn[seed]
    if len(drawn) >= MOST_KEPT:
        drawn.popitem(last=False)
    return None
