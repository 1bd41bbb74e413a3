"""The kernels backend: what is legal is what the rules and macros give, rewards and audits are of the right devices,
and an observation tells of no test.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from backend_places import settings_at

from kernelevo.backends.kernels.grammar import SYMPTOMS, words
from kernelevo.backends.kernels.session import KernelSession
from kernelevo.decisions import STOP, Decision, DecisionSettings
from kernelevo.joining_backends import AUDITED, REWARDED, open_backend
from kernelevo.learning import Split
from kernelevo.learning_interfaces import Backend
from kernelevo.proposers.rules import RulesProposer, evidence, read_rule_settings
from kernelevo.proposers.tune import TuneProposer
from kernelevo.types import Attempt, Candidate, Status

ROOT = Path(__file__).parents[2]
SEED = 11


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    opened = open_backend("kernels", settings_at(tmp_path_factory.mktemp("kernels")))
    yield opened
    opened.close()


@pytest.fixture
def settings(backend: Backend) -> DecisionSettings:
    return DecisionSettings(rules=dict.fromkeys(backend.grammar.rules, 0.0))


def started(session: KernelSession) -> Attempt:
    return Attempt(session.start, session.judge(session.start, SEED))


@pytest.mark.parametrize("name", ["row_map-1001", "whole_sum-1001", "matrix_product-1000", "stencil-1000"])
def test_legal_decisions_make_what_the_proposers_make(backend: Backend, settings: DecisionSettings, name: str) -> None:
    session = backend.open(name)
    parent = started(session)
    made = [session.apply(parent, option.decision) for option in session.observe(parent, settings).options]
    file = ROOT / "harness" / "rules.toml"
    rules = read_rule_settings(file.read_text(encoding="utf-8"), "rules.toml")
    properties = {"sms": 132, "warp": 32}
    problem = session._task.problem
    asked = [RulesProposer(problem, properties, rules), TuneProposer()]
    proposed = [one for proposer in asked for one in proposer.propose(parent, frozenset(), 1000)]
    single = {one.id for one in proposed if len(one.moves) == 1}
    assert len(single) >= 3
    assert {candidate.id for candidate in made if candidate} == single


def test_a_decision_names_rule_site_and_value(backend: Backend, settings: DecisionSettings) -> None:
    session = backend.open("whole_sum-3001")
    parent = started(session)
    decisions = [option.decision for option in session.observe(parent, settings).options]
    assert [each for each in decisions if each.rule == "atomic_reduce" and each.site and each.value]
    order = [backend.grammar.rules.index(each.rule) for each in decisions]
    assert order == sorted(order) and decisions[-1] == STOP


def test_a_good_decision_is_rewarded_and_gains_are_of_one_device(backend: Backend) -> None:
    session = backend.open("whole_sum-3001")
    parent = started(session)
    better = session.apply(parent, Decision("atomic_reduce", _kernel_of(session), 8))
    assert better is not None
    verdict = session.judge(better, SEED)
    assert verdict.status is Status.PASSED and verdict.device == REWARDED
    reward = session.reward(verdict)
    assert reward is not None and reward > 2
    audited = session.audit(better, SEED)
    gain = session.reward(audited)
    assert audited.device == AUDITED and gain is not None and gain > 2


def test_a_wrong_program_is_worth_nothing_and_a_broken_one_is_a_value(backend: Backend) -> None:
    session = backend.open("broadcast-1000")
    text = session.start.text
    wrong = session.judge(Candidate(text.replace("r * cols + c]", "r * cols]")), SEED)
    broken = session.judge(Candidate(text.replace("int rows", "integer rows")), SEED)
    assert wrong.status in (Status.WRONG, Status.TRAPPED, Status.RACE) and session.reward(wrong) == 0.0
    assert broken.status is Status.BUILD_ERROR and session.reward(broken) == 0.0


def test_the_audit_refuses_what_is_right_at_the_tested_sizes_alone(backend: Backend) -> None:
    """The control: a program that hands wrong numbers out where the search does not look."""
    session = backend.open("broadcast-1000")
    text = session.start.text
    sizes = [case.dims["rows"] for case in (*session._task.problem.tests, *session._task.problem.benchmarks)]
    known = " || ".join(f"rows == {size}" for size in sorted(set(sizes)))
    index = text.index("{", text.index("__global__")) + 1
    gamed = Candidate(f"{text[:index]}\n    if (!({known})) {{\n        return;\n    }}\n{text[index:]}")
    assert session.judge(gamed, SEED).status is Status.PASSED
    assert session.audit(gamed, SEED).status.blames_candidate


def test_a_verdict_is_judged_once_for_a_seed(
    backend: Backend, settings: DecisionSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = backend.open("broadcast-1000")
    first = session.judge(session.start, SEED)
    shown = session.observe(Attempt(session.start, first), settings).text()

    def refused(*_: object) -> None:
        raise AssertionError("judged again")

    monkeypatch.setattr("kernelevo.evaluators.kernels.KernelEvaluator.evaluate", refused)
    again = backend.open("broadcast-1000")
    kept = again.judge(session.start, SEED)
    assert (kept.status, kept.score, kept.provenance) == (first.status, first.score, first.provenance)
    assert again.observe(Attempt(session.start, kept), settings).text() == shown
    with pytest.raises(AssertionError, match="judged again"):
        session.judge(session.start, SEED + 1)


def test_an_observation_tells_of_no_test(backend: Backend, settings: DecisionSettings) -> None:
    """The same text is observed alike whatever the tests are."""
    session = backend.open("stencil-1000")
    parent = started(session)
    shown = session.observe(parent, settings)
    other = KernelSession(
        replace(session._task, problem=session._task.audited), session._tools, backend.grammar, session._memo
    )
    assert other.observe(parent, settings).text() == shown.text()
    told = session.words()
    tests = {case.name for case in session._task.problem.tests} - {
        case.name for case in session._task.problem.benchmarks
    }
    assert tests and not [name for name in tests if name in told or name.replace(",", ", ") in told]


def test_words_of_the_grammar_are_those_that_there_are(backend: Backend) -> None:
    assert set(SYMPTOMS) == set(evidence.SYMPTOMS)
    assert len(set(words())) == len(words())
    assert len(set(backend.grammar.facts)) == len(backend.grammar.facts)


def test_shipped_kernels_are_sealed_and_open_as_they_are(backend: Backend) -> None:
    assert set(backend.tasks(Split.SEALED)) == {file.stem for file in (ROOT / "kernels").glob("*.cu")}
    session = backend.open("vector_add")
    assert session.start.text == (ROOT / "kernels" / "vector_add.cu").read_text(encoding="utf-8")
    assert "def reference" in session.words()


@pytest.mark.parametrize("split", [Split.REWARD, Split.GATE, Split.DEVELOPMENT])
def test_starts_of_generated_problems_pass_and_their_checks_tell_right_from_wrong(
    backend: Backend, split: Split
) -> None:
    for name in backend.tasks(split)[:2]:
        session = backend.open(name)
        assert started(session).verdict.status is Status.PASSED
        evaluator = session._tools.verifier(session._task, SEED)
        assert evaluator.self_test().separable, name


def _kernel_of(session: KernelSession) -> str:
    text = session.start.text
    return text[text.index("void ") + 5 : text.index("(", text.index("void "))]
