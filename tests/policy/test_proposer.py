"""The policy as a proposer: the contract of all proposers, and that it pays for nothing twice."""

from __future__ import annotations

import pytest
from conformance.proposer import ProposerContract

from kernelevo.interfaces import Proposer
from kernelevo.language_model import Reply, Stop, Usage
from kernelevo.models.recorded import ASKED, READ, STOPPED
from kernelevo.models.scripted import ScriptedModel
from kernelevo.stores.memory import MemoryStore
from kernelevo.types import Attempt, Candidate
from policy.made import KERNEL, harness, passed, policy, reply, variant

START = passed(Candidate(KERNEL))
NOTHING: frozenset[str] = frozenset()


def script(*texts: str, stop: Stop = Stop.COMPLETE) -> ScriptedModel:
    return ScriptedModel([Reply(text, stop, Usage(100, 50)) for text in texts])


class TestPolicy(ProposerContract):
    @pytest.fixture
    def proposer(self) -> Proposer:
        return policy(script(*map(reply, range(9))))

    @pytest.fixture
    def parent(self) -> Attempt:
        return START


def test_a_reply_becomes_a_candidate_with_its_summary_and_parent() -> None:
    (made,) = policy(script(reply(1))).propose(START, NOTHING, 1)
    assert (made.text, made.proposer, made.parent) == (variant(1), "policy", START.candidate.id)
    assert made.moves == ("scripted: variant 1",)


def test_no_more_replies_are_asked_for_than_are_wanted() -> None:
    store = MemoryStore()
    asks = policy(script(*map(reply, range(9))), store)
    assert len(asks.propose(START, NOTHING, 2)) == 2
    assert [note["n"] for note in store.notes(ASKED)] == [2]
    asks.propose(passed(Candidate(variant(7))), NOTHING, 100)
    assert store.notes(ASKED)[-1]["n"] == harness().replies


def test_what_was_paid_for_is_used_before_more_is_asked_for() -> None:
    store = MemoryStore()
    first = policy(script(*map(reply, range(4))), store).propose(START, NOTHING, 4)
    model = script(reply(5))
    again = policy(model, store)
    assert again.propose(START, NOTHING, 4) == first
    assert again.propose(START, frozenset(one.id for one in first[:3]), 4) == first[3:]
    assert model.asked == []
    assert again.propose(START, frozenset(one.id for one in first), 4)[0].text == variant(5)
    assert len(model.asked) == 1


def test_a_reply_without_a_program_is_recorded_and_told_at_the_next_turn() -> None:
    store, model = MemoryStore(), script("no idea", reply(1))
    (made,) = policy(model, store).propose(START, NOTHING, 1)
    assert made.text == variant(1)
    assert "Your last replies" not in model.asked[0].messages[-1].text
    assert "1 of 1: It held no code." in model.asked[1].messages[-1].text
    assert [note["outcomes"] for note in store.notes(READ)] == [["no_code"], ["program"]]


def test_a_parent_is_left_alone_after_fruitless_questions_also_by_a_later_session() -> None:
    store, model = MemoryStore(), script(*["no idea"] * 9)
    assert policy(model, store).propose(START, NOTHING, 1) == []
    assert len(model.asked) == harness().fruitless
    later = script(reply(1))
    assert policy(later, store).propose(START, NOTHING, 1) == [] and later.asked == []


def test_the_parent_given_back_is_nothing_new() -> None:
    model = script(*[f"```cuda\n{KERNEL}```"] * 9)
    assert policy(model).propose(START, NOTHING, 1) == []
    tuned = passed(Candidate(KERNEL, {"BLOCK": 64}))
    own = script(*[f"```cuda\n{KERNEL.replace('BLOCK 128', 'BLOCK 64', 1)}```"] * 9)
    assert "#define BLOCK 64" not in KERNEL
    assert policy(own).propose(tuned, NOTHING, 1) == []
    assert "#define BLOCK 64" in own.asked[0].messages[-1].text


def test_a_model_with_nothing_more_to_say_is_not_asked_again() -> None:
    model = script(reply(1))
    asks = policy(model)
    (made,) = asks.propose(START, NOTHING, 1)
    assert asks.propose(START, frozenset([made.id]), 1) == [] and len(model.asked) == 2
    assert asks.propose(START, frozenset([made.id]), 1) == [] and len(model.asked) == 2


def test_without_budget_nothing_is_proposed_and_the_reason_is_noted() -> None:
    store, model = MemoryStore(), script(reply(1))
    assert policy(model, store, tokens=100).propose(START, NOTHING, 1) == []
    assert model.asked == [] and "0 of 100 tokens" in store.notes(STOPPED)[0]["why"]
