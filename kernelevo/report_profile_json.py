"""A profile as data: what `profile --json` prints. A verdict as `check --json` has it, with more of each step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from kernelevo.diagnosis.diagnose import diagnose
from kernelevo.diagnosis.finding import Finding
from kernelevo.diagnosis.lines import LineTotals
from kernelevo.diagnosis.residency import lifts, residency
from kernelevo.diagnosis.roofline import roofline
from kernelevo.diagnosis.subject import Profile, Subject
from kernelevo.diagnosis.traffic import access_rows, traffic
from kernelevo.diagnosis.work import flop, instruction_mix, lanes
from kernelevo.report import verdict_json


def profile_json(profile: Profile) -> dict[str, Any]:
    """The verdict; each step has what the diagnosis says of it, and every count the device gave."""
    shown = verdict_json(profile.verdict, profile.floors)
    for case in shown["cases"]:
        subjects = profile.subjects[case["name"]]
        case["steps"] = [
            {**step, **subject_json(subject)} for step, subject in zip(case["steps"], subjects, strict=True)
        ]
    return {**shown, "file": profile.file, "band": profile.band, "made": dict(profile.made)}


def subject_json(subject: Subject) -> dict[str, Any]:
    """What is said of one launch. What is not known is null or left out."""
    held = residency(subject)
    return {
        "name": subject.name,
        "counts": dict(subject.counts),
        "diagnosis": [finding_json(finding) for finding in diagnose(subject)],
        "instructions": {"by_class": instruction_mix(subject.counts), "lanes": lanes(subject.counts),
                         "flop": flop(subject.step.lines)},
        "accesses": [{**asdict(row), "per_request": row.per_request} for row in access_rows(subject.counts)],
        "traffic": asdict(traffic(subject.counts)),
        "resources": subject.resources and asdict(subject.resources),
        "residency": held and {**asdict(held), "limiter": held.limiter, "lifts": list(map(asdict, lifts(subject)))},
        "roofline": _roofline_json(subject),
        "source_lines": _lines_json(subject.by_line),
        "spills": _spills_json(subject),
    }  # fmt: skip


def finding_json(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule, "what": finding.statement, "advice": finding.advice, "lines": list(finding.lines),
        "evidence": dict(finding.evidence), "weight": finding.weight,
    }  # fmt: skip


def _roofline_json(subject: Subject) -> dict[str, Any] | None:
    roof = roofline(subject)
    if roof is None:
        return None
    return {
        "unit": roof.unit, "work": roof.work, "us": roof.us, "attained_per_us": roof.attained,
        "fraction": roof.fraction, "roofs_per_us": roof.roofs,
        "points": [{"level": point.level, "bytes": point.moved_bytes, "intensity": point.intensity}
                   for point in roof.points],
    }  # fmt: skip


def _spills_json(subject: Subject) -> dict[str, Any] | None:
    """What belongs to no source line, but is charged to the launch."""
    line, took = subject.spilled, subject.resources
    return line and {"bytes_of_a_thread": took.spill_bytes if took else None, "sectors": line.sectors}


def _lines_json(lines: Sequence[LineTotals]) -> list[dict[str, Any]]:
    """Sums by source line; the instructions themselves are in the step's `lines`."""
    return [
        {name: value for name, value in vars(line).items() if name != "ptx"}
        | {"lanes": line.lanes, "sectors_per_request": line.sectors_per_request,
           "wavefronts_per_request": line.wavefronts_per_request}
        for line in lines
    ]  # fmt: skip
