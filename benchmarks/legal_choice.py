"""How often the right charge is among the likeliest of a pipeline, and what a language model makes of the choice: a
part of legal_reference.py, on the same folds.

Told are the cases of the other folds; of the cases that are asked for no label is in any question, nor the name of a
charge that they alone have.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from kernelevo.backends.legal.asking import Answers, Reading, answers, pipeline_reads
from kernelevo.backends.legal.choosing import CANDIDATES, Offer, offers, require_candidates, shortlists
from kernelevo.backends.legal.data import Cases
from kernelevo.backends.legal.paired import paired
from kernelevo.backends.pipelines import Pipeline
from kernelevo.errors import BadInput
from kernelevo.joining_choices import ChoiceRequest, check_choice, chosen, request_of
from kernelevo.statistics import share_interval

Array = np.ndarray
RESULT = Path(__file__).parent / "results" / "legal_candidates.json"


@dataclass(frozen=True)
class Asked:
    """Of one fold: the places of the cases that are asked for, what the pipeline makes of them, and their lists."""

    places: Array
    reading: Reading
    told: Cases
    facts: tuple[str, ...]

    def right(self, labels: Array, count: int) -> Array:
        """bool[cases]: whether the charge is among so many."""
        lists = shortlists(self.reading.votes, self.told.labels, count)
        return np.asarray((lists == labels[self.places][:, None]).any(axis=1))


def add_options(parser: argparse.ArgumentParser, names: Sequence[str]) -> None:
    group = parser.add_argument_group("the likeliest charges of a pipeline, and a model that chooses among them")
    group.add_argument("--candidates", type=int, help=f"measure recall of so many (with --choose: {CANDIDATES})")
    group.add_argument("--choose", metavar="MODEL", help="openai:NAME, vllm:NAME, hf:FOLDER or scripted:FILE")
    group.add_argument("--base-url", metavar="URL")
    group.add_argument("--key-variable", metavar="NAME")
    group.add_argument("--price", type=float, nargs=2, metavar=("IN", "OUT"))
    group.add_argument("--call-seconds", type=float, metavar="S")
    group.add_argument("--reply-tokens", type=int, metavar="N")
    group.add_argument("--cases", dest="most", type=int, metavar="N", help="at most so many, drawn by the seed")
    group.add_argument("--asked-folds", type=int, metavar="N", help="ask for the cases of the first folds alone")
    group.add_argument("--who", choices=names, default=names[-1], help="pipeline (default: %(default)s)")
    group.add_argument("--replies", type=Path, default=Path("legal-choices.jsonl"), help="default: %(default)s")


def request(asked: argparse.Namespace) -> ChoiceRequest | None:
    """Raises BadInput where a choice is to be recorded: the next run may hear other replies."""
    if asked.record and asked.choose is not None:
        raise BadInput("--record keeps recall alone; leave out --choose, or keep what is printed")
    price = None if asked.price is None else tuple(asked.price)
    candidates = None if asked.choose is None else asked.candidates
    return request_of(
        asked.choose, asked.base_url, asked.key_variable, price, asked.call_seconds, candidates, asked.reply_tokens
    )


def measured(
    cases: Cases, folds: Sequence[tuple[Array, Array]], who: tuple[Pipeline, bool], choice: ChoiceRequest | None,
    asked: argparse.Namespace,
) -> dict[str, Any]:  # fmt: skip
    count = CANDIDATES if asked.candidates is None else asked.candidates
    require_candidates(count, cases)
    if choice is not None:
        check_choice(choice, cases)
    taken = limited(folds, asked)
    parts = list(read(cases, taken, who))
    wanted = np.concatenate([cases.labels[part.places] for part in parts])
    own = joined([answers(part.reading.votes, part.facts, cases.charges) for part in parts])
    found = {
        "command": f"python benchmarks/legal_reference.py train.csv --candidates {count}", "cases": cases.name,
        "sha256": cases.key, "pipeline": asked.who, "asked": len(wanted), "folds": f"{len(taken)} of {asked.folds}",
        "seed": asked.seed, "candidates": count,
        "recall": {
            str(each): share(np.concatenate([part.right(cases.labels, each) for part in parts]))
            for each in sorted({1, 3, 5, count})
        },
        "accuracy of the pipeline alone": share(own.told == wanted),
    }  # fmt: skip
    return found if choice is None else found | after(choice, parts, count, own, wanted, asked.replies)


def record(found: dict[str, Any]) -> None:
    RESULT.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def limited(folds: Sequence[tuple[Array, Array]], asked: argparse.Namespace) -> list[tuple[Array, Array]]:
    """The folds that are asked for, each with so many of its cases as were drawn."""
    some = list(folds[: asked.asked_folds])
    if (asked.asked_folds is not None and asked.asked_folds < 1) or (asked.most is not None and asked.most < 1):
        raise BadInput("--asked-folds and --cases ask for nothing; give a positive number")
    if asked.most is None:
        return some
    every = np.concatenate([others for _, others in some])
    drawn = np.random.default_rng(asked.seed).permutation(every)[: asked.most]
    kept = [(known, others[np.isin(others, drawn)]) for known, others in some]
    return [(known, others) for known, others in kept if len(others)]


def read(cases: Cases, folds: Sequence[tuple[Array, Array]], who: tuple[Pipeline, bool]) -> Iterator[Asked]:
    reads = pipeline_reads(*who)
    for number, (known, others) in enumerate(folds, 1):
        told = replace(cases, facts=tuple(cases.facts[place] for place in known), labels=cases.labels[known])
        facts = tuple(cases.facts[place] for place in others)
        yield Asked(others, reads(told, facts), told, facts)
        print(f"fold {number} is read: {len(others):,} cases", file=sys.stderr, flush=True)


def joined(parts: Sequence[Answers]) -> Answers:
    told, confidence = (np.concatenate([getattr(part, name) for part in parts]) for name in ("told", "confidence"))
    return Answers(told, confidence, parts[0].charges)


def after(
    choice: ChoiceRequest, parts: Sequence[Asked], count: int, own: Answers, wanted: Array, replies: Path
) -> dict[str, Any]:
    given: list[Offer | None] = []
    for part in parts:
        require_candidates(count, part.told)
        given += offers(part.told, part.facts, part.reading, count)
    votes = np.concatenate([part.reading.votes for part in parts])
    chose = chosen(choice, given, votes, own, replies, lambda line: print(line, file=sys.stderr, flush=True))
    right = chose.choice.answers.told == wanted
    for line in (*chose.lines(), paired(right, own.told == wanted).words("the choice", "the pipeline alone")):
        print(line, file=sys.stderr)
    return {
        "accuracy after the choice": share(right), "choice": chose.plain(),
        "less the pipeline": asdict(paired(right, own.told == wanted)),
    }  # fmt: skip


def share(right: Array) -> dict[str, Any]:
    low, high = share_interval(int(right.sum()), len(right))
    return {"share": round(float(right.mean()), 4), "interval": [round(low, 4), round(high, 4)]}
