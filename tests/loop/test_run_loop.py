"""The loop on the scripted backend: what it records, what it adopts, what it never shows, and that a record decides the
same again.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable

import pytest
from loop.conftest import RULES, Bench, BiasLever

from kernelevo.backends.scripted import ScriptedBackend, ScriptedSession
from kernelevo.decisions import DecisionSettings
from kernelevo.errors import Infrastructure
from kernelevo.learning import TaskResult
from kernelevo.loop.budget import LoopLimits
from kernelevo.loop.controller import choose
from kernelevo.loop.generation import coverage
from kernelevo.loop.judging import Memo
from kernelevo.loop.lever_view import LeverView, reward_phase, with_best
from kernelevo.loop.plan import SEARCHES
from kernelevo.loop.record import AUDIT, CHANGE, DECISION, ENDED, GATE, POLICY, RESULT, ROUND, VERDICT
from kernelevo.loop.run_loop import Loop
from kernelevo.loop.summary import run_summary
from kernelevo.models.recorded import ASKED, spent_so_far
from kernelevo.stores.memory import MemoryStore
from kernelevo.types import Status

GOOD = DecisionSettings({**RULES, "cut": 4.0, "fuse": 4.0, "drop": -6.0, "stall": -6.0})
BAD = DecisionSettings({**RULES, "drop": 6.0, "stall": 6.0})
NOTES = (POLICY, RESULT, AUDIT, DECISION, CHANGE, GATE, ROUND, VERDICT, ASKED)
Make = Callable[..., Bench]


def told(store: MemoryStore) -> list[str]:
    """The record's notes but for the clock."""
    return [
        json.dumps({name: value for name, value in note.items() if name not in ("seconds", "left")}, sort_keys=True)
        for kind in NOTES for note in store.notes(kind)
    ]  # fmt: skip


def test_a_good_change_is_adopted_and_a_bad_one_is_not(bench: Make) -> None:
    made = bench({"harness": BiasLever(GOOD, BAD)}, evaluations=2400, generations=2)
    loop = made.loop()
    loop.run()
    results = [note["result"] for note in loop.record.notes(GATE) if note["final"]]
    assert results == ["accept", "reject"]
    first, last = loop.present(0), loop.present()
    assert first.harness.name == "start" and last.harness.name == "g0-harness"
    assert (last.generation, last.why) == (1, "draft 0")
    policies = [step.policy for generation in (0, 1) for step in view(loop).steps(generation)]
    assert {policy.harness for policy in policies} == {first.version.harness, last.version.harness}


def view(loop: Loop) -> LeverView:
    return LeverView(loop.record, loop.parts.folder)


def test_evaluations_are_those_that_were_charged_and_stay_within_the_budget(bench: Make) -> None:
    made = bench({"harness": BiasLever(GOOD, GOOD)}, evaluations=1000, generations=2)
    loop = made.loop()
    loop.run()
    charged = sum(sum(note["charged"].values()) for note in made.store.notes(ROUND))
    assert charged == loop.record.spent().evaluations <= 1000
    results = [each for generation in (0, 1) for each in loop.results(generation)]
    assert sum(result.evaluations for result in results) <= 2 * loop.plan.learning
    assert all(result.start == pytest.approx(1.0) for result in results)


def test_a_pair_of_the_gate_is_searched_several_times_and_pays_for_a_verdict_once(bench: Make) -> None:
    made = bench({"harness": BiasLever(GOOD)}, evaluations=900, generations=1)
    loop = made.loop()
    loop.run()
    (gate, *_) = loop.record.notes(GATE)
    rounds = [note for note in made.store.notes(ROUND) if note["phase"].startswith("gate:0:0:")]
    used, charged = (sum(sum(note[name].values()) for note in rounds) for name in ("used", "charged"))
    assert loop.plan.searches == SEARCHES and gate["evaluations"] == charged
    assert used > SEARCHES / 2 * 2 * loop.plan.pairs * 2 and charged < used / 2, "most was judged by then"
    paid = [key for note in made.store.notes(ROUND) for key in note["paid"]]
    assert len(paid) == len(set(paid)) == loop.record.spent().evaluations
    sides = {note["phase"].split(":", 4)[4] for note in rounds}
    assert {f"{side}{more}" for side in ("present", "changed") for more in ("", ":1", ":3")} <= sides


