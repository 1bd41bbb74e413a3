"""The report as data: what `--json` prints, and what the tables show. Every time stands beside its device and how it
was got.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from kernelevo.answer import Answer, Floor, distinguishable
from kernelevo.diagnosis.bounds import bounds_us
from kernelevo.errors import BadInput
from kernelevo.report_counters import case_pairs, counters, microseconds
from kernelevo.report_measurements import measurements_json
from kernelevo.report_reasons import answer_reasons
from kernelevo.types import Attempt, CaseResult, Dim3, Fault, LineCounts, Party, Sanitizing, StepReport, Verdict

NO_FLOORS: Mapping[str, Floor] = MappingProxyType({})


def summary(answer: Answer, best_path: Path | None) -> dict[str, Any]:
    """The one object of `optimize --json`."""
    return {
        "run_id": answer.run.id,
        "task": answer.run.task,
        "device": answer.run.device,
        "how": answer.run.how,
        "calibration": answer.run.settings.get("calibration", ""),
        "baseline_us": microseconds(answer.start_time),
        "best_us": microseconds(answer.best_time),
        "speedup": answer.speedup,
        "distinguishable": distinguishable(answer.start_time, answer.best_time, answer.band),
        "band": answer.band,
        "improved": answer.improved,
        "evaluations": answer.evaluations,
        "statuses": dict(answer.statuses),
        "ended": answer.ended,
        "passed": answer.confirmed,
        "judged_anew": judged_anew(answer),
        "provisional": answer.start.verdict.provisional or answer.best.verdict.provisional,
        "checks": [check_json(check) for check in answer.best.verdict.checks],
        "moves": list(answer.best.candidate.moves),
        "best_path": None if best_path is None else str(best_path),
        "notes": list(answer.run.settings.get("notes", ())),
        "measurements": answer.best.verdict.measurements and measurements_json(answer.best.verdict.measurements),
        "cases": [_case_pair(answer, start, best) for start, best in case_pairs(answer)],
    }


def judged_anew(answer: Answer) -> dict[str, Any] | None:
    """What the best was when it was chosen, before the judgement that is reported; None where there was no other."""
    if answer.chosen is None and not answer.fallen:
        return None
    chosen = answer.chosen
    fallen = [
        {"candidate": each.candidate.id, "status": each.verdict.status.value, "moves": list(each.candidate.moves)}
        for each in answer.fallen
    ]
    return {
        "speedup_when_chosen": answer.speedup_when_chosen,
        "best_us_when_chosen": chosen and chosen.verdict.score and microseconds(chosen.verdict.score),
        "fallen": fallen,
    }


def failed_start(attempt: Attempt, run_id: str) -> dict[str, Any]:
    """The one object of `optimize --json` when the start itself did not pass."""
    return {"run_id": run_id, "passed": False, "best_path": None, "start": verdict_json(attempt.verdict)}


def verdict_json(verdict: Verdict, floors: Mapping[str, Floor] = NO_FLOORS) -> dict[str, Any]:
    """One verdict, for `check`, `profile` and `eval`."""
    score = verdict.score
    fault = verdict.fault
    return {
        "candidate": verdict.candidate,
        "device": verdict.device,
        "how": score and score.how,
        "status": verdict.status.value,
        "passed": score is not None,
        "provisional": verdict.provisional,
        "sentence": verdict.status.sentence,
        "feedback": verdict.feedback,
        "score_us": score and microseconds(score),
        "checks": [check_json(check) for check in verdict.checks],
        "cases": [_case_json(case, floors.get(case.name)) for case in verdict.cases],
        "fault": fault and finding_json(fault),
        "findings": [finding_json(finding) for finding in verdict.findings],
        "remarks": [finding_json(remark) for remark in verdict.remarks],
        "sanitizing": verdict.sanitizing and sanitizing_json(verdict.sanitizing),
        "diagnostics": [str(diagnostic) for diagnostic in verdict.diagnostics],
        "image": dict(verdict.image),
        "measurements": verdict.measurements and measurements_json(verdict.measurements),
        "seconds": verdict.seconds,
    }


def check_json(check: Any) -> dict[str, Any]:
    return {"name": check.name, "passed": check.passed, "detail": check.detail}


def finding_json(fault: Fault) -> dict[str, Any]:
    """A fault, finding or remark; `warp` and `lane` are null where the block's size is not known."""
    return {
        "kind": fault.kind, "message": fault.message, "kernel": fault.kernel, "function": fault.function,
        **_thread_json(fault, fault.block, fault.thread), "space": fault.space, "address": fault.address,
        "bytes": fault.bytes, "allocation": fault.allocation, "offset": fault.offset, "file": fault.source.file,
        "line": fault.source.line, "text": fault.text, "ptx_line": fault.ptx_line, "instruction": fault.instruction,
        "launch_line": fault.launched.line or None, "occurrences": fault.occurrences, "cases": list(fault.cases),
        "others": [_party_json(fault, other) for other in fault.others],
    }  # fmt: skip


