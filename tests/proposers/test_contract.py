"""The conformance suite of the Proposer joint, on every implementation here."""

from __future__ import annotations

import pytest
from applying import passed, proposer
from conformance.proposer import ProposerContract
from problems import all_problems, text_of

from kernelevo.interfaces import Proposer
from kernelevo.kernel.languages import TRITON
from kernelevo.proposers.scripted import ScriptedProposer
from kernelevo.proposers.tune import TuneProposer
from kernelevo.types import Attempt, Candidate

TUNED = """\
#ifndef BLOCK
#define BLOCK 128
#endif
#ifndef ITEMS
#define ITEMS 2
#endif
#pragma kernelevo tune BLOCK 32 64 128 512
#pragma kernelevo tune ITEMS 1 2 4
#pragma kernelevo launch fill<<<ceildiv(n, BLOCK * ITEMS), BLOCK>>>(y, n)
"""


class TestRules(ProposerContract):
    @pytest.fixture
    def proposer(self) -> Proposer:
        return proposer(all_problems()["standardise"])

    @pytest.fixture
    def parent(self) -> Attempt:
        return passed(Candidate(text_of("standardise"), moves=("start",)))


class TestTune(ProposerContract):
    @pytest.fixture
    def proposer(self) -> Proposer:
        return TuneProposer()

    @pytest.fixture
    def parent(self) -> Attempt:
        return passed(Candidate(TUNED))


TRITON_TUNED = """\
# kernelevo: tune BLOCK 32 64 128 512 = 128
# kernelevo: tune num_warps 2 4
# kernelevo: launch fill[ceildiv(n, BLOCK)](y, n, BLOCK=BLOCK)
@triton.jit
def fill(y, n, BLOCK: tl.constexpr): pass
"""


class TestTuneTriton(ProposerContract):
    @pytest.fixture
    def proposer(self) -> Proposer:
        return TuneProposer(TRITON)

    @pytest.fixture
    def parent(self) -> Attempt:
        return passed(Candidate(TRITON_TUNED))


def test_tuning_a_triton_file_starts_from_its_starts() -> None:
    found = TuneProposer(TRITON).propose(passed(Candidate(TRITON_TUNED)), frozenset(), 10)
    assert [one.moves[-1] for one in found] == [
        "tune(BLOCK=64)", "tune(BLOCK=512)", "tune(num_warps=4)", "tune(BLOCK=32)"
    ]  # fmt: skip
    assert all(one.text == TRITON_TUNED for one in found)
    assert found[0].defines == {"BLOCK": 64}


class TestScripted(ProposerContract):
    @pytest.fixture
    def proposer(self, parent: Attempt) -> Proposer:
        script = [Candidate("one", moves=("a",)), Candidate("two", moves=("b",)), Candidate("three", moves=("c",))]
        return ScriptedProposer({parent.candidate.id: script})

    @pytest.fixture
    def parent(self) -> Attempt:
        return passed(Candidate("start"))


def test_tuning_goes_to_the_nearest_values_first() -> None:
    found = TuneProposer().propose(passed(Candidate(TUNED)), frozenset(), 10)
    assert [dict(one.defines) for one in found] == [
        {"BLOCK": 64}, {"BLOCK": 512}, {"ITEMS": 1}, {"ITEMS": 4}, {"BLOCK": 32}]  # fmt: skip


def test_tuning_starts_from_the_parents_own_values_and_leaves_out_the_files() -> None:
    found = TuneProposer().propose(passed(Candidate(TUNED, {"BLOCK": 512, "ITEMS": 1})), frozenset(), 2)
    assert [dict(one.defines) for one in found] == [{"ITEMS": 1}, {"BLOCK": 512}]


def test_tuning_there_and_back_leads_to_the_same_candidate() -> None:
    start = Candidate(TUNED)
    (there,) = TuneProposer().propose(passed(start), frozenset(), 1)
    back = TuneProposer().propose(passed(there), frozenset(), 10)
    assert start.id in {one.id for one in back}
    assert start.id not in {one.id for one in TuneProposer().propose(passed(there), frozenset([start.id]), 10)}


def test_a_macro_that_nothing_mentions_is_not_tuned() -> None:
    idle = TUNED.replace("BLOCK * ITEMS", "BLOCK")
    found = TuneProposer().propose(passed(Candidate(idle)), frozenset(), 10)
    assert [dict(one.defines) for one in found] == [{"BLOCK": 64}, {"BLOCK": 512}, {"BLOCK": 32}]


def test_a_kernel_without_tunable_macros_has_no_neighbours() -> None:
    assert TuneProposer().propose(passed(Candidate(text_of("axpy"))), frozenset(), 10) == []