def test_what_another_run_has_judged_is_charged_and_not_judged_again(bench: Make) -> None:
    first = bench(evaluations=200, generations=1)
    one = first.loop()
    one.run()
    second = dataclasses.replace(first, store=MemoryStore())
    other = second.loop()
    other.run()
    assert other.parts.tools.court.judged == 0 < one.parts.tools.court.judged
    assert other.record.spent().evaluations == one.record.spent().evaluations
    assert told(first.store) == told(second.store)


class Killed(BaseException):
    """As SIGKILL: nothing of ours catches it."""


class DyingStore(MemoryStore):
    """Dies at the n-th note."""

    def __init__(self, at: int, before: MemoryStore | None = None) -> None:
        super().__init__()
        self.at = at
        if before is not None:
            self.__dict__.update({**before.__dict__, "at": at})

    def note(self, kind, payload):
        self.at -= 1
        if self.at < 0:
            raise Killed
        super().note(kind, payload)


@pytest.mark.parametrize(("evaluations", "searches"), [(440, 1), (900, SEARCHES)])
def test_a_run_that_is_killed_again_and_again_comes_to_the_same_record(
    bench: Make, evaluations: int, searches: int
) -> None:
    whole = bench({"harness": BiasLever(GOOD, BAD)}, evaluations=evaluations, generations=2)
    loop = whole.loop()
    loop.run()
    assert loop.plan.searches == searches
    store, deaths, step = MemoryStore(), 0, 17
    while True:
        step = step % 170 + 23
        store = DyingStore(step, store)
        made = dataclasses.replace(whole, store=store, levers={"harness": BiasLever(GOOD, BAD)}, memo=Memo())
        try:
            made.loop().run()
            break
        except Killed:
            deaths += 1
    assert deaths > 8
    for kind in (POLICY, RESULT, DECISION, CHANGE, GATE, ROUND):
        assert plain(store, kind) == plain(whole.store, kind), kind
    assert len(store.notes(VERDICT)) == len(whole.store.notes(VERDICT)), "nothing finished is judged again"


def plain(store: MemoryStore, kind: str) -> list[str]:
    """Without the clock, and without the numbers of questions: one that was cut off has a number, too."""
    notes = json.loads(json.dumps(store.notes(kind)))
    for note in notes:
        for name in ("seconds", "left"):
            note.pop(name, None)
        for one in note.get("steps", []):
            one.pop("turn")
    return [json.dumps(note, sort_keys=True) for note in notes]


def test_the_same_record_gives_the_same_decisions(bench: Make) -> None:
    made = bench({"harness": BiasLever(GOOD, BAD, None)}, evaluations=2000, generations=3)
    loop = made.loop()
    loop.run()
    again = made.loop()
    noted = again.record.notes(DECISION)
    assert len(noted) == 3
    for note in noted:
        choice = choose(again.facts(note["generation"]))
        assert (list(choice.levers), choice.stop, choice.reason) == (list(note["levers"]), note["stop"], note["reason"])
        assert dict(choice.numbers) == note["numbers"]
    before = told(made.store)
    assert again.run().reason == run_summary(loop.record, loop.parts.folder)["ended"]
    assert told(made.store) == before, "a run that has ended writes nothing more"


def test_a_larger_budget_goes_on_where_the_old_one_ended(bench: Make) -> None:
    made = bench(evaluations=200, generations=2)
    made.limits = LoopLimits(200, seconds=1e9)
    made.loop().run()
    ended = made.store.notes(ENDED)
    made.limits = LoopLimits(400, seconds=1e9)
    made.settings = dataclasses.replace(made.settings, generations=4)
    loop = made.loop()
    loop.run()
    assert len(ended) == 1 and len(made.store.notes(ENDED)) == 2 and len(loop.record.notes(RESULT)) == 4
    assert 200 < loop.record.spent().evaluations <= 400


def test_a_lever_sees_the_reward_split_alone(bench: Make) -> None:
    lever = BiasLever(GOOD, GOOD)
    made = bench({"harness": lever}, evaluations=1000, generations=2)
    loop = made.loop()
    loop.run()
    reward_tasks = set(made.backend.tasks("reward"))
    seen = [step for generation in (0, 1) for step in view(loop).steps(generation)]
    assert seen and {step.task for step in seen} <= reward_tasks
    assert {result.task for result in view(loop).results(0)} <= reward_tasks
    gated = [step for name in loop.record._rounds for each in loop.record.rounds(name) for step in each.steps]
    assert len(gated) > len(seen), "the gate has steps of its own, which a lever is not shown"


