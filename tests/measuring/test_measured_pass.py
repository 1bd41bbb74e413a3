"""The evaluator's pass on a card of our own making: noise, drift, forged clocks, hangs, lost cards, other users."""

from __future__ import annotations

from dataclasses import replace

import pytest
from bench import BUDGET, HONEST, rng, scale_problem
from world import QUIET, FakeCompiler, World, failure, lost, noisy

from kernelevo.defences import ALL, Defences
from kernelevo.errors import Infrastructure
from kernelevo.evaluators.kernels import KernelEvaluator
from kernelevo.measurement import Ceilings
from kernelevo.types import Candidate, Status, Verdict

PROBLEM = scale_problem(("n=3000", "n=2000"))


def judge(world: World, defences: Defences = ALL, mode: str = "final", start: Candidate | None = None) -> Verdict:
    evaluator = KernelEvaluator(PROBLEM, FakeCompiler(), world.device(), mode=mode, defences=defences, start=start)
    return evaluator.evaluate(Candidate(HONEST), BUDGET)


def detail(verdict: Verdict, check: str) -> str:
    return next(each.detail for each in verdict.checks if each.name == check)


def test_a_quiet_card_gives_medians_with_intervals_and_keeps_every_sample() -> None:
    verdict = judge(World(true_us=noisy(100.0)))
    assert verdict.status is Status.PASSED, verdict.feedback
    measured = verdict.measurements
    assert measured is not None and measured.watch == "a script"
    for case in measured.cases:
        assert 100.0 <= case.us.low <= case.us.value <= case.us.high < 101.0
        assert case.us.confidence >= 0.95 and case.us.relative_width <= 0.01
    assert verdict.score is not None and verdict.score.how == "measured" and 100 <= verdict.score.value < 101
    timed = [call for call in measured.samples if call.case in ("n=3000", "n=2000")]
    assert len(timed) >= sum(case.us.samples for case in measured.cases)
    assert all(call.state == QUIET and call.outer_us > call.event_us for call in measured.samples)
    assert [call.order for call in measured.samples] == sorted({call.order for call in measured.samples})


def timed_before_last_test(defences: Defences) -> int:
    verdict = judge(World(), defences, mode="search")
    assert verdict.measurements is not None
    names, tests = [call.case for call in verdict.measurements.samples], {case.name for case in PROBLEM.tests}
    assert set(names) == {case.name for case in (*PROBLEM.tests, *PROBLEM.benchmarks)}
    last = max(place for place, name in enumerate(names) if name in tests)
    return sum(name not in tests for name in names[:last])


def test_tests_and_timed_calls_are_one_random_sequence() -> None:
    """4 tests and 12 timed calls: that every test comes first happens once in 1820, and so hardly three times."""
    assert any(timed_before_last_test(ALL) for _ in range(3))
    assert not any(timed_before_last_test(ALL.without("mixed_calls")) for _ in range(3))


def test_noise_makes_more_calls_and_too_much_of_it_is_inconclusive() -> None:
    quiet, loud = judge(World(true_us=noisy(100.0))), judge(World(true_us=noisy(100.0, 0.03)))
    assert quiet.measurements is not None and loud.measurements is not None
    assert loud.measurements.cases[0].us.samples > quiet.measurements.cases[0].us.samples
    wild = judge(World(true_us=noisy(100.0, 1.5)), mode="search")
    assert wild.status is Status.INCONCLUSIVE and "noise" in wild.feedback


def test_a_card_that_drifts_is_inconclusive() -> None:
    verdict = judge(World(true_us=lambda text, n, order: 100.0 * (1 + 0.01 * order)))
    assert verdict.status is Status.INCONCLUSIVE and "drifted by +" in verdict.feedback
    assert not verdict.status.blames_candidate


