"""Cases that are told alike stand on one side of every wall: of the splits, and of what is told and what is asked."""

from __future__ import annotations

import random

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the extra `legal` is not installed")

from kernelevo.backends.legal.alike import ALIKE, alike, apart, twins
from kernelevo.backends.legal.backend import ChargeBackend, dealt
from kernelevo.backends.legal.data import cases_of, sample
from kernelevo.learning import Split

PLANTED = 40
SAMPLE = sample()


def with_twins(kind: str) -> tuple[list[str], list[int]]:
    """The sample's cases, and after them a twin of each 30th; and of which case it is one."""
    facts = list(SAMPLE.facts)
    of = list(range(0, len(facts), len(facts) // PLANTED))[:PLANTED]
    return [*facts, *(twin(facts[place], kind) for place in of)], of


def twin(fact: str, kind: str) -> str:
    source = random.Random(fact)
    sentences = fact.rstrip("。").split("。")
    if kind == "another beginning":
        return "本院受理后依法组成合议庭公开开庭审理了此案现已审理终结。" + fact
    if kind == "a sentence less":
        sentences.pop(source.randrange(len(sentences)))
    if kind == "another order":
        source.shuffle(sentences)
    if kind == "other names and numbers":
        return fact.replace("赵某", "李某").replace("孙某", "周某").replace("1", "7")
    return "。".join(sentences) + "。"


@pytest.mark.parametrize(
    "kind", ["another beginning", "a sentence less", "another order", "other names and numbers", "the same"]
)
def test_planted_twins_are_found_and_nothing_else(kind: str) -> None:
    facts, of = with_twins(kind)
    groups = alike(facts)
    twins = range(len(facts) - PLANTED, len(facts))
    assert [int(groups[place]) for place in of] == [int(groups[place]) for place in twins]
    assert len(np.unique(groups)) == len(facts) - PLANTED, "no two cases of the sample are alike"


def test_what_is_alike_to_one_of_a_group_belongs_to_it() -> None:
    """A chain: its ends share too little, but each is alike to the middle."""
    source = random.Random(5)
    words = ["".join(chr(source.randrange(0x4E00, 0x9F00)) for _ in range(20)) for _ in range(30)]
    chain = ["".join(words[begin : begin + 20]) for begin in (0, 3, 6)]
    assert len(set(alike(chain).tolist())) == 1
    assert len(set(alike([chain[0], chain[2]]).tolist())) == 2
    assert 0.5 < ALIKE < 0.9


def test_agreement_but_for_names_and_numbers_is_enough_where_a_case_is_short() -> None:
    assert alike(["赵某偷3元", "钱某偷95元", "别的"]).tolist() == [0, 0, 1]
    assert alike(["甲", "乙", "甲"]).tolist() == [0, 1, 0]


def test_no_group_is_on_two_sides_of_a_wall_of_the_splits() -> None:
    facts, _ = with_twins("a sentence less")
    labels = SAMPLE.labels
    of = list(range(0, len(labels), len(labels) // PLANTED))[:PLANTED]
    # Every second twin has another charge than its own: the wall holds across charges, too.
    charges = [*labels, *(int(labels[place]) if place % 60 else (int(labels[place]) + 1) % 30 for place in of)]
    pairs = [(fact, f"罪{charge:02}") for fact, charge in zip(facts, charges, strict=True)]
    cases = cases_of("twins", pairs, "ab" * 32, "twins")
    groups = alike(cases.facts)
    found = dealt(cases, groups)
    sides = [{int(groups[place]) for place in found[split]} for split in Split]
    assert sum(len(side) for side in sides) == len(set().union(*sides)) == len(facts) - PLANTED
    assert sum(len(places) for places in found.values()) == len(facts)


def test_what_is_asked_for_has_no_twin_among_what_is_told() -> None:
    facts, of = with_twins("a sentence less")
    labels = [*SAMPLE.labels, *SAMPLE.labels[of]]
    pairs = [(fact, SAMPLE.charges[label]) for fact, label in zip(facts, labels, strict=True)]
    backend = ChargeBackend(cases_of("twins", pairs, "ab" * 32, "twins"))
    numbers = dict(zip(facts, alike(facts).tolist(), strict=True))
    for split in Split:
        for task in backend.tasks(split):
            session = backend.open(task)
            told, asked = ({numbers[fact] for fact in each.facts} for each in (session._told, session._asked))
            assert told and asked and told.isdisjoint(asked)
            twin = backend.twin(task)
            assert twin == task or asked.isdisjoint({numbers[fact] for fact in backend.open(twin)._asked.facts})


@pytest.mark.parametrize("kind", ["another beginning", "a sentence less", "other names and numbers"])
def test_twins_among_others_are_found_without_comparing_all(kind: str) -> None:
    facts, of = with_twins(kind)
    cases, others = facts[:-PLANTED], facts[-PLANTED:]
    assert np.flatnonzero(twins(cases, others)).tolist() == of
    assert twins(others, cases).all() and not twins(cases[1:2], others).any()
    assert twins([], others).tolist() == [] and twins(cases[:1], []).tolist() == [False]


def test_apart_leaves_out_what_is_alike_to_the_others() -> None:
    assert apart([0, 1, 2, 3], [4, 5], np.array([7, 8, 9, 7, 9, 1])) == [0, 1, 3]
