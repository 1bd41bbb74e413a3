"""One task of the backend legal: a classifier is told the charges of some cases, and asked for those of others."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kernelevo.backends.legal.auditing import told_otherwise
from kernelevo.backends.legal.pipeline import SPACE, Encoded, classify, encode
from kernelevo.backends.legal.scoring import report
from kernelevo.backends.pipelines import Level, Pipeline, Scored, Unsound
from kernelevo.backends.programs import ProgramForm, ProgramSession, Run, hidden_seed, told_seed
from kernelevo.counting import counted
from kernelevo.decisions import Grammar
from kernelevo.interfaces import ProgramRunner

ASKED_SHARE = 0.3
"""Of each charge's cases, those whose charge is asked for."""
MOST_KEPT = 32
"""Encoded draws that are kept at hand."""
FACTS = ("log2_cases", "log2_charges", "log2_length", "accuracy", "calibration")
Array = np.ndarray
PARTS = 4
"""Calls in which a program is asked: the same share of each charge's cases is asked for, and who sees them all at once
could deal them out by these shares.
"""
LEAST_SUM = 1e-100
"""Of a row of probabilities."""
FORM = ProgramForm(
    "classify", ("facts", "labels", "questions", "charges", "seed"),
    "`facts` is a list of strings, the told cases; `labels` is a NumPy int64 array, the place of each told case's "
    "charge in `charges`, a list of the charges' names; `questions` is a list of strings, some of the cases that "
    "are asked for, in no order; `seed` is a whole number. Return a float array [questions, charges] of probabilities: "
    "finite, never negative, no row all zeros (rows are rescaled to sum to 1). Each row's likeliest charge counts.",
)  # fmt: skip


@dataclass(frozen=True)
class Drawn:
    """`facts` of the cases whose charges are told, then of those that are asked for; `labels` of all of them."""

    facts: tuple[str, ...]
    labels: Array
    told: int


class ChargeSession(ProgramSession):
    """`facts` with `labels` int[cases] below the number of `charges`, which are their names; `key` tells the set of
    cases from any other. The audit asks for the same charges of cases told otherwise.
    The loss is the share of cases that are told wrong, with one more: a few cases cannot show that none ever is.
    """

    form = FORM

    def __init__(
        self, task: str, family: str, device: str, grammar: Grammar, facts: Sequence[str], labels: Array,
        charges: Sequence[str], key: str, programs: ProgramRunner | None = None,
    ) -> None:  # fmt: skip
        super().__init__(task, family, device, grammar, SPACE, programs)
        self._facts, self._labels, self._charges = tuple(facts), labels, len(charges)
        self._names, self._key = tuple(charges), key
        self._encoded: OrderedDict[tuple[object, ...], Encoded] = OrderedDict()

    def scored(self, pipeline: Pipeline, level: Level, seed: int) -> Scored:
        drawn = self._drawn(level, seed)
        places = self._places(drawn, pipeline, level, seed)
        told, labels = places[: drawn.told], drawn.labels[: drawn.told]
        return self._score(drawn, classify(told, labels, places[drawn.told :], self._charges, pipeline))

    def scored_program(self, run: Run, level: Level, seed: int) -> Scored:
        """The cases that are asked for are drawn charge by charge, so that their order would tell their charges, and
        their number how many are of each: the program sees them in another order, and a part of them in each call.
        """
        drawn = self._drawn(level, seed)
        questions = drawn.facts[drawn.told :]
        hidden = hidden_seed("legal", self._key, self.task, level, seed, self._labels)
        order = np.random.default_rng(hidden).permutation(len(questions))
        given = [list(drawn.facts[: drawn.told]), drawn.labels[: drawn.told].astype(np.int64)]
        made = np.empty((len(questions), self._charges))
        for part in np.array_split(order, min(PARTS, len(order))):
            asked = [questions[place] for place in part]
            made[part] = run([*given, asked, list(self._names)], told_seed(hidden), (len(part), self._charges))
        return self._score(drawn, _probabilities(made))

    def _score(self, drawn: Drawn, probabilities: Array) -> Scored:
        found = report(drawn.labels[drawn.told :], probabilities)
        figures = {"accuracy": found.accuracy, "macro-F1": found.macro_f1, "calibration": found.calibration}
        return Scored(((1.0 - found.accuracy) * found.cases + 1.0) / (found.cases + 1.0), figures)

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
        facts = [self._facts[place] for place in told]
        questions = [self._facts[place] for place in asked]
        if level == "audit":
            questions = [told_otherwise(fact, seed) for fact in questions]
        return Drawn((*facts, *questions), self._labels[[*told, *asked]], len(told))


def _probabilities(made: Array) -> Array:
    """Rows rescaled to sum to 1; raises Unsound for what cannot be."""
    if (made < 0).any():
        raise Unsound(f"a probability is {made.min():g}, which is negative")
    with np.errstate(over="ignore"):
        sums = made.sum(axis=1, keepdims=True)
    if not ((sums > LEAST_SUM) & np.isfinite(sums)).all():
        raise Unsound("the probabilities of a case are all 0, or too small or large to be rescaled")
    return np.asarray(made / sums)