def test_a_start_beside_cancels_drift_and_tells_how_many_times_as_fast() -> None:
    def drifting(text: str, n: int, order: int) -> float:
        return (100.0 if "candidate" in text else 250.0) * (1 + 0.0002 * order)

    world = World(true_us=drifting)
    evaluator = KernelEvaluator(
        PROBLEM, FakeCompiler(), world.device(), mode="final", start=Candidate(HONEST + "// the start")
    )
    verdict = evaluator.evaluate(Candidate(HONEST + "// the candidate"), BUDGET)
    assert verdict.status is Status.PASSED, verdict.feedback
    assert verdict.measurements is not None
    for case in verdict.measurements.cases:
        assert case.ratio is not None and case.ratio.low <= 2.5 * 1.0001 and case.ratio.high >= 2.5 * 0.9999
        assert case.ratio.relative_width < 0.002 and case.ratio.samples >= 6
    assert {call.side for call in verdict.measurements.samples} == {"candidate", "start"}


def test_events_that_tell_a_tenth_are_not_believed_twice() -> None:
    world = World(told_us=lambda true, session: 0.1 * true)
    verdict = judge(world)
    assert verdict.status is Status.CLOCKS_DISAGREE and verdict.score is None
    assert world.sessions == 2 and "twice, in fresh processes" in verdict.feedback
    undefended = judge(World(told_us=lambda true, session: 0.1 * true), ALL.without("clocks_agree"))
    assert undefended.score is not None and undefended.score.value == pytest.approx(10.0)


def test_work_that_is_hidden_from_some_calls_only_does_not_help() -> None:
    """Hidden in fewer than half of the calls it moves neither median, though it may make the interval a wide one."""
    for _ in range(5):
        world = World()
        world.told_us = lambda true, session, world=world: 0.1 * true if world.calls % 3 == 0 else true
        verdict = judge(world)
        assert verdict.status in (Status.PASSED, Status.INCONCLUSIVE, Status.CLOCKS_DISAGREE)
        assert verdict.score is None or verdict.score.value == pytest.approx(100.0)


def test_being_fast_in_fewer_than_half_of_the_calls_moves_no_ratio_either() -> None:
    """But a call in most of the blocks: half of the gain was in the ratio, and no median moved."""
    random, said = rng(3), []

    def sometimes(text: str, n: int, order: int) -> float:
        return 10.0 if "candidate" in text and random.random() < 0.33 else 100.0 + float(random.uniform(0, 0.2))

    for _ in range(8):
        evaluator = KernelEvaluator(
            PROBLEM, FakeCompiler(), World(true_us=sometimes).device(), mode="final", start=Candidate(HONEST + "// s")
        )
        verdict = evaluator.evaluate(Candidate(HONEST + "// the candidate"), BUDGET)
        assert verdict.status in (Status.PASSED, Status.INCONCLUSIVE)
        said += verdict.measurements.cases if verdict.measurements and verdict.status is Status.PASSED else ()
    assert all(case.ratio is not None and case.ratio.value < 1.02 for case in said)


def test_a_card_that_was_throttled_most_of_the_time_is_inconclusive() -> None:
    hot = replace(QUIET, throttled=("power cap",))
    verdict = judge(World(states=tuple(hot if call % 10 < 7 else QUIET for call in range(400))))
    assert verdict.status is Status.INCONCLUSIVE and "power cap" in verdict.feedback


def test_events_longer_than_our_wait_are_not_believed_either() -> None:
    assert judge(World(told_us=lambda true, session: 300.0)).status is Status.CLOCKS_DISAGREE


def test_a_hiccup_of_the_clock_is_tried_again() -> None:
    world = World(told_us=lambda true, session: 0.2 * true if session == 1 else true)
    verdict = judge(world)
    assert verdict.status is Status.PASSED and world.sessions == 2


def test_a_time_below_the_floor_is_impossible() -> None:
    """12,000 bytes in, nothing of them in L2, at 100 bytes per microsecond: 120 us, and 100 are told."""
    ceilings = Ceilings(100.0, 0, {}, "a test's table")
    verdict = judge(World(ceilings=ceilings))
    assert verdict.status is Status.IMPOSSIBLE and "a test's table" in verdict.feedback
    assert judge(World(ceilings=ceilings), ALL.without("physics_floor")).status is Status.PASSED
    assert judge(World(ceilings=replace(ceilings, dram_bytes_per_us=1000.0))).status is Status.PASSED


def test_a_hang_is_a_timeout_once_the_card_has_proved_well() -> None:
    world = World(disturb=lambda world, order: failure("timeout") if order == 7 else None)
    verdict = judge(world)
    assert verdict.status is Status.TIMEOUT and "a test's timeout" in verdict.feedback
    assert world.opened[-1] == "probe"


