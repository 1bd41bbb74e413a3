"""Decisions as proposals: the contract of all proposers, and that what was answered is used, never asked for again."""

from __future__ import annotations

import pytest
from conformance.proposer import ProposerContract

from kernelevo.backends.scripted import GRAMMAR, ScriptedBackend
from kernelevo.decisions import STOP, DecisionSettings, observation_of
from kernelevo.interfaces import Model, Proposer
from kernelevo.language_model import Reply, Stop, Usage
from kernelevo.models.budget import TokenBudget
from kernelevo.models.recorded import ASKED, READ, CallTime, RecordedModel
from kernelevo.models.scripted import ScriptedModel
from kernelevo.proposers.decide import DecideProposer
from kernelevo.stores.memory import MemoryStore
from kernelevo.types import Attempt

SESSION = ScriptedBackend().open("chained-1")
START = Attempt(SESSION.start, SESSION.judge(SESSION.start))
NOTHING: frozenset[str] = frozenset()
ALL = ("hoist(loop)", "widen(copy) = 2", "tune(BLOCK) = 64", "cut(margin)", "drop(check)", "stall(queue)")


def script(*texts: str) -> ScriptedModel:
    return ScriptedModel([Reply(text, Stop.COMPLETE, Usage(100, 3), 0.0) for text in texts])


def decides(model: Model, store: MemoryStore | None = None, **settings: int) -> DecideProposer:
    dialogue = RecordedModel(model, store or MemoryStore(), TokenBudget(10**6), CallTime(60.0, lambda: 600.0))
    return DecideProposer(dialogue, SESSION, DecisionSettings(dict.fromkeys(GRAMMAR.rules, 0.0), **settings))


class TestDecide(ProposerContract):
    @pytest.fixture
    def proposer(self) -> Proposer:
        return decides(script(*ALL))

    @pytest.fixture
    def parent(self) -> Attempt:
        return START


def test_a_decision_becomes_the_program_that_the_task_makes_of_it() -> None:
    (made,) = decides(script("hoist(loop)")).propose(START, NOTHING, 1)
    assert (made.text, made.moves, made.proposer) == ("start\nhoist(loop)\n", ("hoist(loop)",), "decide")


def test_what_was_decided_or_tried_is_shown_no_more() -> None:
    model = script(*ALL)
    asks = decides(model, samples=1)
    (first,) = asks.propose(START, NOTHING, 1)
    (second,) = asks.propose(START, frozenset({first.id}), 1)
    shown = [[str(one.decision) for one in observation_of(prompt).options] for prompt in model.asked]
    assert set(shown[0]) == {*ALL, "stop"} and set(shown[1]) == {*ALL, "stop"} - {"hoist(loop)"}
    other = SESSION.apply(START, observation_of(model.asked[0]).options[2].decision)
    assert other is not None
    asks.propose(START, frozenset({first.id, second.id, other.id}), 1)
    assert len(observation_of(model.asked[2]).options) == len(shown[0]) - 3


def test_what_was_answered_is_used_before_more_is_asked_for() -> None:
    store = MemoryStore()
    first = decides(script(*ALL[:3]), store, samples=3).propose(START, NOTHING, 3)
    model = script(*ALL[3:])
    again = decides(model, store, samples=3)
    assert again.propose(START, NOTHING, 3) == first and model.asked == []
    assert len(again.propose(START, frozenset(one.id for one in first), 3)) == 3


def test_replies_without_a_program_are_told_apart_and_end_it() -> None:
    store = MemoryStore()
    model = script("stop", "Sure!", "fuse(loop)", "widen(copy) = 3", *["stop"] * 4, "hoist(loop)")
    assert decides(model, store, samples=4, retries=1).propose(START, NOTHING, 4) == []
    assert [note["outcomes"] for note in store.notes(READ)] == [
        ["stop", "no_decision", "not_legal", "not_legal"], ["stop"] * 4,
    ]  # fmt: skip
    assert [note["n"] for note in store.notes(ASKED)] == [4, 4]
    assert decides(script("hoist(loop)"), store, samples=4, retries=1).propose(START, NOTHING, 4) == []


def test_nothing_is_asked_where_nothing_is_left_to_decide() -> None:
    model = script("stop")
    assert decides(model, depth=0).propose(START, NOTHING, 4) == []
    every = [SESSION.apply(START, one.decision) for one in SESSION.observe(START, decides(model)._settings).options]
    tried = frozenset(one.id for one in every if one is not None)
    assert decides(model).propose(START, tried, 4) == [] and model.asked == []


def test_the_sampling_is_the_harness_s() -> None:
    store = MemoryStore()
    settings = DecisionSettings(dict.fromkeys(GRAMMAR.rules, 0.0), temperature=0.7)
    dialogue = RecordedModel(script("hoist(loop)"), store, TokenBudget(10**6), CallTime(60.0, lambda: 600.0))
    DecideProposer(dialogue, SESSION, settings).propose(START, NOTHING, 4)
    (asked,) = store.notes(ASKED)
    assert (asked["temperature"], asked["n"]) == (0.7, 4)
    assert STOP in [one.decision for one in SESSION.observe(START, settings).options]
