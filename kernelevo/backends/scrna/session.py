"""One task of the backend scrna: a pipeline sees a training half, and is scored on the test half."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping

import numpy as np

from kernelevo.backends.pipelines import Level, Pipeline, Scored, Space, Unsound
from kernelevo.backends.programs import ProgramForm, ProgramSession, Run, hidden_seed, told_seed
from kernelevo.backends.scrna.pipeline import Array, Known, denoise
from kernelevo.backends.scrna.scoring import dense_rows, score_guarded
from kernelevo.backends.scrna.thinning import TRAIN_SHARE, Counts, Halves, split_molecules
from kernelevo.decisions import Grammar
from kernelevo.interfaces import ProgramRunner

AUDITED_SHARE = 0.7
"""Molecules for training where the audit judges: at another depth."""
MOST_KEPT = 4
"""Splits of molecules whose components are kept at hand."""
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


class DenoisingSession(ProgramSession):
    """`counts` are the task's, `aside` those that the audit judges by. The loss is 1 without denoising."""

    form = FORM

    def __init__(
        self, task: str, family: str, device: str, grammar: Grammar, space: Space, counts: Counts, aside: Counts,
        network: Network | None = None, programs: ProgramRunner | None = None,
    ) -> None:  # fmt: skip
        super().__init__(task, family, device, grammar, space, programs)
        self._network = network
        self.counts: Mapping[Level, Counts] = {"reward": counts, "audit": aside}
        self._halves: OrderedDict[tuple[Level, int], tuple[Halves, Known]] = OrderedDict()

    def scored(self, pipeline: Pipeline, level: Level, seed: int) -> Scored:
        halves, known = self._drawn(level, seed)
        shares = None if self._network is None else (lambda key: self._shares(key, halves, self.counts[level].shape[1]))
        return self._score(halves, denoise(halves.train, pipeline, seed, known, shares))

    def scored_program(self, run: Run, level: Level, seed: int) -> Scored:
        """The program sees the training half with cells and genes in another order, by what the test half holds: who
        knew the draw's seed and the order could tell from the training half what was left for the test.
        """
        halves, _ = self._drawn(level, seed)
        test = halves.test
        hidden = hidden_seed("scrna", level, seed, test.indptr, test.indices, test.data)
        source = np.random.default_rng(hidden)
        cells, genes = (source.permutation(count) for count in test.shape)
        counts = np.asarray(halves.train.toarray(), dtype=np.float64)[cells][:, genes]
        denoised = run([counts], told_seed(hidden), counts.shape)
        _require_rows(denoised)
        made = np.empty(counts.shape)
        made[np.ix_(cells, genes)] = denoised
        return self._score(halves, made)

    def _score(self, halves: Halves, denoised: Array) -> Scored:
        found = score_guarded(halves.train, halves.test, dense_rows(denoised))
        figures = {"squared": found.squared, "poisson": found.poisson, "guarded": found.guarded}
        return Scored(1.0 - found.guarded, figures)

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
        self._halves.clear()

    def _shares(self, key: str, halves: Halves, genes: int) -> Array:
        """What the network says of the genes that are left; it is shown all of them."""
        assert self._network is not None
        whole = np.zeros((halves.train.shape[0], genes))
        whole[:, halves.genes] = halves.train.toarray()
        return self._network(key, whole)[:, halves.genes]

    def _drawn(self, level: Level, seed: int) -> tuple[Halves, Known]:
        key = (level, seed)
        if key not in self._halves:
            if len(self._halves) >= MOST_KEPT:
                self._halves.popitem(last=False)
            share = AUDITED_SHARE if level == "audit" else TRAIN_SHARE
            self._halves[key] = (split_molecules(self.counts[level], share, seed), {})
        self._halves.move_to_end(key)
        return self._halves[key]


def _require_rows(denoised: np.ndarray) -> None:
    """Raises Unsound, in the program's own order, for what cannot be rescaled row by row."""
    if (denoised < 0).any():
        cell, gene = (int(place[0]) for place in np.nonzero(denoised < 0))
        raise Unsound(f"row {cell}, column {gene}: {denoised[cell, gene]:g} is negative")
    with np.errstate(over="ignore"):
        sums = denoised.sum(axis=1)
    if (wrong := np.flatnonzero(~((sums > LEAST_SUM) & (sums < 1 / LEAST_SUM)))).size:
        raise Unsound(f"row {int(wrong[0])}: its sum is {sums[wrong[0]]:g}, which cannot be rescaled to its counts")
