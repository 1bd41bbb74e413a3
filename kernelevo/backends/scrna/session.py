"""One task of the backend scrna: a pipeline sees a training half, and is scored on the test half."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping

import numpy as np

from kernelevo.backends.pipelines import Level, Pipeline, PipelineSession, Scored, Space
from kernelevo.backends.scrna.pipeline import Array, Known, denoise
from kernelevo.backends.scrna.scoring import dense_rows, score_guarded
from kernelevo.backends.scrna.thinning import TRAIN_SHARE, Counts, Halves, split_molecules
from kernelevo.decisions import Grammar

AUDITED_SHARE = 0.7
"""Molecules for training where the audit judges: at another depth."""
MOST_KEPT = 4
"""Splits of molecules whose components are kept at hand."""
FACTS = ("log2_cells", "log2_genes", "log2_molecules", "zeros", "squared", "poisson")


Network = Callable[[str, Array], Array]
"""Shares of molecules float64[cells, genes] by the adapter's key, of counts of all genes."""


class DenoisingSession(PipelineSession):
    """`counts` are the task's, `aside` those that the audit judges by. The loss is 1 without denoising."""

    def __init__(
        self, task: str, family: str, device: str, grammar: Grammar, space: Space, counts: Counts, aside: Counts,
        network: Network | None = None,
    ) -> None:  # fmt: skip
        super().__init__(task, family, device, grammar, space)
        self._network = network
        self.counts: Mapping[Level, Counts] = {"reward": counts, "audit": aside}
        self._halves: OrderedDict[tuple[Level, int], tuple[Halves, Known]] = OrderedDict()

    def scored(self, pipeline: Pipeline, level: Level, seed: int) -> Scored:
        halves, known = self._drawn(level, seed)
        shares = None if self._network is None else (lambda key: self._shares(key, halves, self.counts[level].shape[1]))
        denoised = denoise(halves.train, pipeline, seed, known, shares)
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
