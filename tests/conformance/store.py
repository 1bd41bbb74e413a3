"""What every Store keeps. Subclass `StoreContract` and give it a fixture `store` (a fresh one, not begun)."""

from __future__ import annotations

import pytest

from kernelevo.errors import Infrastructure, StoreConflict
from kernelevo.interfaces import Store
from kernelevo.types import Candidate, Check, Figure, RunRecord, Status, Verdict

RECORD = RunRecord(
    id="0abc", command="optimize softmax.cu", started="2026-01-01T00:00:00+00:00", device="virtual:h100",
    how="modelled", task="softmax", settings={"seed": 3, "cases": ["rows=4"]}, versions={"kernelevo": "0.1"},
    hashes={"kernel": "00"},
)  # fmt: skip


def passed(candidate: Candidate, microseconds: float = 10.0) -> Verdict:
    score = Figure(microseconds, "us", RECORD.device, "modelled")
    return Verdict(
        candidate.id, RECORD.device, Status.PASSED, "fine", score, checks=(Check("compare", True, "4 cases"),)
    )


class StoreContract:
    def test_what_was_written_is_read_back_in_order(self, store: Store) -> None:
        first, second = (
            Candidate("a", {"BLOCK": 64}),
            Candidate("b", proposer="tune", parent="x", moves=("tune BLOCK",)),
        )
        store.begin(RECORD)
        for candidate in (first, second):
            store.propose(candidate)
        store.conclude(passed(second))
        store.conclude(Verdict(first.id, RECORD.device, Status.WRONG, "y[0] is 1, not 2"))
        assert store.run() == RECORD
        assert store.candidates() == [first, second]
        assert [attempt.candidate for attempt in store.attempts()] == [second, first]
        assert store.attempts()[0].verdict == passed(second)

    def test_several_verdicts_on_one_candidate_are_all_kept(self, store: Store) -> None:
        store.begin(RECORD)
        store.propose(candidate := Candidate("a"))
        store.conclude(passed(candidate, 10.0))
        store.conclude(passed(candidate, 11.0))
        assert [attempt.verdict.score.value for attempt in store.attempts()] == [10.0, 11.0]

    def test_notes_are_read_by_kind_in_order(self, store: Store) -> None:
        store.begin(RECORD)
        store.note("phase", {"name": "search"})
        store.note("other", {})
        store.note("phase", {"name": "final"})
        assert [note["name"] for note in store.notes("phase")] == ["search", "final"]
        assert store.notes("never written") == []

    def test_what_is_written_together_is_there_whole_or_not_at_all(self, store: Store) -> None:
        store.begin(RECORD)
        with store.together():
            kept = store.keep("one")
            with store.together():
                store.note("pair", {"text": kept})
        with pytest.raises(RuntimeError, match="in between"), store.together():
            store.note("pair", {"text": store.keep("two")})
            store.propose(Candidate("a"))
            raise RuntimeError("in between")
        assert [store.kept(note["text"]) for note in store.notes("pair")] == ["one"] and store.candidates() == []
        with store.together():
            store.propose(candidate := Candidate("a"))
            store.conclude(passed(candidate))
        assert len(store.attempts()) == 1

    def test_texts_are_kept_once_under_their_hash(self, store: Store) -> None:
        store.begin(RECORD)
        key = store.keep("a long text \u2603\n")
        assert store.keep("a long text \u2603\n") == key != store.keep("another")
        assert store.kept(key) == "a long text \u2603\n"

    def test_a_text_that_was_never_kept_is_missed(self, store: Store) -> None:
        store.begin(RECORD)
        with pytest.raises(StoreConflict):
            store.kept("0" * 64)

    def test_the_head_is_written_once(self, store: Store) -> None:
        store.begin(RECORD)
        with pytest.raises(Infrastructure):
            store.begin(RECORD)
        assert store.run() == RECORD

    def test_a_candidate_is_proposed_once(self, store: Store) -> None:
        store.begin(RECORD)
        store.propose(Candidate("a"))
        with pytest.raises(Infrastructure):
            store.propose(Candidate("a", proposer="another"))
        assert store.candidates() == [Candidate("a")]

    def test_a_verdict_on_a_stranger_is_refused(self, store: Store) -> None:
        store.begin(RECORD)
        with pytest.raises(Infrastructure):
            store.conclude(passed(Candidate("never proposed")))
        assert store.attempts() == []

    def test_a_run_that_has_not_begun_cannot_be_read(self, store: Store) -> None:
        with pytest.raises(Infrastructure):
            store.run()
