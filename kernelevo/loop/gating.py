"""Runs the gate: the present and the changed policy on the same tasks and seeds, which no lever has seen, with the same
budget each; again on more pairs while it cannot be told, up to the rule's looks.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kernelevo.learning import GateResult, GateVerdict, Spending
from kernelevo.loop.curves import curve, earliness
from kernelevo.loop.gate import GateRule, compare
from kernelevo.loop.generation import Tools, execute
from kernelevo.loop.plan import Plan
from kernelevo.loop.policy import Policy
from kernelevo.loop.record import GATE
from kernelevo.loop.seeds import drawn, seed_of
from kernelevo.loop.task_state import Phase, Share

PRESENT, CHANGED = "present", "changed"


@dataclass(frozen=True)
class Sides:
    """Opens the two policies; each is opened right before it acts, since they share a model."""

    present: Callable[[], Policy]
    changed: Callable[[], Policy]


def pairs_of_look(
    tasks: Sequence[str], family: Callable[[str], str], plan: Plan, seed: int, generation: int, look: int
) -> list[list[Share]]:
    """The pairs as lists in which no task is twice: drawn anew for every look, with fresh seeds."""
    lists: list[list[Share]] = []
    while (wanted := plan.pairs - sum(map(len, lists))) > 0:
        words = (generation, look, len(lists))
        names = drawn(tasks, wanted, seed_of(seed, "gate tasks", *words))
        lists.append(
            [Share(name, family(name), plan.per_pair, seed_of(seed, "gate", *words, name)) for name in names]
        )
    return lists


def run_gate(
    sides: Sides, looks: Callable[[int], list[list[Share]]], rule: GateRule, allowance: int, generation: int,
    tools: Tools, seed: int = 0, searches: int = 1,
) -> GateVerdict:  # fmt: skip
    """The verdict; every look is a note, the last of them marked as final. `allowance` is what further looks may use
    after the first, which the controller has asked the budget for. Each side searches each pair `searches` times; what
    it makes again, or the other side made, is not paid for again.
    """
    noted = {int(note["look"]): note for note in tools.record.notes(GATE) if note["generation"] == generation}
    before: list[float | None] = []
    after: list[float | None] = []
    for look in range(rule.looks):
        if look not in noted:
            lists = looks(look)
            name, stream = f"gate:{generation}:{look}", seed_of(seed, "gate replies", generation, look)
            old = _values(name, PRESENT, sides.present, lists, generation, tools, stream, searches)
            new = _values(name, CHANGED, sides.changed, lists, generation, tools, stream, searches)
            verdict = _unless_cut_short(compare([*before, *old], [*after, *new], rule, look), tools)
            cost = tools.record.charged(f"{name}:")
            allowance -= cost
            final = _is_final(verdict, look, rule, cost, allowance, tools)
            note = _note(verdict, generation, look, final, old, new, cost)
            tools.record.note(GATE, note)
            noted[look] = note
        else:
            allowance -= int(noted[look]["evaluations"])
        before += noted[look]["before"]
        after += noted[look]["after"]
        if noted[look]["final"]:
            return read_verdict(noted[look])
    raise AssertionError("the last look is final")


def _unless_cut_short(verdict: GateVerdict, tools: Tools) -> GateVerdict:
    """The changed side acts second: a budget that ends meanwhile takes from that side alone, and tells nothing."""
    if not tools.account.stopped:
        return verdict
    why = f"not every pair had its evaluations: {tools.account.stopped}"
    return dataclasses.replace(verdict, result=GateResult.UNDECIDED, reason=why)


def _values(
    name: str, side: str, opened: Callable[[], Policy], lists: Sequence[Sequence[Share]], generation: int,
    tools: Tools, stream: int, searches: int,
) -> list[float | None]:  # fmt: skip
    """How soon one side found what it found (curves.py), a value for each pair: the mean over its searches."""
    policy = opened()
    found: list[float | None] = []
    for place, shares in enumerate(lists):
        values: list[list[float | None]] = []
        for search in range(searches):
            more = (search,) if search else ()
            full = ":".join(map(str, (name, place, side, *more)))
            phase = Phase(full, generation, stream=seed_of(stream, place, *more))
            execute(phase, policy, shares, tools)
            rounds = tools.record.rounds(phase.name)
            bests = ([each.reward for each in curve(rounds, share.task)] for share in shares)
            values.append([earliness(each, share.evaluations - 1) for each, share in zip(bests, shares, strict=True)])
        found += [_mean(of_pair) for of_pair in zip(*values, strict=True)]
    return found


def _mean(values: Sequence[float | None]) -> float | None:
    """Missing data where one is missing: searches that were cut short are not those that went well."""
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if len(known) == len(values) else None


def _is_final(verdict: GateVerdict, look: int, rule: GateRule, cost: int, allowance: int, tools: Tools) -> bool:
    if verdict.result is not GateResult.UNDECIDED or tools.account.stopped or look + 1 == rule.looks:
        return True
    return cost > allowance or bool(tools.account.refusal(Spending(evaluations=cost)))


def _note(
    verdict: GateVerdict, generation: int, look: int, final: bool, before: Sequence[float | None],
    after: Sequence[float | None], evaluations: int,
) -> dict[str, Any]:  # fmt: skip
    plain = {name: _finite(value) for name, value in dataclasses.asdict(verdict).items()}
    short = final and verdict.result is GateResult.UNDECIDED
    reason = f"{verdict.reason}; it is not adopted" if short else verdict.reason
    return {
        **plain, "result": verdict.result.value, "reason": reason, "generation": generation, "look": look,
        "final": final, "before": list(before), "after": list(after), "evaluations": evaluations,
    }  # fmt: skip


def _finite(value: Any) -> Any:
    """JSON has no infinity: an interval without bounds has None."""
    return None if isinstance(value, float) and abs(value) == float("inf") else value


def read_verdict(note: Mapping[str, Any]) -> GateVerdict:
    names = [field.name for field in dataclasses.fields(GateVerdict)]
    infinite = {"low": -float("inf"), "high": float("inf"), "detectable": float("inf")}
    plain = {name: infinite[name] if note[name] is None else note[name] for name in names}
    return GateVerdict(**{**plain, "result": GateResult(note["result"])})
