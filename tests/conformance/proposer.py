"""What every Proposer keeps. Subclass `ProposerContract` with fixtures `proposer` and `parent` (an Attempt that
passed, from which the proposer has at least two candidates).
"""

from __future__ import annotations

from kernelevo.interfaces import Proposer
from kernelevo.types import Attempt

MANY = 1000


class ProposerContract:
    def test_it_has_a_name_and_signs_its_candidates(self, proposer: Proposer, parent: Attempt) -> None:
        found = proposer.propose(parent, frozenset(), MANY)
        assert proposer.name
        assert {candidate.proposer for candidate in found} == {proposer.name}
        assert {candidate.parent for candidate in found} == {parent.candidate.id}

    def test_candidates_differ_from_each_other_and_from_the_parent(self, proposer: Proposer, parent: Attempt) -> None:
        ids = [candidate.id for candidate in proposer.propose(parent, frozenset(), MANY)]
        assert len(ids) >= 2
        assert len(set(ids)) == len(ids)
        assert parent.candidate.id not in ids

    def test_it_says_what_was_changed(self, proposer: Proposer, parent: Attempt) -> None:
        for candidate in proposer.propose(parent, frozenset(), MANY):
            assert len(candidate.moves) > len(parent.candidate.moves)

    def test_the_same_question_has_the_same_answer(self, proposer: Proposer, parent: Attempt) -> None:
        assert proposer.propose(parent, frozenset(), MANY) == proposer.propose(parent, frozenset(), MANY)

    def test_the_limit_cuts_the_list_and_nothing_else(self, proposer: Proposer, parent: Attempt) -> None:
        found = proposer.propose(parent, frozenset(), MANY)
        assert proposer.propose(parent, frozenset(), 1) == found[:1]
        assert proposer.propose(parent, frozenset(), len(found) - 1) == found[:-1]

    def test_what_was_tried_is_not_proposed_again(self, proposer: Proposer, parent: Attempt) -> None:
        found = proposer.propose(parent, frozenset(), MANY)
        tried = frozenset({found[0].id})
        assert [one.id for one in proposer.propose(parent, tried, MANY)] == [one.id for one in found[1:]]

    def test_nothing_is_left_when_all_was_tried(self, proposer: Proposer, parent: Attempt) -> None:
        tried: frozenset[str] = frozenset()
        for _ in range(MANY):
            found = proposer.propose(parent, tried, 3)
            if not found:
                return
            assert tried.isdisjoint(candidate.id for candidate in found)
            tried |= {candidate.id for candidate in found}
        raise AssertionError(f"{proposer.name} still proposes after {MANY} rounds")
