"""The line that every result is to be held to: a tuned linear classifier, which is no part of what the levers improve.

TF-IDF of character 1- and 2-grams of the whole text and a linear support vector machine (scikit-learn's LinearSVC, C =
1), fitted on the cases that the candidate was told and asked for those that it was asked for. It reads labels directly,
and so is no tool of the agents that are compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import accuracy_score, f1_score
from sklearn.svm import LinearSVC

from kernelevo.statistics import share_interval

Array = np.ndarray
NAME = "LinearSVC on character 1-2-grams"


@dataclass(frozen=True)
class Reference:
    """`told` int[cases] are the charges that it tells; `low` and `high` what its accuracy lies between (95 %)."""

    told: Array
    accuracy: float
    macro_f1: float
    low: float
    high: float

    def words(self) -> str:
        return (
            f"reference ({NAME}): accuracy {self.accuracy:.4f} (95 %: {self.low:.4f} to {self.high:.4f}), macro-F1 "
            f"{self.macro_f1:.4f}"
        )


def reference_told(known: Sequence[str], labels: Array, asked: Sequence[str]) -> Array:
    """int[asked]: the charges of these, by `known` cases and their `labels` (int)."""
    if len(np.unique(labels)) < 2:
        return np.full(len(asked), labels[0])
    counted = TfidfVectorizer(analyzer="char", ngram_range=(1, 2), sublinear_tf=True)
    fitted = LinearSVC(random_state=0).fit(counted.fit_transform(known), labels)
    return np.asarray(fitted.predict(counted.transform(asked)))


def reference_report(known: Sequence[str], labels: Array, asked: Sequence[str], wanted: Array) -> Reference:
    """`wanted` int[asked] are the charges that are right; one that no known case has is never told."""
    told = reference_told(known, labels, asked)
    low, high = share_interval(int((told == wanted).sum()), len(wanted))
    macro = float(f1_score(wanted, told, average="macro", zero_division=0.0))
    return Reference(told, float(accuracy_score(wanted, told)), macro, low, high)
