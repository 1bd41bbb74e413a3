"""One task of the backend scrna: a pipeline is read, made on a training half and scored on the test half."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Any

import numpy as np

from kernelevo.backends.scrna.grammar import GRAMMAR, legal
from kernelevo.backends.scrna.pipeline import COMPONENTS, NoPipeline, Pipeline, denoise, read_pipeline
from kernelevo.backends.scrna.scoring import Refused, Scores, dense_rows, score_guarded
from kernelevo.backends.scrna.thinning import TRAIN_SHARE, Counts, Halves, split_molecules
from kernelevo.decisions import STOP, Decision, DecisionSettings, Observation, Option, read_decision
from kernelevo.types import Attempt, Candidate, Check, Figure, Status, Verdict

AUDITED_SHARE = 0.7
"""Molecules for training where the audit judges: at another depth."""
DRAWN_WITHOUT_SEED = 0
MOST_KEPT = 4
"""Splits of molecules whose components are kept at hand."""
FEW_MOLECULES = 300.0
"""A cell, on average."""


class DenoisingSession:
    """`counts` are the task's, `aside` those that the audit judges by."""

    def __init__(self, task: str, family: str, device: str, counts: Counts, aside: Counts) -> None:
        self.task, self.family = task, family
        self.start = Candidate(Pipeline().text(), proposer="scrna")
        self._device = device
        self._counts = {"reward": counts, "audit": aside}
        self._halves: OrderedDict[tuple[str, int], tuple[Halves, dict[tuple[Any, ...], np.ndarray]]] = OrderedDict()

    def judge(self, candidate: Candidate, seed: int | None = None) -> Verdict:
        return self._judged(candidate, "reward", seed)

    def audit(self, candidate: Candidate, seed: int | None = None) -> Verdict:
        return self._judged(candidate, "audit", seed)

    def reward(self, verdict: Verdict) -> float | None:
        """The loss of no denoising, which is 1 by its normalisation, over the pipeline's."""
        if verdict.status.blames_candidate:
            return 0.0
        return None if verdict.score is None else 1.0 / max(verdict.score.value, 1e-6)

    def observe(self, attempt: Attempt, settings: DecisionSettings) -> Observation:
        pipeline = read_pipeline(attempt.candidate.text)
        moves = tuple(move for move in map(read_decision, attempt.candidate.moves) if move is not None)
        deep = len(attempt.candidate.moves) >= settings.depth
        found = [] if deep else [each for each, _ in legal(pipeline) if each.rule in settings.rules]
        options = tuple(Option(each, settings.rules.get(each.rule, 0.0)) for each in (*found, STOP))
        return Observation(GRAMMAR.key, self._facts(attempt), self._words(pipeline), moves, options)

    def apply(self, attempt: Attempt, decision: Decision) -> Candidate | None:
        parent = attempt.candidate
        made = next((made for each, made in legal(read_pipeline(parent.text)) if each == decision), None)
        if made is None:
            return None
        return Candidate(made.text(), {}, "scrna", parent.id, (*parent.moves, str(decision)))

    def words(self) -> str:
        cells, genes = self._counts["reward"].shape
        return (
            f"Denoise counts of single cells ({cells} cells, {genes} genes): predict molecules that were held out. "
            f"Write a pipeline: components {', '.join(COMPONENTS)}, each with a line such as `weigh low_rank = 2`, and "
            "settings."
        )

    def close(self) -> None:
        self._halves.clear()

    def _judged(self, candidate: Candidate, level: str, seed: int | None) -> Verdict:
        drawn = DRAWN_WITHOUT_SEED if seed is None else seed
        halves, known = self._drawn(level, drawn)
        try:
            pipeline = read_pipeline(candidate.text)
            scores = score_guarded(halves.train, halves.test, dense_rows(denoise(halves.train, pipeline, drawn, known)))
        except NoPipeline as fault:
            return Verdict(candidate.id, self._device, Status.BUILD_ERROR, str(fault))
        except Refused as fault:
            return Verdict(candidate.id, self._device, Status.WRONG, str(fault))
        return self._passed(candidate, scores)

    def _passed(self, candidate: Candidate, scores: Scores) -> Verdict:
        said = f"squared {scores.squared:.4f}, poisson {scores.poisson:.4f}, guarded {scores.guarded:.4f}"
        checks = (Check("guarded", True, said),)
        score = Figure(1.0 - scores.guarded, "loss", self._device, "measured")
        return Verdict(candidate.id, self._device, Status.PASSED, said, score, checks=checks)

    def _drawn(self, level: str, seed: int) -> tuple[Halves, dict[tuple[Any, ...], np.ndarray]]:
        key = (level, seed)
        if key not in self._halves:
            if len(self._halves) >= MOST_KEPT:
                self._halves.popitem(last=False)
            share = AUDITED_SHARE if level == "audit" else TRAIN_SHARE
            self._halves[key] = (split_molecules(self._counts[level], share, seed), {})
        self._halves.move_to_end(key)
        return self._halves[key]

    def _facts(self, attempt: Attempt) -> dict[str, float]:
        counts = self._counts["reward"]
        said = attempt.verdict.feedback.replace(",", "").split()
        known = {name: float(said[said.index(name) + 1]) for name in ("squared", "poisson") if name in said}
        reward = self.reward(attempt.verdict)
        gain = {} if not reward else {"log2_gain": math.log2(reward)}
        return {
            "log2_cells": math.log2(counts.shape[0]), "log2_genes": math.log2(counts.shape[1]),
            "log2_molecules": math.log2(counts.sum() / counts.shape[0]),
            "zeros": 1.0 - counts.nnz / (counts.shape[0] * counts.shape[1]),
            "moves": float(len(attempt.candidate.moves)), **known, **gain,
        }  # fmt: skip

    def _words(self, pipeline: Pipeline) -> tuple[str, ...]:
        counts = self._counts["reward"]
        used = [f"uses_{name}" for name in COMPONENTS if pipeline.weights.get(name, 0)]
        few = ["few_molecules"] if counts.sum() / counts.shape[0] < FEW_MOLECULES else []
        return (*used, *(["blends_log"] if pipeline.blend == "log" else []), *few)
