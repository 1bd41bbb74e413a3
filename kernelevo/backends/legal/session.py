"""One task of the backend legal: a classifier is told the charges of the training split's cases, and asked for those of
others.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernelevo.backends.agents import Networks
from kernelevo.backends.legal.auditing import told_otherwise
from kernelevo.backends.legal.network import Reader, encoded
from kernelevo.backends.legal.pipeline import SPACE, classify, windowed
from kernelevo.backends.legal.scoring import report
from kernelevo.backends.pipelines import Level, Pipeline, PipelineSession, Scored
from kernelevo.counting import counted
from kernelevo.decisions import Grammar

TOLD_SHARE = 0.9
"""Of the training split's cases, those whose charges are told, by the seed."""
MOST_KEPT = 64
"""Encoded sets of cases that are kept at hand, by all sessions of a backend."""
FACTS = ("log2_cases", "log2_charges", "log2_length", "accuracy", "calibration")
Array = np.ndarray


@dataclass(frozen=True)
class Told:
    """Cases with their labels, int[cases]."""

    facts: tuple[str, ...]
    labels: Array


class Encoder:
    """Encodes cases as a pipeline reads them, by the network that it names; what was encoded is kept."""

    def __init__(self, reader: Callable[[], Reader], networks: Networks) -> None:
        self._reader, self.networks = reader, networks
        self._known: OrderedDict[tuple[object, ...], Any] = OrderedDict()

    def places(self, facts: Sequence[str], pipeline: Pipeline, name: str) -> Array:
        """float64[cases, dimensions]; `name` tells these cases from others."""
        window = (name, pipeline["begin"], pipeline["end"], pipeline["numbers"])
        rows = self._kept(("rows", *window), lambda: self._rows(facts, pipeline))
        network = pipeline.network
        places: Array = self._kept((network, *window), lambda: encoded(self.networks.of(network), rows))
        return places

    def _rows(self, facts: Sequence[str], pipeline: Pipeline) -> Any:
        return self._reader().rows([windowed(fact, pipeline) for fact in facts])

    def _kept(self, key: tuple[object, ...], make: Callable[[], Any]) -> Any:
        if key not in self._known:
            if len(self._known) >= MOST_KEPT:
                self._known.popitem(last=False)
            self._known[key] = make()
        self._known.move_to_end(key)
        return self._known[key]


class ChargeSession(PipelineSession):
    """`told` are the cases of the training split, `asked` those of the task. The audit asks for the same cases told
    otherwise. The loss is the share of cases that are told wrong, with one more: a few cases cannot show that none ever
    is.
    """

    def __init__(
        self, task: str, family: str, device: str, grammar: Grammar, told: Told, asked: Told, charges: int,
        encoder: Encoder,
    ) -> None:  # fmt: skip
        super().__init__(task, family, device, grammar, SPACE)
        self._told, self._asked, self._charges, self._encoder = told, asked, charges, encoder
        self._otherwise: dict[int, tuple[str, ...]] = {}

    def scored(self, pipeline: Pipeline, level: Level, seed: int) -> Scored:
        kept = np.sort(np.random.default_rng(seed).permutation(len(self._told.labels))[: self._told_count()])
        support = self._encoder.places(self._told.facts, pipeline, "told")[kept]
        query = self._encoder.places(self._questions(level, seed), pipeline, self._name(level, seed))
        network = self._encoder.networks.of(pipeline.network)
        labels = self._told.labels[kept]
        found = report(self._asked.labels, classify(support, labels, query, self._charges, pipeline, network))
        figures = {"accuracy": found.accuracy, "macro-F1": found.macro_f1, "calibration": found.calibration}
        return Scored(((1.0 - found.accuracy) * found.cases + 1.0) / (found.cases + 1.0), figures)

    def facts(self) -> Mapping[str, float]:
        length = float(np.mean([len(fact) for fact in self._asked.facts]))
        return {
            "log2_cases": math.log2(len(self._told.facts)), "log2_charges": math.log2(self._charges),
            "log2_length": math.log2(length),
        }  # fmt: skip

    def words(self) -> str:
        return (
            f"Tell which of {self._charges} charges a criminal case is of, from its facts (Chinese); the charges of "
            f"{counted(self._told_count(), 'case')} are told. {super().words()}"
        )

    def close(self) -> None:
        self._otherwise.clear()

    def _told_count(self) -> int:
        return max(1, round(TOLD_SHARE * len(self._told.labels)))

    def _questions(self, level: Level, seed: int) -> tuple[str, ...]:
        if level == "reward":
            return self._asked.facts
        if seed not in self._otherwise:
            self._otherwise = {seed: tuple(told_otherwise(fact, seed) for fact in self._asked.facts)}
        return self._otherwise[seed]

    def _name(self, level: Level, seed: int) -> str:
        return f"{self.task} audited {seed}" if level == "audit" else self.task
