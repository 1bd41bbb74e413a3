"""Why a kernel is faster, in words: what decided, what moved it, the price, what decides now, how far the floor is."""

from __future__ import annotations

from kernelevo.answer import Answer, Floor
from kernelevo.diagnosis.bounds import bounds_us
from kernelevo.report_reasons import answer_reasons, why, why_faster
from kernelevo.types import Attempt, Candidate, CaseResult, Check, Figure, RunRecord, Status, StepReport, Verdict

DEVICE = "virtual:h100"
RUN = RunRecord("0abc", "optimize", "", DEVICE, "modelled", "softmax", {}, {}, {})
FLOOR = Floor(10.0, "at least 30,000 bytes at 3 GB/s")
SLOW = {"warps": 128, "chain_cycles_max": 4000, "warp_instructions": 100}
FAST = {"warps": 4096, "chain_cycles_max": 70, "warp_instructions": 300}


def case(time: float, counts: dict[str, int], *bounds: dict[str, float], name: str = "n=8") -> CaseResult:
    figure = Figure(time, "us", DEVICE, "modelled")
    steps = tuple(StepReport("f", counts, time=figure, details={"bounds_us": one} if one else {}) for one in bounds)
    return CaseResult(name, {"n": 8}, figure, counts, "", 0.5, steps)


def answer(start: CaseResult, best: CaseResult, same: bool = False) -> Answer:
    def attempt(text: str, result: CaseResult) -> Attempt:
        candidate = Candidate(text)
        checks = (Check("outputs", True, ""),)
        return Attempt(candidate, Verdict(candidate.id, DEVICE, Status.PASSED, "", result.time, (result,), checks))

    first = attempt("a", start)
    return Answer(RUN, first, first if same else attempt("b", best), True, 0.2, 9, {}, "", {"n=8": FLOOR})


def test_a_gain_is_explained_by_what_decided_before_and_what_decides_now() -> None:
    start = case(202.5, SLOW, {"latency": 200.0, "issue": 20.0})
    best = case(15.0, FAST, {"latency": 7.0, "issue": 12.5, "fp32": 3.0})
    first, price, now, floor = why_faster(start, best, 0.2, FLOOR)
    assert first.startswith("latency (one warp's chain") and "200 of 202.5 us; now it needs 7 us" in first
    assert "warps 128 -> 4,096; cycles of the longest warp 4,000 -> 70" in first
    assert price == "the price: warp instructions 100 -> 300"
    assert now == "the best is bound by instruction issue: 12.5 of 15 us; next is latency, 7 us"
    assert floor == "1.50 times the floor of 10 us (at least 30,000 bytes at 3 GB/s)"


def test_a_counter_that_did_not_move_and_a_price_that_was_not_paid_are_not_told() -> None:
    start = case(30.0, SLOW, {"issue": 20.0})
    sentences = why_faster(start, case(20.0, {**SLOW, "warp_instructions": 50}, {"issue": 10.0}), 0.2, None)
    assert "warp instructions 100 -> 50" in sentences[0]
    assert len(sentences) == 2 and not any("price" in each or "floor" in each for each in sentences)


def test_close_to_the_floor_it_is_said_that_nothing_is_left_to_gain() -> None:
    start = case(30.0, SLOW, {"issue": 20.0})
    near, far = (why_faster(start, case(time, FAST, {"issue": 9.0}), 0.2, FLOOR)[-1] for time in (11.9, 12.1))
    assert "nothing left to gain" in near and "nothing left to gain" not in far


def test_bounds_are_summed_over_the_launches_largest_first() -> None:
    found = bounds_us(case(15.0, SLOW, {"issue": 5.0, "latency": 6.0}, {"issue": 5.0}))
    assert list(found.items()) == [("issue", 10.0), ("latency", 6.0), ("launch", 4.0)]


def test_a_call_that_is_mostly_launching_says_so() -> None:
    assert why(case(6.0, FAST, {"issue": 0.5}, {"issue": 0.5}), None)[0] == (
        "it is bound by launch overhead: 5 of 6 us; next is instruction issue, 1 us"
    )


def test_a_device_that_gives_no_bounds_gets_no_words() -> None:
    silent = case(30.0, SLOW, {})
    assert why(silent, FLOOR) == [] and answer_reasons(answer(silent, silent)) == {}


def test_without_a_gain_the_start_is_explained() -> None:
    start = case(30.0, SLOW, {"issue": 20.0})
    sentences = answer_reasons(answer(start, start, same=True))["n=8"]
    assert sentences[0].startswith("it is bound by instruction issue") and "3.00 times the floor" in sentences[1]
