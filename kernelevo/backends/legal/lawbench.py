"""LawBench's task 3-3 from end to end: its questions, replies in its form, and both rules on what was written.

A file of replies is what LawBench's own evaluation reads (evaluation/main.py): an object by number of
{origin_prompt, prediction, refr}. Its answers are public and stand beside the questions, so that nothing is sealed
here; told cases that are alike to a question are left out instead.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from kernelevo.backends.legal.alike import twins
from kernelevo.backends.legal.data import LONGEST, Cases
from kernelevo.backends.legal.loaders import QUESTION, open_source, text_of
from kernelevo.backends.legal.scoring import PREFIX, LawBenchScore, lawbench_f1, strict_f1
from kernelevo.errors import BadInput

_FORM = "LawBench's data/zero_shot/3-3.json is a list of {instruction, question, answer}"


@dataclass(frozen=True)
class Questions:
    """`prompts` as they are asked, the `facts` in them, and the `answers` (罪名:A;B)."""

    prompts: tuple[str, ...]
    facts: tuple[str, ...]
    answers: tuple[str, ...]
    note: str


def read_questions(path: Path) -> Questions:
    """Raises BadInput for what is no file of LawBench's task 3-3."""
    source = open_source(path)
    try:
        items = json.loads(text_of(source.content))
        rows = [(f"{item['instruction']}\n{item['question']}", item["question"], item["answer"]) for item in items]
        facts = tuple(question.removeprefix(QUESTION).strip()[:LONGEST] for _, question, _ in rows)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())[:120]
        raise BadInput(f"--lawbench {path} cannot be read ({said}); {_FORM}") from error
    answers = tuple(answer for _, _, answer in rows)
    for place, answer in enumerate(answers):
        if not isinstance(answer, str) or not answer.startswith(PREFIX):
            raise BadInput(f"--lawbench {path}: the answer of item {place} does not begin with {PREFIX}; {_FORM}")
    if not rows:
        raise BadInput(f"--lawbench {path} has no question; {_FORM}")
    return Questions(tuple(prompt for prompt, _, _ in rows), facts, answers, source.said)


def without_alike(cases: Cases, facts: Sequence[str]) -> Cases:
    """The cases that are alike to none of these facts; their charges stay numbered as they are."""
    kept = np.flatnonzero(~twins(cases.facts, facts))
    return replace(cases, facts=tuple(cases.facts[place] for place in kept), labels=cases.labels[kept])


def reply(charge: str) -> str:
    """As the task demands it; CAIL's brackets ([走私、贩卖]毒品) are not in LawBench's names. Nothing for nothing."""
    return f"[罪名]{charge.replace('[', '').replace(']', '')}<eoa>" if charge else ""


def rows_for(questions: Questions, charges: Sequence[str]) -> dict[str, dict[str, str]]:
    """What LawBench's evaluation reads."""
    rows = zip(questions.prompts, charges, questions.answers, strict=True)
    return {
        str(number): {"origin_prompt": prompt, "prediction": reply(charge), "refr": answer}
        for number, (prompt, charge, answer) in enumerate(rows)
    }


def write_replies(path: Path, rows: dict[str, dict[str, str]]) -> None:
    path.write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def scores_of(path: Path) -> tuple[LawBenchScore, LawBenchScore]:
    """By LawBench's rule and by the strict one, of a file of replies; raises BadInput for what is none."""
    try:
        rows: dict[str, Any] = json.loads(text_of(path.read_bytes()))
        every = [rows[str(number)] for number in range(len(rows))]
        replies, answers = [row["prediction"] for row in every], [row["refr"] for row in every]
        return lawbench_f1(replies, answers), strict_f1(replies, answers)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())[:120]
        raise BadInput(f"{path} holds no replies as LawBench reads them ({said})") from error
