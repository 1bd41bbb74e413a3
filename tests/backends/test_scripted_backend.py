"""The scripted backend does what its tables are for: families differ, gains are delayed, the audit finds a gap."""

from __future__ import annotations

import pytest

from kernelevo.backends.scripted import ScriptedBackend, ScriptedSession
from kernelevo.decisions import Decision, DecisionSettings, read_decision
from kernelevo.errors import Infrastructure
from kernelevo.types import Attempt, Status

ALL = DecisionSettings(rules=dict.fromkeys(ScriptedBackend.grammar.rules, 0.0))


def after(session: ScriptedSession, *decisions: str) -> Attempt:
    attempt = Attempt(session.start, session.judge(session.start))
    for text in decisions:
        decision = read_decision(text)
        assert decision is not None
        candidate = session.apply(attempt, decision)
        assert candidate is not None, f"{text} is not legal"
        attempt = Attempt(candidate, session.judge(candidate))
    return attempt


def reward(session: ScriptedSession, *decisions: str) -> float | None:
    return session.reward(after(session, *decisions).verdict)


def test_what_helps_one_family_harms_another() -> None:
    backend = ScriptedBackend()
    assert reward(backend.open("wide-1"), "widen(copy) = 4") == pytest.approx(1.7, rel=0.1)
    assert reward(backend.open("narrow-1"), "widen(copy) = 4") == pytest.approx(0.7, rel=0.1)


def test_an_enabling_move_gains_nothing_alone_and_makes_the_best_one_legal() -> None:
    session = ScriptedBackend().open("chained-1")
    start = after(session)
    assert session.apply(start, Decision("fuse", "loop")) is None
    assert reward(session, "hoist(loop)") == pytest.approx(1.0)
    assert reward(session, "hoist(loop)", "fuse(loop)") == pytest.approx(2.5, rel=0.1)


def test_the_order_of_decisions_does_not_matter() -> None:
    session = ScriptedBackend().open("wide-1")
    one = after(session, "widen(copy) = 4", "tune(BLOCK) = 256").candidate
    other = after(session, "tune(BLOCK) = 256", "widen(copy) = 4").candidate
    assert one.id == other.id and one.moves != other.moves


def test_failures_are_zero_and_what_cannot_be_told_is_missing() -> None:
    session = ScriptedBackend(faults=True).open("wide-1")
    assert reward(session, "drop(check)") == 0.0
    assert reward(session, "stall(queue)") is None
    with pytest.raises(Infrastructure):
        after(session, "lose(worker)")


def test_only_the_audit_finds_what_was_cut() -> None:
    session = ScriptedBackend().open("wide-1")
    cut = after(session, "cut(margin)")
    assert session.reward(cut.verdict) == pytest.approx(1.8, rel=0.1)
    assert session.audit(cut.candidate).status is Status.WRONG


def test_noise_is_of_the_seed_and_spares_the_start() -> None:
    session = ScriptedBackend(noise=0.1).open("wide-1")
    candidate = after(session, "widen(copy) = 4").candidate
    times = {session.reward(session.judge(candidate, seed)) for seed in range(4)}
    assert len(times) == 4
    assert {session.reward(session.judge(session.start, seed)) for seed in range(4)} == {1.0}


def test_the_observation_tells_the_families_apart_and_not_what_helps() -> None:
    backend = ScriptedBackend()
    seen = {name: backend.open(name).observe(after(backend.open(name)), ALL) for name in ("wide-1", "narrow-1")}
    assert seen["wide-1"].words != seen["narrow-1"].words
    assert seen["wide-1"].options == seen["narrow-1"].options