class Canary(ScriptedSession):
    """Its audit says what nobody but reports may see."""

    def audit(self, candidate, seed=None):
        verdict = super().audit(candidate, seed)
        return dataclasses.replace(verdict, feedback="CANARY-AUDIT")


class CanaryBackend(ScriptedBackend):
    def open(self, task):
        session = super().open(task)
        return Canary(session.task, 0.0, False)


def test_nothing_of_the_audit_reaches_a_prompt_or_a_lever(bench: Make) -> None:
    made = bench({"harness": BiasLever(GOOD)}, evaluations=600, generations=1)
    made.backend = CanaryBackend()
    loop = made.loop()
    loop.run()
    audits = [note for note in made.store.notes(VERDICT) if note["verifier"] == "audit"]
    assert audits and all("CANARY-AUDIT" in made.store.kept(note["verdict"]) for note in audits)
    prompts = [made.store.kept(key) for note in made.store.notes(ASKED) for _, key in note["messages"]]
    shown = [repr(step) for step in view(loop).steps(0)] + [repr(loop.results(0)), repr(view(loop).changes())]
    assert prompts and not [text for text in (*prompts, *shown) if "CANARY" in text]


def test_enabling_moves_are_worth_what_they_lead_to(bench: Make) -> None:
    made = bench(evaluations=400, generations=1, start=GOOD)
    loop = made.loop()
    loop.run()
    steps = view(loop).steps(0)
    hoisted = [step for step in steps if step.move == "hoist(loop)" and step.fresh and step.depth == 0]
    assert hoisted and all(step.reward == pytest.approx(1.0) for step in hoisted)
    assert max(step.best for step in hoisted) > 2
    assert all(step.best >= step.reward for step in steps if step.reward is not None)
    assert [step.best for step in with_best(steps)] == [step.best for step in steps]


def test_failures_are_worth_nothing_and_missing_data_have_no_reward(bench: Make) -> None:
    loop = bench(evaluations=300, generations=1, start=BAD).loop()
    loop.run()
    steps = view(loop).steps(0)
    wrong = [step for step in steps if step.status is Status.WRONG]
    stalled = [step for step in steps if step.status is Status.INCONCLUSIVE]
    stopped = [step for step in steps if step.outcome == "stopped"]
    assert wrong and all(step.reward == 0.0 for step in wrong)
    assert stalled and all(step.reward is None and step.best is None for step in stalled)
    assert all(step.candidate is None and step.reward > 0.0 for step in stopped)


class LostSession(ScriptedSession):
    def judge(self, candidate, seed=None):
        if candidate.text != self.start.text:
            raise Infrastructure("the machine is on fire")
        return super().judge(candidate, seed)


class LostBackend(ScriptedBackend):
    def open(self, task):
        return LostSession(task, 0.0, False)


def test_a_generation_of_missing_data_is_not_learned_from(bench: Make) -> None:
    lever = BiasLever(GOOD, GOOD, GOOD)
    made = bench({"harness": lever}, evaluations=1200, generations=3)
    made.backend = LostBackend()
    loop = made.loop()
    ended = loop.run()
    first = loop.record.of_generation(RESULT, 0)
    assert first["coverage"] < 0.6 and coverage(loop.record.rounds(reward_phase(0))) == first["coverage"]
    assert not lever.seen and not made.store.notes(GATE) and "machine fails" in ended.reason
    infra = [step for step in view(loop).steps(0) if step.status is Status.INFRA]
    assert infra and all(step.reward is None for step in infra)


class Drifting(ScriptedSession):
    """Its audit takes ever less of the reward for real: the policy games the reward."""

    audits = 0

    def audit(self, candidate, seed=None):
        verdict = super().judge(candidate, seed)
        Drifting.audits += 1
        if verdict.score is None or Drifting.audits <= 4:
            return verdict
        return dataclasses.replace(verdict, score=dataclasses.replace(verdict.score, value=verdict.score.value * 2))


class DriftingBackend(ScriptedBackend):
    def open(self, task):
        return Drifting(task, 0.0, False)


def test_a_widening_gap_pauses_the_run_and_a_wider_limit_goes_on(bench: Make) -> None:
    Drifting.audits = 0
    made = bench({"harness": BiasLever(GOOD, GOOD, GOOD)}, evaluations=1500, generations=3)
    made.backend = DriftingBackend()
    loop = made.loop()
    ended = loop.run()
    assert ended.paused and "runs away" in ended.reason
    gaps = loop.gaps()
    assert len(gaps) == 2 and gaps[1].gap - gaps[0].gap > 0.5
    assert math.isclose(gaps[1].gap - gaps[0].gap, 1.0, abs_tol=0.3)
    made.settings = dataclasses.replace(made.settings, gap=2.0)
    assert not made.loop().run().paused