def test_a_sticky_error_is_the_candidates_where_the_card_is_well() -> None:
    world = World(disturb=lambda world, order: failure("illegal_address") if order == 3 else None)
    verdict = judge(world)
    assert verdict.status is Status.TRAPPED and verdict.fault is not None
    assert verdict.fault.kind == "illegal_address" and world.opened[-1] == "probe"


def test_a_fault_on_a_card_names_no_thread_and_a_lost_process_no_kernel() -> None:
    """The card tells neither, and zeros would be a claim."""
    trapped = judge(World(disturb=lambda world, order: failure("trap") if order == 3 else None))
    assert "trap in scale: a test's trap" in trapped.feedback and "thread" not in trapped.feedback
    gone = judge(World(disturb=lost(5, 6)))
    assert ": lost: its process was lost twice" in gone.feedback and "thread" not in gone.feedback


def test_the_same_error_on_a_card_that_is_not_well_is_ours() -> None:
    world = World(disturb=lambda world, order: failure("illegal_address") if order == 3 else None, probe_works=False)
    with pytest.raises(Infrastructure, match="fallen off the bus"):
        judge(world)
    assert world.opened.count("probe") == 2 and world.now >= 2.0


def test_a_card_that_recovers_is_nobodys_fault_and_ours() -> None:
    def disturb(world: World, order: int):
        world.probe_works = False
        world.sleep = lambda seconds: setattr(world, "probe_works", True)  # type: ignore[method-assign]
        return failure("illegal_address") if order == 3 else None

    world = World(disturb=disturb)
    world.sleep = lambda seconds: setattr(world, "probe_works", True)  # type: ignore[method-assign]
    with pytest.raises(Infrastructure, match="nobody can say whose fault"):
        judge(world)


def test_a_process_that_dies_once_is_started_again() -> None:
    world = World(disturb=lost(5))
    verdict = judge(world)
    assert verdict.status is Status.PASSED, verdict.feedback
    assert [program == "probe" for program in world.opened] == [False, True, False]


def test_a_program_that_kills_its_process_twice_has_done_it() -> None:
    verdict = judge(World(disturb=lost(5, 6)))
    assert verdict.status is Status.TRAPPED and "lost twice" in verdict.feedback


def test_a_card_that_others_use_is_inconclusive() -> None:
    shared = replace(QUIET, others=(4711,))
    verdict = judge(World(states=(shared,)))
    assert verdict.status is Status.INCONCLUSIVE and "4711" in verdict.feedback


def test_our_own_process_under_another_id_is_no_other() -> None:
    """In a container the card tells ids of the machine outside: the one that appears with our process is ours."""
    alone = judge(World(states=(QUIET, replace(QUIET, others=(99,)))))
    assert alone.status is Status.PASSED, alone.feedback
    beside = (replace(QUIET, others=(4711,)), replace(QUIET, others=(99, 4711)))
    shared = judge(World(states=beside))
    assert shared.status is Status.INCONCLUSIVE and "(4711)" in shared.feedback
    two = judge(World(states=(QUIET, replace(QUIET, others=(98, 99)))))
    assert two.status is Status.INCONCLUSIVE and "(98, 99)" in two.feedback


def test_samples_of_a_throttled_card_are_left_out_and_counted() -> None:
    hot = replace(QUIET, throttled=("thermal slowdown by hardware",))
    states = tuple(hot if call % 5 == 0 else QUIET for call in range(1000))
    verdict = judge(World(states=states))
    assert verdict.status is Status.PASSED, verdict.feedback
    assert verdict.measurements is not None and sum(case.left_out for case in verdict.measurements.cases) > 0
    assert "thermal slowdown by hardware" in detail(verdict, "card")


def test_memory_errors_are_inconclusive() -> None:
    # Before and after the process is started, and with the first call.
    verdict = judge(World(states=(QUIET, QUIET, QUIET, replace(QUIET, ecc_errors=3))))
    assert verdict.status is Status.INCONCLUSIVE and "ECC" in verdict.feedback
    # A card that had errors before is none that makes new ones.
    assert judge(World(states=(replace(QUIET, ecc_errors=3),))).status is Status.PASSED