def _party_json(fault: Fault, other: Party) -> dict[str, Any]:
    return {
        "access": other.access, "function": other.function, **_thread_json(fault, other.block, other.thread),
        "file": other.source.file, "line": other.source.line, "text": other.text, "ptx_line": other.ptx_line,
        "instruction": other.instruction,
    }  # fmt: skip


def _thread_json(fault: Fault, block: Dim3, thread: Dim3) -> dict[str, Any]:
    warp, lane = fault.warp_and_lane(thread) or (None, None)
    return {"block": block, "thread": thread, "warp": warp, "lane": lane}


def sanitizing_json(covered: Sanitizing) -> dict[str, Any]:
    """What a search for faults covered."""
    return {
        "cases": list(covered.cases), "runs": covered.runs, "orders": covered.orders,
        "looked_for": list(covered.looked_for), "not_checked": list(covered.not_checked),
        "left_out": covered.left_out, "seconds": covered.seconds,
    }  # fmt: skip


def step_json(step: StepReport) -> dict[str, Any]:
    return {
        "kernel": step.kernel,
        "time_us": step.time and microseconds(step.time),
        "limiter": step.limiter,
        "occupancy": step.occupancy,
        "details": dict(step.details),
        "counters": counters(step),
        "lines": [line_json(line) for line in step.lines],
    }


def line_json(line: LineCounts) -> dict[str, Any]:
    return {
        "file": line.source.file, "line": line.source.line, "ptx_line": line.ptx_line,
        "instruction": line.instruction, "warp_instructions": line.warp_instructions,
        "thread_instructions": line.thread_instructions, "requests": line.requests, "sectors": line.sectors,
        "wavefronts": line.wavefronts, "divergent": line.divergent,
        **({"kind": line.kind, "slots": line.slots} if line.kind else {}),
    }  # fmt: skip


def refuse_comparison(first: Answer, second: Answer) -> None:
    """Raises BadInput unless both runs are of one task, on one device, by one way of timing."""
    for what, one, other in (
        ("task", first.run.task, second.run.task),
        ("device", first.run.device, second.run.device),
        ("way of timing", first.run.how, second.run.how),
    ):
        if one != other:
            raise BadInput(
                f"run {first.run.id} and run {second.run.id} differ in {what} ({one}, {other}), and such times "
                "are never compared; choose two runs of the same"
            )


def _case_json(case: CaseResult, floor: Floor | None) -> dict[str, Any]:
    return {
        "name": case.name,
        "dims": dict(case.dims),
        "time_us": microseconds(case.time),
        "floor_us": floor and floor.us,
        "limiter": case.limiter,
        "bounds_us": bounds_us(case),
        "counters": counters(case),
        "max_error_ratio": case.max_error_ratio,
        "steps": [step_json(step) for step in case.steps],
    }


def _case_pair(answer: Answer, start: CaseResult, best: CaseResult) -> dict[str, Any]:
    floor = answer.floors.get(start.name)
    return {
        "name": start.name,
        "dims": dict(start.dims),
        "baseline_us": microseconds(start.time),
        "best_us": microseconds(best.time),
        "speedup": start.time.ratio(best.time),
        "distinguishable": distinguishable(start.time, best.time, answer.band),
        "limiter": {"start": start.limiter, "best": best.limiter},
        "counters": {"start": counters(start), "best": counters(best)},
        "bounds_us": {"start": bounds_us(start), "best": bounds_us(best)},
        "floor_us": floor and floor.us,
        "reasons": answer_reasons(answer).get(start.name, []),
    }


def answer_of(answer: Answer | None, name: str) -> Answer:
    """The answer; raises BadInput if the run has none."""
    if answer is None:
        raise BadInput(f"run {name} has no best kernel: its start did not pass; `kernelevo runs show {name}` says why")
    return answer


def compared(first: Answer, second: Answer) -> float:
    """Best time of the first run / best time of the second; raises BadInput unless such times may be compared."""
    refuse_comparison(first, second)
    return first.best_time.ratio(second.best_time)


def moved_between(first: Attempt, second: Attempt) -> dict[str, dict[str, tuple[int, int]]]:
    """Per case that both were timed on: the counters that differ, before and after."""
    later = {case.name: counters(case) for case in second.verdict.cases}
    found = {}
    for case in first.verdict.cases:
        before, after = counters(case), later.get(case.name, {})
        found[case.name] = {
            name: (before[name], after[name]) for name in before if name in after and before[name] != after[name]
        }
    return {name: moved for name, moved in found.items() if moved}
