"""Writes a finished generation as files beside the record: for people and other programs, and read by none of ours but
those that adopt a harness.

    harness/                 the harness that is kept: the best so far
    gen_N/harness/           the one that generation N acted with
    gen_N/policy.json        which policy acted: folders, hashes, why it is this one
    gen_N/trajectory.jsonl   every step: question, reply, what it made and what that was worth
    gen_N/metrics.json       results, counts, the audit's gap, what is left of the budget
    gen_N/decision.json      which lever was chosen, and the numbers that decided
    gen_N/gate.json          what the gate said of the change, and the change
    gen_N/improvement.md     the same in words
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kernelevo.loop.record import Record
from kernelevo.loop.summary import generation_summary, policy_of, trajectory


def export_generation(
    record: Record, folder: Path, generation: int, gain: str, more: Mapping[str, Any] | None = None
) -> None:
    """`gain` says in words what a reward of 2 is twice of ("times as fast"); `more` is what others measured of the
    generation, for metrics.json.
    """
    place = folder / f"gen_{generation}"
    place.mkdir(exist_ok=True)
    summary, policy = generation_summary(record, folder, generation), policy_of(record, generation)
    _write_json(place / "policy.json", policy)
    lines = [json.dumps(step, separators=(",", ":")) for step in trajectory(record, folder, generation)]
    (place / "trajectory.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    apart = ("decision", "gate", "changes")
    metrics = {name: value for name, value in summary.items() if name not in apart}
    _write_json(place / "metrics.json", {**metrics, **(more or {})})
    _write_json(place / "decision.json", summary["decision"])
    _write_json(place / "gate.json", gate_of(summary))
    (place / "improvement.md").write_text(improvement_words(summary, policy, gain), encoding="utf-8")
    _copy_harness(folder / policy["harness"], place / "harness")
    _copy_harness(folder / policy_of(record, generation + 1)["harness"], folder / "harness")


def gate_of(summary: Mapping[str, Any]) -> dict[str, Any] | None:
    """The verdict with the change that it was on (of two changes behind one gate, the harness's first)."""
    drafted = [change for change in summary["changes"] if change["drafted"]]
    if summary["gate"] is None or not drafted:
        return None
    named = {name: drafted[0][name] for name in ("lever", "before", "after", "reason", "patch")}
    verdict = {("why" if name == "reason" else name): value for name, value in summary["gate"].items()}
    return {**verdict, **named, "changes": drafted}


def improvement_words(summary: Mapping[str, Any], policy: Mapping[str, Any], gain: str) -> str:
    """The generation as a report for people."""
    best = summary["mean_log2_best"]
    found = "nothing passed" if best is None else f"{2**best:.2f} {gain} in the geometric mean"
    lines = [f"# Generation {summary['generation']}", "", f"Policy: {policy['version']['model']}, {policy['why']}.", ""]
    lines += [f"Found over {len(summary['tasks'])} tasks, against their starts: {found}.", ""]
    for task in summary["tasks"]:
        lines.append(f"- {task['task']}: {_times(task['best'], gain)}, {task['evaluations']} evaluations")
    if gap := summary["audit"]:
        lines += ["", f"Audit: gap to the reward {gap['gap']:.2f} in log2; {gap['failing']:.0%} of the bests fail it."]
    decision = summary["decision"]
    if decision:
        lines += ["", f"Decision: {', '.join(decision['levers']) or 'no lever'}: {decision['reason']}."]
        lines += [f"- {name}: {value}" for name, value in decision["numbers"].items()]
    for change in summary["changes"]:
        lines += ["", f"Change of {change['lever']}: {change['said']}."]
        lines += ["", "```diff", change["patch"].rstrip(), "```"] if change["patch"] else []
    if gate := summary["gate"]:
        lines += ["", f"Gate: {gate['result']}: {gate['reason']}."]
    return "\n".join(lines) + "\n"


def _times(best: float | None, gain: str) -> str:
    return "nothing passed" if best is None else f"{best:.2f} {gain}"


def _copy_harness(source: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)


def _write_json(file: Path, value: Any) -> None:
    file.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
