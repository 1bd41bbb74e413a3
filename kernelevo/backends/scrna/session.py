"""One task of the backend scrna: a pipeline, or a program, sees a training half, and is scored on the test half."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from kernelevo.backends.keeping import Keep, Keeping
from kernelevo.backends.pipelines import Level, Pipeline, Scored, Space, Unsound
from kernelevo.backends.programs import ProgramForm, ProgramSession, Run, hidden_seed, told_seed
from kernelevo.backends.scrna.auditing import AUDITED_SHARE, Kept, Structure, audit
from kernelevo.backends.scrna.metrics import GUARDED, WHOLE_MASS, scored_by
from kernelevo.backends.scrna.pipeline import denoise
from kernelevo.backends.scrna.scoring import Array, Reference, dense_rows, reference
from kernelevo.backends.scrna.thinning import TRAIN_SHARE, Counts, split_molecules
from kernelevo.backends.scrna.training_cells import Taught, TrainingCells
from kernelevo.decisions import Grammar
from kernelevo.interfaces import ProgramRunner

MOST_KEPT = 4
"""Splits of molecules that are kept at hand, of each verifier."""
MOST_BYTES = 2**30
"""Of components that are kept at hand, by all sessions of a backend: one of 90 cells takes 10 MB, a task has dozens."""
What = TypeVar("What")
FACTS = ("log2_cells", "log2_genes", "log2_molecules", "zeros", "squared", "poisson")
LEAST_SUM = 1e-100
"""Of a row that a program made."""
FORM = ProgramForm(
    "denoise", ("counts", "seed"),
    "`counts` is a NumPy float64 array [cells, genes] of whole numbers, the training half, rows and columns in no "
    "order; `seed` is a whole number. Return a float array of the same shape: what the same cells' counts are expected "
    "to be, finite and never negative, no row all zeros. Each row is rescaled to the mass of its training counts and "
    "scored, by the squared error of log1p of counts per 10,000 and by the Poisson loss, alike.",
)  # fmt: skip
Network = Callable[[str, Array], Array]
"""Shares of molecules float64[cells, genes] by the adapter's key, of counts of all genes."""


@dataclass
class Drawn:
    """The halves of one draw with the places of their genes, what scores on them are measured by, and who keeps
    components that were made of the training half.
    """

    reference: Reference
    genes: Array
    keep: Keep


@dataclass
class DrawnToAudit:
    """As `Drawn`, of the audit's own counts and of a second tissue's, with what is independent of them."""

    own: Drawn
    structure: Structure
    raw: Kept
    second: Drawn | None


