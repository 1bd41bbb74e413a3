"""Runs one case in every Watch mode and makes its row: error, faults, counts; the modes must agree bit for bit.

The modes are counters (what a launch does by default), tracking of uninitialised values, the check of races (of which
there must be none, but where the case says why), and the cache model with the scoreboard; on the first target also
several threads and no quick paths, where the machine offers them.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kernelevo.virtual import Argument, Array, LaunchReport, Machine, Module

from .case import Blank, Case, Run, Values
from .compiling import TARGETS, compiled

MODES: dict[str, dict[str, int]] = {
    "counters": {},
    "tracking": {"track_uninitialised": True},
    "profile": {"caches": True, "scoreboard": True},
    "races": {"check_races": True, "max_faults": 100},
}
OFFERED = {"threads": 2, "plain": True}  # options of a launch that must change nothing
KEY_COUNTS = (
    "warp_instructions",
    "thread_instructions",
    "global_load_sectors",
    "global_store_sectors",
    "global_atomic_lanes",
    "shared_load_wavefronts",
    "shared_store_wavefronts",
    "local_sectors",
    "divergent_branches",
    "barriers",
)
PROFILE_COUNTS = ("l1_miss_sectors", "dram_read_sectors", "dram_write_sectors", "chain_cycles_max")
BUDGET = 10**7  # warp instructions: the largest case needs a tenth of it, and a case that waits for ever ends soon


@dataclass(frozen=True)
class Row:
    """What the table says of one case on one target; `faults` names the kind of the first one in each mode."""

    source: str
    kernel: str
    target: str
    shape: str
    against: str
    error: float
    bound: float
    faults: tuple[str, ...]
    complaints: tuple[str, ...]  # what is wrong, as sentences; empty if all is well
    counts: Mapping[str, int]


@dataclass(frozen=True)
class Seen:
    """One launch: its report and the content of each argument afterwards (None for a number)."""

    report: LaunchReport
    contents: tuple[Values | None, ...]


def execute(case: Case, target: str) -> Row:
    run = case.prepare()
    modes = MODES | (_offered() if target == TARGETS[0] else {})
    seen = {mode: launch_case(case, run, target, options) for mode, options in modes.items()}
    # A launch on several threads may answer that the order of blocks decides; its results then count for nothing.
    seen = {mode: one for mode, one in seen.items() if not getattr(one.report, "needs_one_thread", False)}
    first = seen["counters"]
    complaints = [sentence for mode, one in seen.items() for sentence in _complaints(mode, one, first, run)]
    faults = tuple(dict.fromkeys(f"{kind}" for one in seen.values() for kind in _kinds(one.report)[:1]))
    errors = [check.error(first.contents[check.index]) for check in run.checks] if not faults else []
    return Row(
        case.source,
        case.kernel,
        target,
        case.shape,
        case.against,
        max(errors, default=float("nan")),
        max((check.bound for check in run.checks), default=0.0),
        faults,
        tuple(complaints),
        _counts(first.report, seen["profile"].report),
    )


def complaints_in_another_order(case: Case, target: str, order: int) -> list[str]:
    """What is wrong with the case when blocks and warps run in the order of a seed: its results may differ from the
    usual ones by rounding, where atomics add up.
    """
    run = case.prepare()
    seen = launch_case(case, run, target, {"track_uninitialised": True, "order": order})
    kinds = [fault.kind for fault in seen.report.faults[:1]]
    if kinds != ([run.fault] if run.fault else []):
        return [f"faults {[(fault.kind, fault.instruction, fault.message) for fault in seen.report.faults]}"]
    errors = [(check, check.error(seen.contents[check.index])) for check in run.checks]
    return [f"argument {check.index} errs by {error:.3g}" for check, error in errors if not error <= check.bound]


def _offered() -> dict[str, dict[str, int]]:
    parameters = inspect.signature(Machine.launch).parameters
    return {name: {name: value} for name, value in OFFERED.items() if name in parameters}


def launch_case(case: Case, run: Run, target: str, options: Mapping[str, int]) -> Seen:
    with Machine(Module(compiled(case.source, target)), memory_bytes=1 << 28) as machine:
        arguments = [_on_device(machine, argument) for argument in run.arguments]
        report = machine.launch(
            case.kernel,
            grid=run.grid,
            block=run.block,
            args=arguments,
            budget=BUDGET,
            shared_bytes=run.shared_bytes,
            cooperative=run.cooperative,
            **options,
        )
        contents = tuple(item.numpy() if isinstance(item, Array) else None for item in arguments)
        return Seen(report, contents)


def _on_device(machine: Machine, argument: Values | Blank | int | float) -> Argument:
    if isinstance(argument, Blank):
        return machine.empty(argument.shape, argument.dtype)
    return machine.array(argument) if isinstance(argument, np.ndarray) else argument


def _complaints(mode: str, one: Seen, first: Seen, run: Run) -> list[str]:
    report = one.report
    expected = [run.fault] if run.fault else []
    if _kinds(report)[:1] != expected or _has_race(report) != (mode == "races" and run.race != ""):
        return [f"{mode}: faults {[(fault.kind, fault.instruction, fault.message) for fault in report.faults]}"]
    found = [f"{mode}: printed {report.printed!r}"] if report.printed != run.printed else []
    for check in run.checks:
        error = check.error(one.contents[check.index])
        if not error <= check.bound:
            found.append(f"{mode}: argument {check.index} errs by {error:.3g}, more than {check.bound:.3g}")
    if _bits(one) != _bits(first):
        found.append(f"{mode}: the results differ from those with counters alone")
    differing = [key for key, value in _plain_counts(report).items() if value != first.report.counts[key]]
    return found + [f"{mode}: count {key} differs from that with counters alone" for key in differing]


def _kinds(report: LaunchReport) -> list[str]:
    return [fault.kind for fault in report.faults if fault.kind != "race"]


def _has_race(report: LaunchReport) -> bool:
    return any(fault.kind == "race" for fault in report.faults)


def _bits(seen: Seen) -> list[bytes]:
    return [content.tobytes() for content in seen.contents if content is not None]


def _plain_counts(report: LaunchReport) -> dict[str, int]:
    """All counts that do not depend on the mode."""
    of_blocks = ("block_pipe_", "block_instructions_", "block_replays_", "block_issue_", "block_slots.")
    modelled = ("l1_", "l2_", "dram_", "chain_", *of_blocks)
    return {key: value for key, value in report.counts.items() if not key.startswith(modelled)}


def _counts(plain: LaunchReport, profile: LaunchReport) -> dict[str, int]:
    return {key: plain.counts[key] for key in KEY_COUNTS} | {key: profile.counts[key] for key in PROFILE_COUNTS}
