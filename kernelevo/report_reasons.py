"""Why a kernel takes the time it takes, in words: which resource decides, which counters moved it, how far the floor.

A device that models time says of each launch how long every resource alone would need (`details["bounds_us"]`); the
largest one decides. A device that measures says nothing of the kind, and then there are no words here, only counters.
Sums are over the launches of a case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from kernelevo.answer import Answer, Floor
from kernelevo.diagnosis.bounds import bounds_us, explained, next_after, resource
from kernelevo.report_counters import case_pairs, microseconds
from kernelevo.types import CaseResult, Verdict

Counts = Mapping[str, int]
GREW = 1.25
"""A counter that grew by this factor is named as the price of a gain."""


def _sum(*names: str) -> Callable[[Counts], float]:
    return lambda counts: sum(counts.get(name, 0) for name in names)


def sectors_per_request(counts: Counts) -> float:
    """Of global loads and stores; 4 is what 32 neighbouring 4-byte words need, 32 is one sector a lane."""
    requests = counts.get("global_load_requests", 0) + counts.get("global_store_requests", 0)
    return (counts.get("global_load_sectors", 0) + counts.get("global_store_sectors", 0)) / requests if requests else 0


MEASURES: Mapping[str, Callable[[Counts], float]] = {
    "warps": _sum("warps"),
    "cycles of the longest warp": _sum("chain_cycles_max"),
    "sectors per global request": sectors_per_request,
    "global sectors": _sum("global_load_sectors", "global_store_sectors", "global_atomic_sectors"),
    "local sectors (spills)": _sum("local_sectors"),
    "L2 sectors": _sum("l2_read_sectors", "l2_write_sectors"),
    "DRAM sectors": _sum("dram_read_sectors", "dram_write_sectors"),
    "shared wavefronts": _sum("shared_load_wavefronts", "shared_store_wavefronts", "shared_atomic_wavefronts"),
    "replays of constant loads": _sum("constant_replays"),
    "warp instructions": _sum("warp_instructions"),
    "updates of the hottest address": _sum("global_atomic_hottest"),
}
_FEEDS: Mapping[str, tuple[str, ...]] = {
    "latency": ("warps", "cycles of the longest warp"),
    "issue": ("warp instructions",),
    "L1 sectors": ("sectors per global request", "global sectors", "local sectors (spills)"),
    "L2 bandwidth": ("L2 sectors", "sectors per global request"),
    "DRAM bandwidth": ("DRAM sectors",),
    "shared memory": ("shared wavefronts",),
    "constant cache": ("replays of constant loads",),
    "atomics": ("updates of the hottest address",),
}
"""What makes a bound as long as it is; of an arithmetic unit, its instructions."""


def sample_labels(verdict: Verdict) -> list[str]:
    """What a person must know first of times that rest on a sample of blocks."""
    return [f"SAMPLED: {check.detail}" for check in verdict.checks if check.name == "sampled blocks"]


def oracle_labels(verdict: Verdict) -> list[str]:
    """What must be said of a verdict whose expected outputs come from a kernel: its mistakes count as right."""
    return [f"mind: {check.detail}" for check in verdict.checks if check.name == "oracle"]


def profile_labels(*verdicts: Verdict) -> list[str]:
    """What a person must know first of a profile, or of a comparison of several; nothing twice."""
    said = [label for verdict in verdicts for label in [*sample_labels(verdict), *oracle_labels(verdict)]]
    return list(dict.fromkeys(said))


def answer_reasons(answer: Answer) -> dict[str, list[str]]:
    """Sentences per case; a case is left out if nothing can be said of it."""
    found = {}
    for start, best in case_pairs(answer):
        floor = answer.floors.get(start.name)
        faster = answer.improved
        found[start.name] = why_faster(start, best, answer.band, floor) if faster else why(best, floor, answer.band)
    return {name: sentences for name, sentences in found.items() if sentences}


def why(case: CaseResult, floor: Floor | None, band: float = 0.0) -> list[str]:
    """What decides the time of one kernel, what comes next, and how far the floor is."""
    bounds = bounds_us(case)
    if not bounds:
        return []
    return [_decides("it", case, bounds), *to_the_floor(case, floor, band)]


def why_faster(
    start: CaseResult,
    best: CaseResult,
    band: float,
    floor: Floor | None,
    names: tuple[str, str] = ("the start", "the best"),
) -> list[str]:
    """What decided the start's time, what moved, what it cost, and what decides now; `names` are those of both."""
    before, after = bounds_us(start), bounds_us(best)
    if not before or not after:
        return []
    decided = next(iter(before))
    moved = "; ".join(_moved(name, start, best) for name in _FEEDS.get(decided, ()) if _differs(name, start, best))
    sentences = [
        f"{explained(decided)} decided {names[0]}: {before[decided]:.4g} of {microseconds(start.time):.4g} us; "
        f"now it needs {after.get(decided, 0.0):.4g} us" + (f" ({moved})" if moved else "")
    ]
    if price := _price(start, best, _FEEDS.get(decided, ())):
        sentences.append(f"the price: {price}")
    return [*sentences, _decides(names[1], best, after, decided), *to_the_floor(best, floor, band)]


def _decides(what: str, case: CaseResult, bounds: Mapping[str, float], told: str = "") -> str:
    first, longest = next(iter(bounds.items()))
    later = next_after(first, bounds)
    name = resource(first) if first == told else explained(first)
    sentence = f"{what} is bound by {name}: {longest:.4g} of {microseconds(case.time):.4g} us"
    return sentence + (f"; next is {resource(later[0])}, {later[1]:.4g} us" if later else "")


def to_the_floor(case: CaseResult, floor: Floor | None, band: float = 0.0) -> list[str]:
    """How many times the floor a case takes, and whether a band of the device leaves anything to gain."""
    if floor is None:
        return []
    times = microseconds(case.time) / floor.us
    left = ", within the band: the model shows nothing left to gain" if band and times <= 1 + band else ""
    return [f"{times:.2f} times the floor of {floor.us:.4g} us ({floor.reason}){left}"]


def _price(start: CaseResult, best: CaseResult, told: Sequence[str]) -> str:
    names = ("warp instructions", "global sectors", "DRAM sectors", "shared wavefronts", "local sectors (spills)")
    grown = [name for name in names if name not in told and _grew(MEASURES[name], start, best)]
    return "; ".join(_moved(name, start, best) for name in grown)


def _grew(measure: Callable[[Counts], float], start: CaseResult, best: CaseResult) -> bool:
    return measure(best.counters) > GREW * measure(start.counters)


def _differs(name: str, start: CaseResult, best: CaseResult) -> bool:
    return MEASURES[name](start.counters) != MEASURES[name](best.counters)


def _moved(name: str, start: CaseResult, best: CaseResult) -> str:
    return f"{name} {_number(MEASURES[name](start.counters))} -> {_number(MEASURES[name](best.counters))}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"
