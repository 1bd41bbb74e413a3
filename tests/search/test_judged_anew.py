"""The winner's curse: what was chosen as the best of many is judged once more, and that figure is the one reported."""

from __future__ import annotations

import pytest
from scripted_world import WordJudge, World

from kernelevo.archive import Archive
from kernelevo.settings import Limits
from kernelevo.types import Status


def test_the_reported_figure_is_the_one_that_had_no_part_in_the_choice() -> None:
    answer = World("100", {"100": ["40 => 50", "60"]}).run()
    assert (answer.speedup, answer.speedup_when_chosen) == (2.0, 2.5)
    assert answer.best.verdict.score.value == 50 and answer.chosen.verdict.score.value == 40
    assert answer.fallen == () and answer.confirmed


@pytest.mark.parametrize("word", [status.value for status in Status if status.blames_candidate])
def test_one_that_fails_anew_gives_way_to_the_next_and_it_is_kept(word: str) -> None:
    world = World("100", {"100": [f"40 {word} anew", "60"]})
    answer = world.run()
    assert answer.best.candidate.text == "60" and answer.speedup == pytest.approx(100 / 60)
    assert [(each.candidate.text, each.verdict.status.value) for each in answer.fallen] == [(f"40 {word} anew", word)]
    assert world.full.asked.count("60") == 2


def test_one_that_is_no_faster_than_the_start_anew_gives_way() -> None:
    answer = World("100", {"100": ["40 => 100", "60"]}).run()
    assert answer.best.candidate.text == "60" and len(answer.fallen) == 1


def test_where_none_stands_nothing_faster_was_found() -> None:
    answer = World("100", {"100": ["40 => 120", "60 wrong anew"]}).run()
    assert not answer.improved and answer.speedup == 1.0 and len(answer.fallen) == 2


@pytest.mark.parametrize("status", [Status.INFRA, Status.UNSUPPORTED, Status.INCONCLUSIVE])
def test_what_could_not_be_told_is_not_held_against_it(status: Status) -> None:
    answer = World("100", {"100": [f"40 {status} anew", "60"]}).run()
    assert answer.best.candidate.text.startswith("40") and answer.fallen == ()
    assert answer.chosen is None and answer.speedup_when_chosen is None


def test_a_start_that_stays_is_not_judged_anew() -> None:
    world = World("10", {"10": ["20"]})
    assert world.run().chosen is None
    assert world.full.asked == ["10"]


def test_only_the_chosen_one_costs_an_evaluation() -> None:
    world = World("100", {"100": ["40", "50", "60"]})
    answer = world.run()
    assert world.full.asked.count("40") == 2 and world.full.asked.count("50") == 1
    assert answer.evaluations == len(world.light.asked) + len(world.full.asked)


class StopsAt(WordJudge):
    """Is interrupted when it is asked for the `number`th time, before it answers."""

    def __init__(self, number: int) -> None:
        super().__init__(full=True)
        self.left = number

    def evaluate(self, candidate, budget):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return super().evaluate(candidate, budget)


def test_a_run_stopped_between_choice_and_judgement_goes_on_with_the_judgement_alone() -> None:
    tree = {"100": ["40 => 50", "60"]}
    world = World("100", tree, full=StopsAt(4))
    with pytest.raises(KeyboardInterrupt):
        world.run()
    assert Archive.load(world.store, world.band).phase == "anew"
    asked = list(world.full.asked)
    world.full = WordJudge(full=True, asked=asked.copy())
    answer = world.run()
    assert world.full.asked == [*asked, "40 => 50"]
    assert answer.speedup == 2.0 and answer.evaluations == World("100", tree).run().evaluations


def test_a_run_read_before_the_judgement_says_that_it_is_missing() -> None:
    world = World("100", {"100": ["40 => 50"]}, full=StopsAt(3))
    with pytest.raises(KeyboardInterrupt):
        world.run()
    answer = Archive.load(world.store, world.band).answer(world.store.run(), "it was stopped")
    assert answer.improved and answer.confirmed and answer.chosen is None and answer.speedup == 2.5


def test_a_finished_run_judges_nobody_anew_a_second_time() -> None:
    world = World("100", {"100": ["40 wrong anew", "60 => 65"]})
    first = world.run()
    again = world.run()
    assert (again.best, again.fallen, again.evaluations) == (first.best, first.fallen, first.evaluations)


def test_the_budget_of_evaluations_is_kept_where_many_fall() -> None:
    tree = {"100": ["40 wrong anew", "50 wrong anew", "60 wrong anew"]}
    limits = Limits(evaluations=10, seconds=1000)
    world = World("100", tree, limits=limits)
    answer = world.run()
    assert answer.evaluations <= 10
    assert len(answer.fallen) >= 1