class DenoisingSession(ProgramSession):
    """`counts` are the task's, `aside` those that the audit judges by, and `second` another tissue's, if there is one.
    `network` and `training` know the same genes in the same order. The loss is 1 without denoising.
    """

    form = FORM

    def __init__(
        self, task: str, family: str, device: str, grammar: Grammar, space: Space, counts: Counts, aside: Counts,
        metric: str = GUARDED, second: Counts | None = None, network: Network | None = None,
        programs: ProgramRunner | None = None, keeping: Keeping | None = None, training: TrainingCells | None = None,
    ) -> None:  # fmt: skip
        super().__init__(task, family, device, grammar, space, programs)
        self.counts: Mapping[Level, Counts] = {"reward": counts, "audit": aside}
        self._metric, self._second, self._network, self._training = metric, second, network, training
        self._keeping = Keeping(MOST_BYTES) if keeping is None else keeping
        self._rewarding: OrderedDict[int, Drawn] = OrderedDict()
        self._auditing: OrderedDict[int, DrawnToAudit] = OrderedDict()

    def scored(self, pipeline: Pipeline, level: Level, seed: int) -> Scored:
        def made(drawn: Drawn) -> Array:
            return self._made(pipeline, drawn, seed)

        if level == "audit":
            return self._audited(made, seed)
        return self._rewarded(made, seed, self.space.text(pipeline) == self.start.text)

    def scored_program(self, run: Run, level: Level, seed: int) -> Scored:
        def made(drawn: Drawn) -> Array:
            return _by_program(run, drawn.reference, level, seed)

        return self._audited(made, seed) if level == "audit" else self._rewarded(made, seed, False)

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

    def _rewarded(self, make: Callable[[Drawn], Array], seed: int, is_start: bool) -> Scored:
        drawn = _kept(self._rewarding, seed)
        if drawn is None:
            drawn = self._rewarding[seed] = self._drawn("reward", self.counts["reward"], TRAIN_SHARE, seed)
        return scored_by(self._metric, drawn.reference, make(drawn), is_start)

    def _audited(self, make: Callable[[Drawn], Array], seed: int) -> Scored:
        """By whatever metric candidates are rewarded, the audit is the same."""
        drawn = _kept(self._auditing, seed)
        if drawn is None:
            drawn = self._auditing[seed] = self._drawn_to_audit(seed)
        own, second = drawn.own, drawn.second
        made = make(own)
        elsewhere = None if second is None else (second.reference, make(second))
        found = audit(own.reference, made, drawn.structure, drawn.raw, elsewhere)
        told = scored_by(GUARDED, own.reference, made).figures
        return Scored(found.loss, {**found.figures, **told})

    def _made(self, pipeline: Pipeline, drawn: Drawn, seed: int) -> Array:
        """float64[cells, genes], with the mass that the pipeline chose, where its metric leaves it the choice."""
        shares = None if self._network is None else (lambda key: self._shares(key, drawn))
        taught = None if self._training is None else Taught(self._training, drawn.genes)
        made = denoise(drawn.reference.train, pipeline, seed, drawn.keep, shares, taught)
        return made * (pipeline.settings.get("mass", WHOLE_MASS) / WHOLE_MASS)

    def _shares(self, key: str, drawn: Drawn) -> Array:
        """What the network says of the genes that are left; it is shown all of them."""
        assert self._network is not None
        train = drawn.reference.train
        whole = np.zeros((train.shape[0], self.counts["reward"].shape[1]))
        whole[:, drawn.genes] = train.toarray()
        return self._network(key, whole)[:, drawn.genes]

    def _drawn_to_audit(self, seed: int) -> DrawnToAudit:
        own = self._drawn("audit", self.counts["audit"], AUDITED_SHARE, seed)
        structure = Structure(own.reference.test, seed)
        raw = structure.kept_by(dense_rows(own.reference.train)(slice(None)))
        second = None if self._second is None else self._drawn("second", self._second, TRAIN_SHARE, seed)
        return DrawnToAudit(own, structure, raw, second)

    def _drawn(self, of: str, counts: Counts, share: float, seed: int) -> Drawn:
        halves = split_molecules(counts, share, seed)
        keep = self._keeping.under(self.task, of, seed)
        return Drawn(reference(halves.train, halves.test), halves.genes, keep)


def _by_program(run: Run, known: Reference, level: Level, seed: int) -> Array:
    """The program sees the training half with cells and genes in another order, by what the test half holds: who knew
    the draw's seed and the order could tell from the training half what was left for the test.
    """
    test = known.test
    hidden = hidden_seed("scrna", level, seed, test.indptr, test.indices, test.data)
    source = np.random.default_rng(hidden)
    cells, genes = (source.permutation(count) for count in test.shape)
    counts = np.asarray(known.train.toarray(), dtype=np.float64)[cells][:, genes]
    denoised = run([counts], told_seed(hidden), counts.shape)
    _require_rows(denoised)
    made = np.empty(counts.shape)
    made[np.ix_(cells, genes)] = denoised
    return made


def _kept(drawn: OrderedDict[int, What], seed: int) -> What | None:
    """What is at hand for this seed; room for it is made where there is none."""
    if seed in drawn:
        drawn.move_to_end(seed)
        return drawn[seed]
    if len(drawn) >= MOST_KEPT:
        drawn.popitem(last=False)
    return None


def _require_rows(denoised: np.ndarray) -> None:
    """Raises Unsound, in the program's own order, for what cannot be rescaled row by row."""
    if (denoised < 0).any():
        cell, gene = (int(place[0]) for place in np.nonzero(denoised < 0))
        raise Unsound(f"row {cell}, column {gene}: {denoised[cell, gene]:g} is negative")
    with np.errstate(over="ignore"):
        sums = denoised.sum(axis=1)
    if (wrong := np.flatnonzero(~((sums > LEAST_SUM) & (sums < 1 / LEAST_SUM)))).size:
        raise Unsound(f"row {int(wrong[0])}: its sum is {sums[wrong[0]]:g}, which cannot be rescaled to its counts")