def test_a_generation_that_a_budget_cut_short_is_no_measure_of_the_gap(bench: Make) -> None:
    """It found little, so that its gap is small; the gap of a whole one would look as if it had widened."""
    made = bench(evaluations=300, generations=3)
    loop = made.loop()
    loop.run()
    whole = loop.gaps()
    assert len(whole) == 3
    notes = made.store.notes(RESULT)
    cut = [{**each, "evaluations": 1} for each in notes[0]["results"]]
    loop.results = lambda generation: [TaskResult(**each) for each in (cut if not generation else notes[1]["results"])]
    assert loop.gaps() == whole[1:]


def test_a_harness_that_was_changed_behind_its_back_is_refused(bench: Make) -> None:
    made = bench(evaluations=300, generations=2)
    loop = made.loop()
    loop.begin()
    loop._execute(0)
    file = made.folder / "start" / "decisions.json"
    file.write_text(file.read_text().replace("1.0", "0.5"))
    with pytest.raises(Exception, match="is not what the run's record says"):
        made.loop().run()


@pytest.mark.parametrize("reuse", [True, False])
def test_trees_go_on_or_begin_anew(bench: Make, reuse: bool) -> None:
    loop = bench(evaluations=120, generations=2, reuse=reuse).loop()
    loop.run()
    starts = [start for each in loop.record.rounds(reward_phase(1)) for start in each.starts]
    assert bool(starts) != reuse
    depths = [step.depth for step in view(loop).steps(1)]
    assert (min(depths) == 0) or reuse


def test_more_generations_go_on_where_a_run_ended(bench: Make) -> None:
    made = bench(evaluations=400, generations=1)
    made.limits = LoopLimits(400, seconds=1e9)
    made.loop().run()
    again = made.loop()
    assert again.run().reason.startswith("all generations") and len(made.store.notes(ENDED)) == 1
    made.settings = dataclasses.replace(made.settings, generations=2)
    made.limits = LoopLimits(800, seconds=1e9)
    made.loop().run()
    assert len(made.store.notes(RESULT)) == 2 and len(made.store.notes(ENDED)) == 2


@pytest.mark.parametrize("name, small", [("tokens", 150), ("seconds", 0.5)])
def test_a_model_s_budget_ends_a_run_by_its_name_and_a_larger_one_goes_on(bench: Make, name: str, small: float) -> None:
    made = bench({"harness": BiasLever(GOOD)}, evaluations=400, generations=1)
    made.limits = LoopLimits(400, **{name: small})
    ended = made.loop().run()
    assert "used" in ended.reason or "time" in ended.reason, ended
    assert not made.store.notes(GATE) and not made.store.notes(CHANGE)  # a gate would compare nothing
    made.limits = LoopLimits(400, **{name: 1e9})
    made.loop().run()
    assert len(made.store.notes(ENDED)) == 2 and made.store.notes(GATE)


def test_a_gate_whose_budget_ends_in_its_midst_decides_nothing(bench: Make) -> None:
    whole, cut = (bench({"harness": BiasLever(GOOD)}, evaluations=1200, generations=1) for _ in range(2))
    whole.loop().run()
    assert whole.store.notes(GATE)[-1]["result"] == "accept"
    used = spent_so_far(whole.store).tokens
    cut.limits = LoopLimits(1200, tokens=used - 20)
    cut.loop().run()
    last = cut.store.notes(GATE)[-1]
    assert (last["result"], last["final"]) == ("undecided", True) and "not every pair" in last["reason"], last
    assert cut.loop().present().harness.name == "start"


def test_nothing_is_asked_for_twice(bench: Make) -> None:
    """A policy that is nearly sure of one decision spends its evaluations all the same."""
    sure = DecisionSettings({**RULES, "cut": 8.0, "widen": 7.0}, samples=2)
    loop = bench(evaluations=120, generations=1, start=sure).loop()
    loop.run()
    made: dict[str, dict[str, int]] = {}
    for step in view(loop).steps(0):
        if step.candidate is not None:
            turn = made.setdefault(step.task, {}).setdefault(step.candidate, step.turn)
            assert turn == step.turn, "only replies to one question may say the same"
    assert all(result.evaluations == len(made[result.task]) + 1 for result in loop.results(0))
    assert sum(result.evaluations for result in loop.results(0)) >= 60
