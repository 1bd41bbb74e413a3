"""Best-first, within its budget, and never fooled by a failure."""

from __future__ import annotations

import itertools

import pytest
from scripted_world import Tree, WordJudge, World

from kernelevo.archive import Archive
from kernelevo.errors import BadInput, Infrastructure, SandboxBroken, WallUnavailable
from kernelevo.executors.local import LocalExecutor
from kernelevo.settings import Limits
from kernelevo.types import Candidate, Status


def test_the_best_of_the_tree_is_the_answer() -> None:
    answer = World("100", {"100": ["50", "80"], "50": ["40", "60"], "40": ["10"]}).run()
    assert answer.best.candidate.text == "10"
    assert (answer.speedup, answer.improved, answer.confirmed) == (10.0, True, True)
    assert answer.ended == "nothing left to try"


def test_the_start_is_judged_first_and_the_answer_with_full_checks() -> None:
    world = World("100", {"100": ["50"]})
    answer = world.run()
    assert world.light.asked == ["100", "50"]
    assert world.full.asked == ["100", "50", "50"]
    assert answer.best.verdict.checks[0].name == "full"
    assert answer.evaluations == 5


def test_the_fastest_is_expanded_before_its_rivals() -> None:
    children = {"100": ["90", "50", "70"], "50": ["45"], "70": ["65"], "90": ["85"]}
    world = World("100", children, limits=Limits(evaluations=50, seconds=9, round=3))
    world.run()
    asked = world.light.asked
    assert asked.index("45") < asked.index("65") < asked.index("85")


def test_nothing_faster_is_an_answer() -> None:
    answer = World("10", {"10": ["20", "30"]}).run()
    assert (answer.improved, answer.speedup, answer.best) == (False, 1.0, answer.start)


def test_a_start_that_fails_ends_the_run_with_its_verdict() -> None:
    world = World("100 wrong", {"100 wrong": ["50"]})
    search = world.search()
    assert search.run() is None
    assert search.archive.verdict("search", search.archive.start.id).verdict.feedback == "it is wrong"
    assert world.light.asked == ["100 wrong"] and world.full.asked == []
    assert world.ear.heard[-1] == "finished"


def test_a_start_that_fails_only_the_full_checks_is_no_answer() -> None:
    assert World("100 race late", {"100 race late": ["50"]}).run() is None


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.PASSED])
def test_what_failed_is_never_expanded_and_never_wins(status: Status) -> None:
    world = World("100", {"100": [f"1 {status}", "50"], f"1 {status}": ["2"]})
    answer = world.run()
    assert answer.best.candidate.text == "50"
    assert "2" not in world.light.asked
    assert answer.statuses == {"passed": 2, status.value: 1}


def test_a_finalist_that_fails_the_full_checks_gives_way_to_the_next() -> None:
    tree = {"100": ["10 wrong late", "20 race late", "30 trapped late", "40 wrong late", "50", "60"]}
    world = World("100", tree)
    assert world.run().best.candidate.text == "50"
    assert "60" not in world.full.asked


def test_the_figures_of_the_full_checks_decide() -> None:
    answer = World("100", {"100": ["10 -> 70", "20 -> 60"]}).run()
    assert (answer.best.candidate.text, answer.best_time.value) == ("20 -> 60", 60.0)


def test_within_the_band_the_smaller_change_wins() -> None:
    start = "100\na\nb\nc"
    small, large = "50\na\nb\nd", "48\nx\ny\nz"
    assert World(start, {start: [large, small]}, band=0.1).run().best.candidate.text == small
    assert World(start, {start: [large, small]}, band=0.01).run().best.candidate.text == large


def test_a_gain_within_the_band_is_no_gain() -> None:
    answer = World("100", {"100": ["95"]}, band=0.1).run()
    assert not answer.improved
    assert World("100", {"100": ["95"]}, band=0.01).run().improved


def endless(text: str) -> list[str]:
    return [f"{float(text) * 0.99:.3f}", f"{float(text) * 0.98:.3f}"]


