"""The diagnosis of a launch: every rule asked, what matters first."""

from __future__ import annotations

from dataclasses import replace

from kernelevo.diagnosis import memory_rules, schedule_rules, work_rules
from kernelevo.diagnosis.finding import Finding, Rule
from kernelevo.diagnosis.subject import Subject

LEAST_WEIGHT = 0.03
"""Share of the time below which nothing is said."""

RULES: tuple[Rule, ...] = (
    schedule_rules.bound,
    schedule_rules.launch_overhead,
    schedule_rules.idle_sms,
    schedule_rules.few_warps,
    schedule_rules.long_chain,
    schedule_rules.limited_occupancy,
    schedule_rules.tail,
    schedule_rules.partial_warps,
    schedule_rules.small_tile,
    schedule_rules.divergence,
    schedule_rules.barriers,
    memory_rules.uncoalesced,
    memory_rules.misaligned,
    memory_rules.bank_conflicts,
    memory_rules.scalar_accesses,
    memory_rules.spills,
    memory_rules.local_arrays,
    memory_rules.atomics,
    memory_rules.refetched,
    memory_rules.excess_dram,
    memory_rules.at_the_roof,
    work_rules.issue_bound,
    work_rules.exact_functions,
    work_rules.accidental_doubles,
    work_rules.index_arithmetic,
    work_rules.shared_bound,
    work_rules.special_functions,
    work_rules.at_the_peak,
)


_OF_ALL_TIME = ("bound", "launch_overhead")


def _of_the_time(subject: Subject, finding: Finding) -> Finding:
    """Weighted by the whole time: most rules weigh by what is left of it without launching."""
    if finding.rule in _OF_ALL_TIME:
        return finding
    return replace(finding, weight=finding.weight * subject.kernel_share)


def diagnose(subject: Subject) -> list[Finding]:
    """What bounds the launch, then what rules find, the weightiest first."""
    found = [_of_the_time(subject, finding) for rule in RULES for finding in rule(subject)]
    found = [finding for finding in found if finding.weight >= LEAST_WEIGHT]
    return sorted(found, key=lambda finding: (finding.rule != "bound", -finding.weight, finding.rule, finding.lines))
