"""Which lever is pulled, for what reason."""

from __future__ import annotations

from kernelevo.loop.controller import Facts, Trial, choose

BOTH = ("harness", "weights")


def facts(*trials: Trial, allowed=BOTH, coverages=(1.0,), left: int = 1000, cost: int = 100) -> Facts:
    return Facts(allowed, trials, coverages, left, cost)


def trial(lever: str, result: str, difference: float = 0.2, evaluations: int = 200) -> Trial:
    return Trial(0, (lever,), result, difference, evaluations)


def test_at_first_all_are_tried_behind_one_gate_and_then_each_alone_if_that_was_not_accepted() -> None:
    assert choose(facts()).levers == BOTH
    assert choose(facts(Trial(0, BOTH, "accept", 0.4, 200))).levers == BOTH
    assert choose(facts(Trial(0, BOTH, "reject", -0.4, 200))).levers == ("harness",)
    tried = (Trial(0, BOTH, "undecided", 0.1, 200), trial("harness", "undecided", 0.1, 400))
    assert choose(facts(*tried)).levers == ("weights",)


def test_each_lever_is_tried_once_the_harness_first() -> None:
    assert choose(facts(trial("harness", "accept"))).levers == ("weights",)
    assert choose(facts(allowed=("weights",))).levers == ("weights",)


def test_then_the_one_that_gains_more_for_an_evaluation() -> None:
    tried = [trial("harness", "accept", 0.1), trial("weights", "reject", -0.1), trial("harness", "undecided")]
    assert choose(facts(*tried)).levers == ("harness",)
    dear = [trial("harness", "reject", evaluations=4000), trial("weights", "undecided", evaluations=100)]
    chosen = choose(facts(*dear))
    assert chosen.levers == ("weights",)
    numbers = chosen.numbers
    assert numbers["weights gain per 100 evaluations"] > numbers["harness gain per 100 evaluations"]


def test_both_at_once_where_both_have_just_paid() -> None:
    chosen = choose(facts(trial("harness", "accept"), trial("weights", "accept")))
    assert chosen.levers == BOTH and not chosen.stop


def test_a_lever_rests_after_changes_in_vain_and_all_at_rest_is_the_end() -> None:
    vain = [trial("harness", "reject"), trial("weights", "accept"), trial("harness", "nothing")]
    assert choose(facts(*vain)).levers == ("weights",)
    done = choose(facts(*vain, trial("weights", "reject"), trial("weights", "reject")))
    assert done.stop and "converged" in done.reason
    again = choose(facts(*vain, trial("harness", "accept")))
    assert "harness" in again.levers, "an accepted change wakes it up"


def test_an_undecided_change_counts_as_half_a_rejected_one() -> None:
    undecided = [trial("harness", "undecided")] * 3
    assert choose(facts(*undecided, allowed=("harness",))).levers == ("harness",)
    assert choose(facts(*undecided, trial("harness", "undecided"), allowed=("harness",))).stop


def test_nothing_is_learned_from_missing_data() -> None:
    chosen = choose(facts(coverages=(1.0, 0.5)))
    assert (chosen.levers, chosen.stop) == ((), False) and "50%" in chosen.reason
    assert choose(facts(coverages=(0.4, 0.5))).stop


def test_a_gate_that_cannot_be_paid_ends_the_run() -> None:
    assert choose(facts(left=99)).stop and "budget" in choose(facts(left=99)).reason


def test_without_levers_the_run_goes_on_searching() -> None:
    chosen = choose(facts(allowed=()))
    assert (chosen.levers, chosen.stop) == ((), False)


def test_the_same_facts_give_the_same_choice() -> None:
    tried = facts(trial("harness", "accept", 0.31), trial("weights", "undecided", 0.2))
    assert choose(tried) == choose(tried)