class Endless(dict):
    def get(self, text: str, default: object = None) -> list[str]:
        return endless(text)


@pytest.mark.parametrize("evaluations", [5, 6, 8, 23])
def test_the_budget_of_evaluations_is_kept(evaluations: int) -> None:
    world = World("100", Endless(), limits=Limits(evaluations=evaluations, seconds=100, round=3))
    answer = world.run()
    assert answer.evaluations == len(world.light.asked) + len(world.full.asked) <= evaluations
    assert answer.evaluations >= evaluations - 3 and answer.improved and answer.confirmed
    assert f"{evaluations} evaluations" in answer.ended


def test_the_budget_of_seconds_is_kept_and_the_best_is_still_confirmed() -> None:
    clock = itertools.count()
    world = World("100", Endless(), limits=Limits(evaluations=1000, seconds=60), clock=lambda: float(next(clock)))
    answer = world.run()
    assert "60 seconds" in answer.ended and answer.confirmed and answer.improved
    assert next(clock) < 80


def test_patience_ends_a_search_that_finds_nothing() -> None:
    worse = {str(n): [str(n + 1)] for n in range(10, 500)}
    world = World("10", worse, limits=Limits(evaluations=400, seconds=100, patience=12))
    assert "nothing better" in world.run().ended
    assert len(world.light.asked) <= 12 + 8 + 1


@pytest.mark.parametrize(
    ("field", "value"), [("evaluations", 4), ("seconds", 0.0), ("seconds", float("nan")), ("patience", 0)]
)
def test_a_budget_that_leaves_nothing_is_bad_input(field: str, value: float) -> None:
    with pytest.raises(BadInput):
        Limits(**{field: value})


def test_the_same_verdicts_lead_to_the_same_proposals_for_any_number_of_workers() -> None:
    orders = []
    for workers in (1, 4):
        executor = LocalExecutor(workers)
        world = World("100", Endless(), limits=Limits(evaluations=40, seconds=100), executor=executor)
        world.run()
        executor.close()
        orders.append([candidate.text for candidate in world.store.candidates()])
    assert orders[0] == orders[1] and len(orders[0]) > 30


class Flaky(WordJudge):
    """Fails for reasons of its own, `times` times for each text that holds `word`."""

    def __init__(self, word: str, times: int, fault: type[Infrastructure] = SandboxBroken) -> None:
        super().__init__()
        self.word, self.times, self.fault = word, times, fault

    def evaluate(self, candidate, budget):
        broken = self.word in candidate.text and self.asked.count(candidate.text) < self.times
        if broken:
            self.asked.append(candidate.text)
            raise self.fault("the worker died")
        return super().evaluate(candidate, budget)


def test_our_own_fault_is_tried_once_more() -> None:
    world = World("100", {"100": ["50 f"]}, light=Flaky("f", 1))
    assert world.run().best.candidate.text == "50 f"
    assert world.light.asked == ["100", "50 f", "50 f"]


def test_our_own_fault_twice_is_reported_and_held_against_nobody() -> None:
    world = World("100", {"100": ["50 f", "60"]}, light=Flaky("f", 2))
    answer = world.run()
    assert answer.best.candidate.text == "60"
    assert answer.statuses["infra"] == 1
    assert (
        next(item.verdict for item in world.store.attempts() if item.candidate.text == "50 f").feedback
        == "the worker died"
    )


def test_many_faults_of_ours_in_a_row_stop_the_run() -> None:
    world = World("100", {"100": ["50 f", "60 f", "70 f", "80 f"]}, light=Flaky("f", 9))
    with pytest.raises(Infrastructure, match="in a row"):
        world.run()
    assert len(world.store.attempts()) == 4


def test_a_wall_that_cannot_be_built_is_no_verdict() -> None:
    with pytest.raises(WallUnavailable):
        World("100", {}, light=Flaky("100", 9, WallUnavailable)).run()


