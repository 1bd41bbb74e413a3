"""One task of the backend legal: a classifier is told the charges of the training split's cases, and asked for those of
others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernelevo.backends.agents import Networks
from kernelevo.backends.keeping import Keeping
from kernelevo.backends.legal.auditing import TELLINGS, audited, every_telling
from kernelevo.backends.legal.network import Reader, encoded
from kernelevo.backends.legal.pipeline import SPACE, classify, windowed
from kernelevo.backends.legal.reference import NAME, Reference, reference_report
from kernelevo.backends.legal.scoring import report
from kernelevo.backends.pipelines import Level, Pipeline, Scored, Unsound
from kernelevo.backends.programs import ProgramForm, ProgramSession, Run, hidden_seed, told_seed
from kernelevo.counting import counted
from kernelevo.decisions import Grammar
from kernelevo.interfaces import ProgramRunner

MOST_KEPT = 768 * 2**20
"""Bytes of encoded cases that are kept at hand, by all sessions of a backend. A pipeline reads one of 40 windows of all
told cases, and a search tries most of them.
"""
FACTS = ("log2_cases", "log2_charges", "log2_length", "accuracy", "calibration")
Array = np.ndarray
PARTS = 4
"""Calls in which a program is asked: about the same share of each charge's cases is asked for, and who sees them all at
once could deal them out by these shares.
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
class Told:
    """Cases with their labels, int[cases]; `name` tells them from others of the same backend."""

    facts: tuple[str, ...]
    labels: Array
    name: str = "told"


class Encoder:
    """Encodes cases as a pipeline reads them, and the charges' descriptions, by the network that it names; what was
    encoded is kept.
    """

    def __init__(self, reader: Callable[[], Reader], networks: Networks, descriptions: Sequence[str]) -> None:
        self._reader, self.networks, self._descriptions = reader, networks, descriptions
        self._kept = Keeping(MOST_KEPT)

    def places(self, facts: Sequence[str], pipeline: Pipeline, name: str) -> Array:
        """float64[cases, dimensions]; `name` tells these cases from others."""
        window = (name, pipeline["begin"], pipeline["end"], pipeline["numbers"])
        rows = self._kept.of(("rows", *window), lambda: self._rows(facts, pipeline))
        network = pipeline.network
        places: Array = self._kept.of((network, *window), lambda: encoded(self.networks.of(network), rows))
        return places

    def described(self, pipeline: Pipeline) -> Array:
        """float64[charges, dimensions], of whole descriptions."""
        network = pipeline.network
        rows = self._kept.of(("described",), lambda: self._reader().rows(self._descriptions))
        places: Array = self._kept.of((network, "described"), lambda: encoded(self.networks.of(network), rows))
        return places

    def _rows(self, facts: Sequence[str], pipeline: Pipeline) -> Any:
        return self._reader().rows([windowed(fact, pipeline) for fact in facts])


