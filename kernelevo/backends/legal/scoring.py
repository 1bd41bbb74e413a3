"""How well charges are told: by class, and by LawBench's own rule.

LawBench (open-compass/LawBench at e30981b, task 3-3) looks for each of 189 charges anywhere in a reply, whatever else
it says, and means the F1 of the set that it finds. Thirteen of its answers are no options and 29 options are part of
others, so that even the answers themselves score 0.93: `lawbench_f1` is that rule to the letter, and `strict_f1` reads
what stands between the markers that the task asks for.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

PREFIX = "罪名:"
_MARKED = re.compile(r"\[罪名\](.*?)<eoa>", re.DOTALL)
BINS = 10
Array = np.ndarray


@functools.cache
def options() -> tuple[str, ...]:
    """The 189 charges that LawBench knows, in its order."""
    return tuple((Path(__file__).parent / "lawbench_charges.txt").read_text(encoding="utf-8").split())


@dataclass(frozen=True)
class LawBenchScore:
    """The mean F1, and the share of replies in which no charge was found."""

    f1: float
    abstentions: float


def set_f1(wanted: Collection[str], found: Collection[str]) -> float:
    """Of two sets; 0 where they share nothing."""
    shared = len(set(wanted) & set(found))
    return 2 * shared / (len(set(wanted)) + len(set(found))) if shared else 0.0


def lawbench_f1(replies: Sequence[str], answers: Sequence[str]) -> LawBenchScore:
    """`answers` as LawBench writes them, `罪名:A;B`; raises ValueError for one that does not begin so."""
    return _scored(replies, answers, lambda reply: [option for option in options() if option in reply])


def strict_f1(replies: Sequence[str], answers: Sequence[str]) -> LawBenchScore:
    """Only what stands between [罪名] and <eoa>, parted by semicolons; whatever its name is."""

    def read(reply: str) -> list[str]:
        marked = _MARKED.findall(reply)
        return [word.strip() for word in re.split("[;；]", marked[-1]) if word.strip()] if marked else []

    return _scored(replies, answers, read)


def _scored(replies: Sequence[str], answers: Sequence[str], read: Callable[[str], list[str]]) -> LawBenchScore:
    if not answers or len(replies) != len(answers):
        raise ValueError(f"{len(replies)} replies to {len(answers)} questions cannot be scored")
    scores, silent = [], 0
    for reply, answer in zip(replies, answers, strict=True):
        if not answer.startswith(PREFIX):
            raise ValueError(f"the answer {answer!r} does not begin with {PREFIX}")
        found = read(reply)
        silent += not found
        scores.append(set_f1(answer.replace(PREFIX, "").split(";"), found))
    return LawBenchScore(sum(scores) / len(scores), silent / len(answers))


@dataclass(frozen=True)
class Report:
    """Of single charges: the share that is right, the mean F1 over charges that occur, the expected calibration error
    (the mean distance of confidence from accuracy over ten bins of confidence, by their cases), and how many cases no
    charge was told of, which counts as wrong.
    """

    accuracy: float
    macro_f1: float
    calibration: float
    cases: int
    abstentions: int = 0


def report(wanted: Array, probabilities: Array) -> Report:
    """`wanted` int[cases] are places in `probabilities` float[cases, charges]."""
    return report_of(wanted, probabilities.argmax(axis=1), probabilities.max(axis=1))


def report_of(wanted: Array, told: Array, confidence: Array) -> Report:
    """`wanted` and `told` int[cases] number charges, -1 being none; `confidence` float[cases] is from 0 to 1."""
    right = told == wanted
    labels = np.union1d(wanted, told[told >= 0])
    means = [_f1(wanted == label, told == label) for label in labels]
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    apart = [abs(float((right[bins == each] - confidence[bins == each]).sum())) for each in np.unique(bins)]
    silent = int((told < 0).sum())
    return Report(float(right.mean()), float(np.mean(means)), sum(apart) / len(wanted), len(wanted), silent)


def _f1(wanted: Array, told: Array) -> float:
    both = float((wanted & told).sum())
    return 2 * both / float(wanted.sum() + told.sum())
