"""One task of the backend legal: a classifier is told the charges of some cases, and asked for those of others."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kernelevo.backends.legal.alike import apart
from kernelevo.backends.legal.auditing import TELLINGS, audited, every_telling
from kernelevo.backends.legal.pipeline import SPACE, Encoded, classify, encode
from kernelevo.backends.legal.reference import Reference, reference_report
from kernelevo.backends.legal.scoring import report
from kernelevo.backends.pipelines import Level, Pipeline, PipelineSession, Scored
from kernelevo.counting import counted
from kernelevo.decisions import Grammar

ASKED_SHARE = 0.3
"""Of each charge's cases, those whose charge is asked for."""
MOST_KEPT = 32
"""Encoded draws that are kept at hand."""
FACTS = ("log2_cases", "log2_charges", "log2_length", "accuracy", "calibration")
Array = np.ndarray


@dataclass(frozen=True)
class Drawn:
    """`facts` of the cases whose charges are told, then of those that are asked for (in an audit by every telling,
    one after the other); `labels` of all of them, each once.
    """

    facts: tuple[str, ...]
    labels: Array
    told: int


class ChargeSession(PipelineSession):
    """`facts` with `labels` int[cases] below `charges`; cases with the same number in `groups` are alike (default: none
    are), and what is asked for has nothing alike among what is told. The audit asks for the same charges of cases told
    otherwise. The loss is the share of cases that are told wrong, with one more: a few cases cannot show that none ever
    is.
    """

    def __init__(
        self, task: str, family: str, device: str, grammar: Grammar, facts: Sequence[str], labels: Array, charges: int,
        groups: Array | None = None,
    ) -> None:  # fmt: skip
        super().__init__(task, family, device, grammar, SPACE)
        self._facts, self._labels, self._charges = tuple(facts), labels, charges
        self._groups = np.arange(len(facts)) if groups is None else groups
        self._encoded: OrderedDict[tuple[object, ...], Encoded] = OrderedDict()
        self._references: dict[int, Reference] = {}

    def scored(self, pipeline: Pipeline, level: Level, seed: int) -> Scored:
        drawn = self._drawn(level, seed)
        places = self._places(drawn, pipeline, level, seed)
        told, labels = places[: drawn.told], drawn.labels[: drawn.told]
        probabilities = classify(told, labels, places[drawn.told :], self._charges, pipeline)
        wanted = drawn.labels[drawn.told :]
        found = report(wanted, probabilities[: len(wanted)])
        figures = {"accuracy": found.accuracy, "macro-F1": found.macro_f1, "calibration": found.calibration}
        if level == "audit":
            often = np.bincount(labels, minlength=self._charges)
            figures |= audited(probabilities.argmax(axis=1).reshape(TELLINGS, -1), wanted, often).figures
        return Scored(((1.0 - figures["accuracy"]) * found.cases + 1.0) / (found.cases + 1.0), figures)

    def facts(self) -> Mapping[str, float]:
        length = float(np.mean([len(fact) for fact in self._facts]))
        return {
            "log2_cases": math.log2(len(self._facts)), "log2_charges": math.log2(self._charges),
            "log2_length": math.log2(length),
        }  # fmt: skip

    def words(self) -> str:
        return (
            f"Tell which of {self._charges} charges a criminal case is of, from its facts (Chinese); there are "
            f"{counted(len(self._facts), 'case')}. {super().words()}"
        )

    def reference(self, seed: int) -> Reference:
        """The reference line on this draw: told and asked what a candidate is, by the reward verifier."""
        if seed not in self._references:
            drawn = self._drawn("reward", seed)
            told, asked = drawn.facts[: drawn.told], drawn.facts[drawn.told :]
            labels, wanted = drawn.labels[: drawn.told], drawn.labels[drawn.told :]
            self._references[seed] = reference_report(told, labels, asked, wanted)
        return self._references[seed]

    def close(self) -> None:
        self._encoded.clear()

    def _places(self, drawn: Drawn, pipeline: Pipeline, level: Level, seed: int) -> Array:
        key = (level, seed, pipeline["begin"], pipeline["end"], pipeline["numbers"])
        if key not in self._encoded:
            if len(self._encoded) >= MOST_KEPT:
                self._encoded.popitem(last=False)
            self._encoded[key] = encode(drawn.facts, pipeline, drawn.told)
        self._encoded.move_to_end(key)
        return self._encoded[key].of(pipeline)

    def _drawn(self, level: Level, seed: int) -> Drawn:
        """Which cases are told and which asked, by the seed: of each charge its share."""
        source = np.random.default_rng(seed)
        told, asked = [], []
        for charge in range(self._charges):
            cases = source.permutation(np.flatnonzero(self._labels == charge))
            count = max(1, round(ASKED_SHARE * len(cases))) if len(cases) > 1 else 0
            asked += list(cases[:count])
            told += list(cases[count:])
        told = apart(told, asked, self._groups)
        facts = [self._facts[place] for place in told]
        questions = [self._facts[place] for place in asked]
        if level == "audit":
            questions = every_telling(questions, seed)
        return Drawn((*facts, *questions), self._labels[[*told, *asked]], len(told))
