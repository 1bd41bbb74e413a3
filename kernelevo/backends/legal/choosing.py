"""A language model chooses among the charges that a pipeline finds likeliest, each shown with told cases of it.

    votes of a pipeline -> shortlist -> question (names, told cases) -> one number or name, or the pipeline's own charge

A question holds the case that is asked for, names of charges that told cases have, and parts of told cases: nothing of
what the case's own charge is. It is the same for the same cases, pipeline and number of candidates.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kernelevo.backends.legal.asking import Answers, Reading
from kernelevo.backends.legal.data import Cases
from kernelevo.counting import counted
from kernelevo.errors import BadInput
from kernelevo.language_model import Message, Prompt, Reply, Stop

Array = np.ndarray
CANDIDATES = 10
READ, END = 1500, 500
"""Characters of a case that is asked for: from its beginning, and from its end."""
SHOWN, TOLD = 2, 150
"""Told cases of each candidate, and characters of each."""
_ROLE = "你是熟悉中国刑法的法官。请根据案件事实，从编号的候选罪名中选出最符合的一个。只回答一个编号，不要解释。"
_NUMBER = re.compile(r"(?<![\d.])\d+(?!\d|\.\d)")
_THOUGHT = "</think>"


@dataclass(frozen=True)
class Offer:
    """`candidates` are places of charges, the likeliest first, numbered from 1 in `prompt`, which asks for one."""

    candidates: tuple[int, ...]
    prompt: Prompt


def require_candidates(count: int, cases: Cases) -> None:
    """Raises BadInput for fewer than two, which are no choice, and for more than the told cases have charges."""
    charges = len(np.unique(cases.labels))
    if not 2 <= count <= charges:
        told = counted(charges, "charge")
        raise BadInput(f"--candidates {count} are no choice: give 2 or more, and no more than the {told} of told cases")


def shortlists(votes: Array, labels: Array, count: int) -> Array:
    """int[cases, count]: places of charges, the likeliest first, and of equal ones the first. `votes` are float[cases,
    charges]; a charge that none of the told cases' `labels` is stands in no list, as nothing is known of it.
    """
    told = np.isin(np.arange(votes.shape[1]), labels)
    return np.argsort(np.where(told, -votes, np.inf), axis=1, kind="stable")[:, :count]


def offers(cases: Cases, facts: Sequence[str], reading: Reading, count: int) -> list[Offer | None]:
    """One for each of the facts that are asked for, in their order; none where there are no facts."""
    members = [np.flatnonzero(cases.labels == charge) for charge in range(len(cases.charges))]
    lists = shortlists(reading.votes, cases.labels, count)
    found: list[Offer | None] = []
    for fact, candidates, place in zip(facts, lists, reading.asked, strict=True):
        shown = [(cases.charges[charge], _nearest(cases, reading, members[charge], place)) for charge in candidates]
        chosen = tuple(int(charge) for charge in candidates)
        found.append(Offer(chosen, question(fact, shown)) if fact.strip() else None)
    return found


def _nearest(cases: Cases, reading: Reading, members: Array, place: Array) -> list[str]:
    """The told cases of one charge that are nearest to a place, by the encoder's cosine."""
    order = np.argsort(-(reading.known[members] @ place), kind="stable")[:SHOWN]
    return [cases.facts[each] for each in members[order]]


def question(fact: str, shown: Sequence[tuple[str, Sequence[str]]]) -> Prompt:
    """`shown` are names of candidates, each with told cases of it."""
    lines = ["案件事实：", _cut(fact, READ, END), "", "候选罪名："]
    for number, (name, told) in enumerate(shown, 1):
        lines += [f"{number}. {name}", *(f"   案例：{_cut(each, TOLD)}" for each in told)]
    lines += ["", f"最符合的罪名的编号（1至{len(shown)}）："]
    return Prompt((Message("system", _ROLE), Message("user", "\n".join(lines))))


def _cut(text: str, begin: int, end: int = 0) -> str:
    line = " ".join(text.split())
    if len(line) <= begin + end:
        return line
    return f"{line[:begin]}……{line[len(line) - end :]}"


def read_choice(reply: Reply, candidates: Sequence[int], charges: Sequence[str]) -> int | None:
    """The place of the one candidate that a reply names, by its number or by its name; None for a reply that is not
    whole, or that names none of them, more than one, or a charge beside them.
    """
    if reply.stop is not Stop.COMPLETE:
        return None
    text, named = _without_names(_plain(reply.text.rpartition(_THOUGHT)[2]), charges)
    numbers = [int(each) for each in _NUMBER.findall(text) if len(each) < 4]
    named |= {candidates[number - 1] for number in numbers if 1 <= number <= len(candidates)}
    return next(iter(named)) if len(named) == 1 and named <= set(candidates) else None


def _without_names(text: str, charges: Sequence[str]) -> tuple[str, set[int]]:
    """What is left of a text without names of charges, and the places of these. The longest is looked for first, as
    some stand within others (诈骗 in 信用卡诈骗).
    """
    named = set()
    names = {place: _plain(name) for place, name in enumerate(charges)}
    for place in sorted(names, key=lambda place: (-len(names[place]), place)):
        pattern = rf"(?<![0-9]){re.escape(names[place])}(?![0-9])"
        text, count = re.subn(pattern, " ", text) if names[place] else (text, 0)
        named |= {place} if count else set()
    return text, named


def _plain(text: str) -> str:
    """Digits and marks of full width as those of half, without the brackets that models leave out."""
    return re.sub(r"[\[\]]", "", unicodedata.normalize("NFKC", text))


@dataclass(frozen=True)
class Choice:
    """`answers` after it. Of the cases that were asked, `unread` had a reply that names no candidate, so that the
    pipeline's own charge was kept, and `changed` have another charge than the pipeline's.
    """

    answers: Answers
    asked: int
    unread: int
    changed: int


def choose(own: Answers, votes: Array, given: Sequence[Offer | None], replies: Sequence[Reply | None]) -> Choice:
    """`own` are the pipeline's answers and `votes` float[cases, charges] their probabilities, which stay those of the
    charge that is chosen; `replies[i]` is what was said to the offer `given[i]`.
    """
    told, unread = own.told.copy(), 0
    for place, (offer, reply) in enumerate(zip(given, replies, strict=True)):
        if offer is not None and reply is not None:
            chosen = read_choice(reply, offer.candidates, own.charges)
            unread += chosen is None
            told[place] = told[place] if chosen is None else chosen
    confidence = np.where(told < 0, 0.0, votes[np.arange(len(told)), told])
    asked = sum(offer is not None for offer in given)
    return Choice(Answers(told, confidence, own.charges), asked, unread, int((told != own.told).sum()))