class ChargeSession(ProgramSession):
    """`told` are the cases of the training split, `asked` those of the task; `charges` are their names, and `key` tells
    this set of cases from any other. The audit asks for the same cases told otherwise. The loss is the share of cases
    that are told wrong, with one more: a few cases cannot show that none ever is.
    """

    form = FORM

    def __init__(
        self, task: str, family: str, device: str, grammar: Grammar, told: Told, asked: Told, charges: Sequence[str],
        key: str, encoder: Encoder, programs: ProgramRunner | None = None,
    ) -> None:  # fmt: skip
        super().__init__(task, family, device, grammar, SPACE, programs)
        self._told, self._asked, self._encoder = told, asked, encoder
        self._names, self._charges, self._key = tuple(charges), len(charges), key
        self._otherwise: dict[int, tuple[str, ...]] = {}
        self._reference: Reference | None = None

    def scored(self, pipeline: Pipeline, level: Level, seed: int) -> Scored:
        support = self._encoder.places(self._told.facts, pipeline, self._told.name)
        query = self._encoder.places(self._questions(level, seed), pipeline, self._name(level, seed))
        network, described = self._encoder.networks.of(pipeline.network), self._encoder.described(pipeline)
        tellings = TELLINGS if level == "audit" else 1
        voted = classify(support, self._told.labels, query, described, pipeline, network, tellings)
        return self._score(voted, level)

    def scored_program(self, run: Run, level: Level, seed: int) -> Scored:
        """Cases that are asked for lie in the order of their file, which may tell their charges, and their number how
        many are of each: the program sees them in another order, and a part of them in each call.
        """
        questions = self._questions(level, seed)
        hidden = hidden_seed("legal", self._key, self.task, level, seed, self._asked.labels)
        order = np.random.default_rng(hidden).permutation(len(questions))
        given = [list(self._told.facts), self._told.labels.astype(np.int64)]
        made = np.empty((len(questions), self._charges))
        for part in np.array_split(order, min(PARTS, len(order))):
            asked = [questions[place] for place in part]
            made[part] = run([*given, asked, list(self._names)], told_seed(hidden), (len(part), self._charges))
        return self._score(_probabilities(made), level)

    def _score(self, probabilities: Array, level: Level) -> Scored:
        """An audit's probabilities are of every telling, one after the other."""
        wanted = self._asked.labels
        found = report(wanted, probabilities[: len(wanted)])
        figures = {"accuracy": found.accuracy, "macro-F1": found.macro_f1, "calibration": found.calibration}
        if level == "audit":
            often = np.bincount(self._told.labels, minlength=self._charges)
            figures |= audited(probabilities.argmax(axis=1).reshape(TELLINGS, -1), wanted, often).figures
        return Scored(((1.0 - figures["accuracy"]) * found.cases + 1.0) / (found.cases + 1.0), figures)

    def facts(self) -> Mapping[str, float]:
        length = float(np.mean([len(fact) for fact in self._asked.facts]))
        return {
            "log2_cases": math.log2(len(self._told.facts)), "log2_charges": math.log2(self._charges),
            "log2_length": math.log2(length),
        }  # fmt: skip

    def words(self) -> str:
        return (
            f"Tell which of {self._charges} charges a criminal case is of, from its facts (Chinese); the charges of "
            f"{counted(len(self._told.facts), 'case')} are told. {super().words()}"
        )

    def reference(self) -> Reference:
        """The reference line, told and asked what a candidate is, by the reward verifier."""
        if self._reference is None:
            told, asked = self._told, self._asked
            self._reference = reference_report(told.facts, told.labels, asked.facts, asked.labels)
        return self._reference

    def references(self, seed: int) -> Mapping[str, float]:
        """The reference line by the names that verdicts tell."""
        found = self.reference()
        return {f"{NAME}, accuracy": found.accuracy, f"{NAME}, macro-F1": found.macro_f1}

    def close(self) -> None:
        self._otherwise.clear()

    def _questions(self, level: Level, seed: int) -> tuple[str, ...]:
        if level == "reward":
            return self._asked.facts
        if seed not in self._otherwise:
            self._otherwise = {seed: tuple(every_telling(self._asked.facts, seed))}
        return self._otherwise[seed]

    def _name(self, level: Level, seed: int) -> str:
        return f"{self.task} audited {seed}" if level == "audit" else self.task


def _probabilities(made: Array) -> Array:
    """Rows rescaled to sum to 1; raises Unsound for what cannot be."""
    if (made < 0).any():
        raise Unsound(f"a probability is {made.min():g}, which is negative")
    with np.errstate(over="ignore"):
        sums = made.sum(axis=1, keepdims=True)
    if not ((sums > LEAST_SUM) & np.isfinite(sums)).all():
        raise Unsound("the probabilities of a case are all 0, or too small or large to be rescaled")
    return np.asarray(made / sums)