def test_what_is_judged_with_full_checks_is_what_would_be_written() -> None:
    world = World("100", {"100": ["50"]})
    answer = world.run(settle=lambda candidate: Candidate(candidate.text + "\nsettled", parent=candidate.id))
    assert answer.best.candidate.text == "50\nsettled"
    assert world.full.asked == ["100", "50\nsettled", "50\nsettled"]


def test_a_listener_hears_everything_in_order() -> None:
    world = World("100", {"100": ["50"]})
    world.run()
    assert world.ear.heard == [
        "started 0run 50", "100: best 100", "50: best 50", "100: best 50", "50: best 50", "50: best 50", "finished",
    ]  # fmt: skip


class Stops(WordJudge):
    def __init__(self, after: int, full: bool = False) -> None:
        super().__init__(full=full)
        self.left = after

    def evaluate(self, candidate, budget):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().evaluate(candidate, budget)


@pytest.mark.parametrize("after", range(1, 24, 3))
def test_an_interrupted_run_goes_on_and_comes_to_the_same_answer(after: int) -> None:
    limits = Limits(evaluations=30, seconds=100, round=5)
    whole = World("100", Endless(), limits=limits)
    expected = whole.run()
    broken = World("100", Endless(), limits=limits, light=Stops(after))
    with pytest.raises(KeyboardInterrupt):
        broken.run()
    judged = len(broken.store.attempts())
    broken.light = WordJudge()
    answer = broken.run()
    assert judged == after and len(broken.light.asked) == len(whole.light.asked) - after
    assert answer.best.candidate.text == expected.best.candidate.text
    assert [item.text for item in broken.store.candidates()] == [item.text for item in whole.store.candidates()]


@pytest.mark.parametrize("after", range(3))
def test_a_run_interrupted_among_its_finalists_judges_only_the_rest(after: int) -> None:
    world = World("100", {"100": ["50", "60"]}, full=Stops(after, full=True))
    with pytest.raises(KeyboardInterrupt):
        world.run()
    world.full = WordJudge(full=True)
    answer = world.run()
    assert answer.best.candidate.text == "50" and answer.confirmed
    assert len(world.full.asked) == 3 - after + 1


def test_a_finished_run_that_is_run_again_judges_nothing_new() -> None:
    world = World("100", {"100": ["50"]})
    first = world.run()
    again = world.run()
    assert again.best == first.best and again.evaluations == first.evaluations


def test_a_finished_run_goes_on_with_a_larger_budget() -> None:
    world = World("100", Endless(), limits=Limits(evaluations=10, seconds=100))
    first = world.run()
    world.limits = Limits(evaluations=40, seconds=100)
    second = world.run()
    assert second.best_time.value < first.best_time.value and second.confirmed


def test_a_proposer_that_repeats_itself_does_not_hold_up_the_search() -> None:
    class Parrot(Tree):
        def propose(self, parent, tried, limit):
            return [Candidate("100"), Candidate("50")]

    world = World("100", {})
    search = world.search()
    search.proposers = [Parrot({})]
    assert search.run().best.candidate.text == "50"
    assert world.light.asked == ["100", "50"]


def test_a_proposer_that_waits_for_its_verdicts_is_asked_again_and_one_that_has_nothing_is_not() -> None:
    class Waiting(Tree):
        """Has its second text once the first is judged."""

        def propose(self, parent, tried, limit):
            asked.append(parent.candidate.text)
            judged = "50" in world.light.asked
            return Tree({"100": ["50", "25"] if judged else ["50"]}).propose(parent, tried, limit)

    asked: list[str] = []
    world = World("100", {})
    search = world.search()
    search.proposers = [Waiting({})]
    assert search.run().best.candidate.text == "25"
    assert asked.count("100") == 5 and asked.count("50") == 1


def test_an_archive_knows_the_same_after_loading() -> None:
    world = World("100", Endless(), limits=Limits(evaluations=20, seconds=100))
    search = world.search()
    search.run()
    loaded = Archive.load(world.store, world.band)
    assert [item.candidate.id for item in loaded.ranked()] == [item.candidate.id for item in search.archive.ranked()]
    assert loaded.statuses() == search.archive.statuses() and loaded.phase == "anew"
