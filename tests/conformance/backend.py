"""What every Backend keeps. Subclass `BackendContract` and give it the fixtures `backend` and `settings` (with every
rule of the grammar on), and `session`, a task of it whose start has at least three legal decisions.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from kernelevo.decisions import STOP, Decision, DecisionSettings, Observation, read_observation
from kernelevo.errors import BadInput
from kernelevo.learning import Split
from kernelevo.learning_interfaces import Backend, TaskSession
from kernelevo.types import Attempt, Status, Verdict

SEED = 20260703


def started(session: TaskSession) -> Attempt:
    return Attempt(session.start, session.judge(session.start, SEED))


def decided(observation: Observation) -> list[Decision]:
    return [option.decision for option in observation.options if option.decision != STOP]


class BackendContract:
    def test_splits_have_tasks_and_share_none(self, backend: Backend) -> None:
        splits = {split: list(backend.tasks(split)) for split in Split}
        assert all(splits.values())
        assert all(len(set(names)) == len(names) for names in splits.values())
        for one, other in itertools.combinations(Split, 2):
            assert not set(splits[one]) & set(splits[other])
        assert splits == {split: list(backend.tasks(split)) for split in Split}

    def test_a_task_that_it_has_not_is_bad_input(self, backend: Backend) -> None:
        with pytest.raises(BadInput, match="no-such-task"):
            backend.open("no-such-task")

    def test_it_says_what_it_is(self, backend: Backend, session: TaskSession) -> None:
        assert backend.name == backend.grammar.backend and backend.version
        assert session.task and session.family and session.words()

    def test_the_start_passes_both_verifiers_and_is_worth_one(self, session: TaskSession) -> None:
        verdict = session.judge(session.start, SEED)
        assert verdict.status is Status.PASSED and verdict.candidate == session.start.id
        assert session.reward(verdict) == pytest.approx(1.0)
        audited = session.audit(session.start, SEED)
        assert audited.status is Status.PASSED and session.reward(audited) == pytest.approx(1.0)

    def test_the_same_seed_gives_the_same_reward(self, session: TaskSession, settings: DecisionSettings) -> None:
        attempt = started(session)
        candidate = session.apply(attempt, decided(session.observe(attempt, settings))[0])
        assert candidate is not None
        first, second = (session.judge(candidate, SEED) for _ in range(2))
        assert first.status is second.status and session.reward(first) == session.reward(second)

    def test_missing_data_has_no_reward_and_faults_of_the_candidate_are_worth_nothing(
        self, session: TaskSession
    ) -> None:
        for status in Status:
            if status is not Status.PASSED:
                failed = Verdict(session.start.id, "any", status, "for a reason")
                assert session.reward(failed) == (0.0 if status.blames_candidate else None)

    def test_an_observation_is_of_the_grammar_and_passes_as_text(
        self, backend: Backend, session: TaskSession, settings: DecisionSettings
    ) -> None:
        observation = session.observe(started(session), settings)
        grammar = backend.grammar
        assert observation.grammar == grammar.key
        assert observation.facts and set(observation.facts) <= set(grammar.facts)
        assert set(observation.words) <= set(grammar.words)
        assert {option.decision.rule for option in observation.options} <= set(grammar.rules)
        assert observation.moves == ()
        assert read_observation(observation.text()).text() == observation.text()
        assert session.observe(started(session), settings) == observation

    def test_legal_decisions_make_different_programs_that_say_what_was_done(
        self, session: TaskSession, settings: DecisionSettings
    ) -> None:
        parent = started(session)
        decisions = decided(session.observe(parent, settings))
        assert len(decisions) >= 3
        made = [session.apply(parent, decision) for decision in decisions]
        assert len({candidate.id for candidate in made if candidate} | {parent.candidate.id}) == len(made) + 1
        for decision, candidate in zip(decisions, made, strict=True):
            assert candidate is not None and candidate.parent == parent.candidate.id
            assert candidate.moves == (*parent.candidate.moves, str(decision))

    def test_stop_and_what_is_not_legal_make_nothing(self, session: TaskSession) -> None:
        parent = started(session)
        assert session.apply(parent, STOP) is None
        assert session.apply(parent, Decision("no_such_rule", "nowhere", 3)) is None

    def test_the_observation_follows_the_moves(self, session: TaskSession, settings: DecisionSettings) -> None:
        parent = started(session)
        for decision in decided(session.observe(parent, settings)):
            candidate = session.apply(parent, decision)
            assert candidate is not None
            verdict = session.judge(candidate, SEED)
            if verdict.status is Status.PASSED:
                observation = session.observe(Attempt(candidate, verdict), settings)
                assert observation.moves == (decision,)
                return
        raise AssertionError("no decision of the start passes")

    def test_the_settings_say_what_is_legal_and_how_it_is_biased(
        self, session: TaskSession, settings: DecisionSettings
    ) -> None:
        parent = started(session)
        every = session.observe(parent, settings)
        rule = decided(every)[0].rule
        others = {name: bias for name, bias in settings.rules.items() if name != rule}
        without = session.observe(parent, replace(settings, rules=others))
        assert decided(without) == [each for each in decided(every) if each.rule != rule]
        pushed = session.observe(parent, replace(settings, rules={**others, rule: -1.5}))
        assert {each.bias for each in pushed.options if each.decision.rule == rule} == {-1.5}
        assert [each.decision for each in pushed.options] == [each.decision for each in every.options]
        assert decided(session.observe(parent, replace(settings, rules={}))) == []

    def test_at_the_greatest_depth_there_is_nothing_but_to_stop(
        self, session: TaskSession, settings: DecisionSettings
    ) -> None:
        assert decided(session.observe(started(session), replace(settings, depth=0))) == []

    def test_it_may_be_closed_twice(self, backend: Backend) -> None:
        session = backend.open(backend.tasks(Split.REWARD)[0])
        session.close()
        session.close()
