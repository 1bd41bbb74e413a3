"""What answers to sealed cases are worth, when their labels are opened: beside the reference line, case by case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from kernelevo.backends.legal.alike import twins
from kernelevo.backends.legal.asking import Answers
from kernelevo.backends.legal.data import Cases
from kernelevo.backends.legal.paired import Paired, paired
from kernelevo.backends.legal.reference import NAME, reference_told
from kernelevo.backends.legal.scoring import Report, report_of
from kernelevo.counting import counted
from kernelevo.statistics import share_interval

Array = np.ndarray


@dataclass(frozen=True)
class Share:
    """Cases told right, and what the true share lies between (95 %, Wilson)."""

    right: int
    cases: int

    @property
    def accuracy(self) -> float:
        return self.right / self.cases if self.cases else 0.0

    def words(self) -> str:
        low, high = share_interval(self.right, self.cases)
        return f"{self.accuracy:.4f} (95 %: {low:.4f} to {high:.4f}; {self.right:,} of {self.cases:,})"

    def plain(self) -> dict[str, float]:
        return {"accuracy": self.accuracy, "interval": list(share_interval(self.right, self.cases)), **asdict(self)}


@dataclass(frozen=True)
class Outcome:
    """`new` counts the cases that are alike to none that was told; `unknown` are cases whose charge no told case has,
    which nobody can tell.
    """

    report: Report
    whole: Share
    new: Share
    unknown: int
    reference: Share
    reference_new: Share
    reference_macro_f1: float
    paired: Paired

    def plain(self) -> dict[str, object]:
        return {
            **asdict(self.report), "accuracy": self.whole.plain(), "accuracy_of_new_cases": self.new.plain(),
            "charges_unknown": self.unknown,
            "reference": {
                "is": NAME, "accuracy": self.reference.plain(), "accuracy_of_new_cases": self.reference_new.plain(),
                "macro_f1": self.reference_macro_f1,
            },
            "less_the_reference": asdict(self.paired),
        }  # fmt: skip

    def lines(self) -> list[str]:
        found = self.report
        return [
            f"accuracy {self.whole.words()}",
            f"  on cases that are alike to none that was told: {self.new.words()}",
            f"macro-F1 {found.macro_f1:.4f}, {counted(found.abstentions, 'abstention')}, calibration error "
            f"{found.calibration:.4f}",
            *([f"{counted(self.unknown, 'case')} of charges that no told case has: wrong"] if self.unknown else []),
            f"reference ({NAME}): accuracy {self.reference.words()}, macro-F1 {self.reference_macro_f1:.4f}",
            f"  on cases that are alike to none that was told: {self.reference_new.words()}",
            self.paired.words("these answers", "the reference"),
        ]

    def words(self) -> str:
        return f"accuracy {self.whole.words()}; {self.paired.words('these answers', 'the reference')}"


def outcome(cases: Cases, facts: Sequence[str], found: Answers, labels: Sequence[str]) -> Outcome:
    """`facts` were asked for, and `labels` are their charges, also such as no told case has."""
    wanted = numbered(labels, cases.charges)
    told = reference_told(cases.facts, cases.labels, facts)
    new = ~twins(facts, cases.facts)
    right, right_too = found.told == wanted, told == wanted
    return Outcome(
        report_of(wanted, found.told, found.confidence), _share(right), _share(right[new]),
        int((wanted >= len(cases.charges)).sum()), _share(right_too), _share(right_too[new]),
        report_of(wanted, told, np.ones(len(told))).macro_f1, paired(right, right_too),
    )  # fmt: skip


def beside(cases: Cases, found: Answers, other: Answers, labels: Sequence[str]) -> tuple[Share, Paired]:
    """What the other answers are worth, and how many more of the same cases `found` tells right."""
    wanted = numbered(labels, cases.charges)
    return _share(other.told == wanted), paired(found.told == wanted, other.told == wanted)


def numbered(labels: Sequence[str], charges: Sequence[str]) -> Array:
    """int[labels]: places among the charges, and after them those of other labels."""
    places: Mapping[str, int] = {label: place for place, label in enumerate(dict.fromkeys([*charges, *labels]))}
    return np.array([places[label] for label in labels])


def _share(right: Array) -> Share:
    return Share(int(right.sum()), len(right))
