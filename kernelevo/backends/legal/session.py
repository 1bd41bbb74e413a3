"""One task of the backend legal: a classifier is told the charges of some cases, and asked for those of others."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kernelevo.backends.legal.auditing import told_otherwise
from kernelevo.backends.legal.grammar import GRAMMAR, legal
from kernelevo.backends.legal.pipeline import READOUTS, Encoded, NoPipeline, Pipeline, classify, encode, read_pipeline
from kernelevo.backends.legal.scoring import Report, report
from kernelevo.decisions import STOP, Decision, DecisionSettings, Observation, Option, read_decision
from kernelevo.types import Attempt, Candidate, Check, Figure, Status, Verdict

ASKED_SHARE = 0.3
"""Of each charge's cases, those whose charge is asked for."""
DRAWN_WITHOUT_SEED = 0
MOST_KEPT = 32
Array = np.ndarray


@dataclass(frozen=True)
class Drawn:
    """`facts` of the cases whose charges are told, then of those that are asked for; `labels` of all of them."""

    facts: tuple[str, ...]
    labels: Array
    told: int


class ChargeSession:
    """`facts` with `labels` int[cases] below `charges`. The audit asks for the same charges of cases told otherwise."""

    def __init__(
        self, task: str, family: str, device: str, facts: Sequence[str], labels: Array, charges: int
    ) -> None:  # fmt: skip
        self.task, self.family = task, family
        self.start = Candidate(Pipeline().text(), proposer="legal")
        self._device = device
        self._facts, self._labels, self._charges = tuple(facts), labels, charges
        self._encoded: OrderedDict[tuple[object, ...], Encoded] = OrderedDict()
        self._starts: dict[tuple[str, int], float] = {}

    def judge(self, candidate: Candidate, seed: int | None = None) -> Verdict:
        return self._judged(candidate, "reward", DRAWN_WITHOUT_SEED if seed is None else seed)

    def audit(self, candidate: Candidate, seed: int | None = None) -> Verdict:
        return self._judged(candidate, "audit", DRAWN_WITHOUT_SEED if seed is None else seed)

    def reward(self, verdict: Verdict) -> float | None:
        """The start's loss over the classifier's, on the same draw."""
        if verdict.status.blames_candidate:
            return 0.0
        if verdict.score is None:
            return None
        level, seed = verdict.checks[0].name, int(verdict.checks[0].detail.split()[-1])
        if (level, seed) not in self._starts:
            self._starts[level, seed] = self._loss(self._reported(Pipeline(), level, seed))
        return self._starts[level, seed] / verdict.score.value

    def observe(self, attempt: Attempt, settings: DecisionSettings) -> Observation:
        pipeline = read_pipeline(attempt.candidate.text)
        moves = tuple(move for move in map(read_decision, attempt.candidate.moves) if move is not None)
        deep = len(attempt.candidate.moves) >= settings.depth
        found = [] if deep else [each for each, _ in legal(pipeline) if each.rule in settings.rules]
        options = tuple(Option(each, settings.rules.get(each.rule, 0.0)) for each in (*found, STOP))
        return Observation(GRAMMAR.key, self._seen(attempt), _words(pipeline), moves, options)

    def apply(self, attempt: Attempt, decision: Decision) -> Candidate | None:
        parent = attempt.candidate
        made = next((made for each, made in legal(read_pipeline(parent.text)) if each == decision), None)
        if made is None:
            return None
        return Candidate(made.text(), {}, "legal", parent.id, (*parent.moves, str(decision)))

    def words(self) -> str:
        return (
            f"Tell which of {self._charges} charges a criminal case is of, from its facts (Chinese); about "
            f"{len(self._facts)} cases. Write a classifier: read-outs {', '.join(READOUTS)}, each with a line such as "
            "`weigh centroid = 2`, and settings."
        )

    def close(self) -> None:
        self._encoded.clear()

    def _judged(self, candidate: Candidate, level: str, seed: int) -> Verdict:
        try:
            found = self._reported(read_pipeline(candidate.text), level, seed)
        except NoPipeline as fault:
            return Verdict(candidate.id, self._device, Status.BUILD_ERROR, str(fault))
        said = (
            f"accuracy {found.accuracy:.4f}, macro-F1 {found.macro_f1:.4f}, calibration {found.calibration:.4f} "
            f"over {found.cases} cases"
        )
        checks = (Check(level, True, f"cases drawn by {seed}"),)
        score = Figure(self._loss(found), "loss", self._device, "measured")
        return Verdict(candidate.id, self._device, Status.PASSED, said, score, checks=checks)

    @staticmethod
    def _loss(found: Report) -> float:
        """The share of cases that are told wrong, with one more: a few cases cannot show that none ever is."""
        return ((1.0 - found.accuracy) * found.cases + 1.0) / (found.cases + 1.0)

    def _reported(self, pipeline: Pipeline, level: str, seed: int) -> Report:
        drawn = self._drawn(level, seed)
        places = self._places(drawn, pipeline, level, seed)
        told, labels = places[: drawn.told], drawn.labels[: drawn.told]
        probabilities = classify(told, labels, places[drawn.told :], self._charges, pipeline)
        return report(drawn.labels[drawn.told :], probabilities)

    def _places(self, drawn: Drawn, pipeline: Pipeline, level: str, seed: int) -> Array:
        key = (level, seed, pipeline.begin, pipeline.end, pipeline.numbers)
        if key not in self._encoded:
            if len(self._encoded) >= MOST_KEPT:
                self._encoded.popitem(last=False)
            self._encoded[key] = encode(drawn.facts, pipeline, drawn.told)
        self._encoded.move_to_end(key)
        return self._encoded[key].of(pipeline)

    def _drawn(self, level: str, seed: int) -> Drawn:
        """Which cases are told and which asked, by the seed: of each charge its share."""
        source = np.random.default_rng(seed)
        told, asked = [], []
        for charge in range(self._charges):
            cases = source.permutation(np.flatnonzero(self._labels == charge))
            count = max(1, round(ASKED_SHARE * len(cases))) if len(cases) > 1 else 0
            asked += list(cases[:count])
            told += list(cases[count:])
        facts = [self._facts[place] for place in told]
        questions = [self._facts[place] for place in asked]
        if level == "audit":
            questions = [told_otherwise(fact, seed) for fact in questions]
        return Drawn((*facts, *questions), self._labels[[*told, *asked]], len(told))

    def _seen(self, attempt: Attempt) -> dict[str, float]:
        said = attempt.verdict.feedback.replace(",", "").split()
        known = {name: float(said[said.index(name) + 1]) for name in ("accuracy", "calibration") if name in said}
        reward = self.reward(attempt.verdict)
        gain = {} if not reward else {"log2_gain": math.log2(reward)}
        length = float(np.mean([len(fact) for fact in self._facts]))
        return {
            "log2_cases": math.log2(len(self._facts)), "log2_charges": math.log2(self._charges),
            "log2_length": math.log2(length), "moves": float(len(attempt.candidate.moves)), **known, **gain,
        }  # fmt: skip


def _words(pipeline: Pipeline) -> tuple[str, ...]:
    settings = {
        "reads_the_end": pipeline.end > 0, "masks_numbers": pipeline.numbers == "masked",
        "whitened": pipeline.whitened == "yes",
    }  # fmt: skip
    votes = [f"votes_{name}" for name in READOUTS if pipeline.weights.get(name, 0)]
    return (*votes, *(name for name, holds in settings.items() if holds))
