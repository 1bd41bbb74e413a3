"""Two kernels of one problem side by side: times with the device's band, what moved, by which lines, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kernelevo.diagnosis.bounds import bounds_us
from kernelevo.diagnosis.diagnose import diagnose
from kernelevo.diagnosis.difference import LineChange, line_changes, most_changed
from kernelevo.diagnosis.finding import Finding
from kernelevo.diagnosis.subject import Profile
from kernelevo.errors import BadInput
from kernelevo.report_reasons import MEASURES, why_faster
from kernelevo.types import CaseResult, How

LINE_COUNTS = ("warp_instructions", "sectors", "wavefronts")
_FEEDS = {
    "warp_instructions": ("issue", "fp32", "fp64", "fp16", "integer", "wide_integer", "special", "matrix"),
    "sectors": ("L1 sectors", "L2 bandwidth", "DRAM bandwidth"),
    "wavefronts": ("shared memory",),
}
"""The bounds that a count of a line makes long."""
SHOWN_LINES = 15


@dataclass(frozen=True)
class CaseComparison:
    """One case that both were timed on. `gone` and `came` are findings of the one or the other alone, and `changes`
    every source line that was counted on a side.
    """

    before: CaseResult
    after: CaseResult
    band: float
    sentences: Sequence[str]
    gone: Sequence[Finding]
    came: Sequence[Finding]
    changes: Sequence[LineChange]

    @property
    def name(self) -> str:
        return self.before.name

    @property
    def ratio(self) -> float:
        """Time before / time after."""
        return self.before.time.ratio(self.after.time)

    @property
    def distinguishable(self) -> bool:
        return max(self.ratio, 1 / self.ratio) > 1 + self.band

    @property
    def verdict(self) -> str:
        """Which is faster, in words."""
        if not self.distinguishable:
            return f"not distinguishable: within the device's band of {self.band:.0%}"
        faster = self.ratio > 1
        return f"B is {self.ratio if faster else 1 / self.ratio:.2f} times as {'fast' if faster else 'slow'} as A"

    @property
    def how(self) -> How:
        return self.before.time.how

    @property
    def bounds(self) -> list[tuple[str, float, float]]:
        """Name, before, after, in us; the longest of either first."""
        old, new = bounds_us(self.before), bounds_us(self.after)
        names = sorted(old | new, key=lambda name: -max(old.get(name, 0.0), new.get(name, 0.0)))
        rows = [(name, old.get(name, 0.0), new.get(name, 0.0)) for name in names]
        return [row for row in rows if row[1] or row[2]]

    @property
    def counters(self) -> list[tuple[str, float, float]]:
        """Name, before, after, of what a person looks at first; zeros on both sides are left out."""
        rows = [(name, measure(self.before.counters), measure(self.after.counters)) for name, measure in _MEASURES]
        return [row for row in rows if row[1] or row[2]]

    @property
    def shown_changes(self) -> list[LineChange]:
        """The lines that moved most, most first."""
        return most_changed(self.changes, self._weights(), SHOWN_LINES)

    def _weights(self) -> dict[str, float]:
        """How much each count of a line matters: the longest share of a bound that it feeds, before or after."""
        sides = [bounds_us(self.before), bounds_us(self.after)]
        if not all(sides):
            return dict.fromkeys(LINE_COUNTS, 1.0)
        return {
            name: max(bounds.get(feeds, 0.0) / max(bounds.values()) for bounds in sides for feeds in _FEEDS[name])
            for name in LINE_COUNTS
        }


_MEASURES = (
    *MEASURES.items(),
    ("thread instructions", lambda counts: counts.get("thread_instructions", 0)),
    ("divergent branches", lambda counts: counts.get("divergent_branches", 0)),
    ("barriers", lambda counts: counts.get("barriers", 0)),
)


def compare(before: Profile, after: Profile) -> list[CaseComparison]:
    """Per case that both have; raises BadInput where their times must not be compared, or where no case is common."""
    one, other = before.verdict, after.verdict
    if (one.device, one.score and one.score.how) != (other.device, other.score and other.score.how):
        where = f"{before.file} ran on {one.device}, {after.file} on {other.device}"
        raise BadInput(f"{where}: such times are not compared; judge both on one device")
    found = [_compared(before, after, case, match) for case in one.cases if (match := after.case(case.name))]
    if not found:
        raise BadInput(f"{before.file} and {after.file} have no case in common; give both the same with --case")
    return found


def _compared(before: Profile, after: Profile, old: CaseResult, new: CaseResult) -> CaseComparison:
    findings = [_findings(profile, old.name) for profile in (before, after)]
    rules = [{finding.rule for finding in side} for side in findings]
    return CaseComparison(
        old, new, before.band, why_faster(old, new, before.band, before.floors.get(old.name), ("A", "B")),
        [finding for finding in findings[0] if finding.rule not in rules[1]],
        [finding for finding in findings[1] if finding.rule not in rules[0]],
        line_changes(before, after, old.name),
    )  # fmt: skip


def _findings(profile: Profile, case: str) -> list[Finding]:
    found = [finding for subject in profile.subjects[case] for finding in diagnose(subject)]
    return [finding for finding in found if finding.rule != "bound"]


def comparison_json(cases: Sequence[CaseComparison]) -> dict[str, Any]:
    """The comparison as data."""
    return {"cases": [_case_json(case) for case in cases]}


def _case_json(case: CaseComparison) -> dict[str, Any]:
    return {
        "name": case.name,
        "before_us": case.before.time.microseconds, "after_us": case.after.time.microseconds,
        "speedup": case.ratio, "band": case.band, "distinguishable": case.distinguishable, "verdict": case.verdict,
        "reasons": list(case.sentences),
        "gone": [finding.statement for finding in case.gone], "new": [finding.statement for finding in case.came],
        "bounds_us": _sides(case.bounds), "counters": _sides(case.counters),
        "lines": [_line_json(change) for change in case.changes],
    }  # fmt: skip


def _sides(rows: Sequence[tuple[str, float, float]]) -> Mapping[str, Mapping[str, float]]:
    return {name: {"before": old, "after": new} for name, old, new in rows}


def _line_json(change: LineChange) -> dict[str, Any]:
    counts = {name: dict(zip(("before", "after"), change.counts(name), strict=True)) for name in LINE_COUNTS}
    return {"kind": change.pair.kind, "before": change.pair.before, "after": change.pair.after,
            "text": change.text.strip(), **counts}  # fmt: skip
