"""Runs every behaviour file of tests/virtual/ptx (format: ptx_file.py); the set of files must cover both polarities."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from ptx_file import DEFAULT_BUDGET, ArrayArg, PtxFile, Run, numbers, read, text_value, words_of_fault

from kernelevo.types import Fault
from kernelevo.virtual import Array, LaunchReport, Machine, Module

FILES = [read(path) for path in sorted((Path(__file__).parent / "ptx").glob("*.ptx"))]
RUNS = [
    pytest.param(file, run, id=f"{file.path.stem}-{number}-{run.options['kernel']}")
    for file in FILES
    for number, run in enumerate(file.runs, 1)
]
# https://docs.nvidia.com/compute-sanitizer/ lists these classes; the names are vgpu::FaultKind.
FAULT_KINDS = {
    "out_of_bounds",
    "misaligned",
    "uninitialised_address",
    "uninitialised_branch",
    "write_to_constant",
    "divergent_barrier",
    "absent_lane",
    "trap",
    "stack_overflow",
    "invalid_launch",
    "unsupported",
    "budget",
}


@pytest.mark.parametrize(("file", "run"), RUNS)
def test_file_behaves_as_its_head_says(file: PtxFile, run: Run) -> None:
    with Machine(Module(file.text), memory_bytes=1 << 24) as machine:
        arrays = {arg.name: _make(machine, arg) for arg in run.arguments if isinstance(arg, ArrayArg)}
        report = _launch(machine, run, arrays)
        if run.fault:
            _check_fault(file, run.fault, report)
        else:
            assert report.faults == ()
        for expectation in run.expectations:
            _check(expectation, arrays, report)


@pytest.mark.parametrize(("file", "run"), RUNS)
def test_a_file_has_races_where_it_says_so(file: PtxFile, run: Run) -> None:
    with Machine(Module(file.text), memory_bytes=1 << 24) as machine:
        arrays = {arg.name: _make(machine, arg) for arg in run.arguments if isinstance(arg, ArrayArg)}
        report = _launch(machine, run, arrays, races=True)
        assert any(fault.kind in ("race", "missing_wait") for fault in report.faults) == run.has_races, report.faults


def test_every_kind_of_fault_is_provoked_and_its_file_has_a_clean_run_too() -> None:
    provoked = {words_of_fault(run.fault)[0] for file in FILES for run in file.runs if run.fault}
    assert provoked == FAULT_KINDS
    for file in FILES:
        assert not all(run.fault for run in file.runs), f"{file.path.name} has no run without a fault"


def _make(machine: Machine, arg: ArrayArg) -> Array:
    if arg.values is None:
        return machine.empty(arg.length, arg.dtype, name=arg.name, skew=arg.skew)
    return machine.array(arg.values, name=arg.name, skew=arg.skew)


def _launch(machine: Machine, run: Run, arrays: dict[str, Array], *, races: bool = False) -> LaunchReport:
    options = run.options
    return machine.launch(
        options["kernel"],
        grid=_triple(options["grid"]),
        block=_triple(options["block"]),
        args=[arrays[arg.name] if isinstance(arg, ArrayArg) else arg for arg in run.arguments],
        shared_bytes=int(options.get("shared", 0)),
        budget=int(options.get("budget", DEFAULT_BUDGET)),
        track_uninitialised="track" in options and not races,
        check_races=races,
        max_faults=20 if races else 1,
        cooperative="cooperative" in options,
    )


def _check_fault(file: PtxFile, expected: str, report: LaunchReport) -> None:
    kind, fields = words_of_fault(expected)
    assert [fault.kind for fault in report.faults] == [kind], report.faults
    fault = report.faults[0]
    assert fault.message.strip()
    if mark := fields.pop("at", None):
        assert fault.ptx_line == file.line_of(mark), fault
        assert file.text.splitlines()[fault.ptx_line - 1].strip().startswith(_opcode(fault)), fault
    assert fields.pop("says", "") in fault.message
    assert fault.instruction.startswith(fields.pop("instruction", ""))
    for name, value in fields.items():
        assert _as_text(getattr(fault, name)) == value, fault


def _opcode(fault: Fault) -> str:
    return fault.instruction.split()[0].rstrip(";")


def _as_text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _check(expectation: str, arrays: dict[str, Array], report: LaunchReport) -> None:
    subject, _, value = expectation.partition(" = ")
    if subject == "clean" or subject.startswith(("fault ", "races ")):
        return
    if subject.startswith("count "):
        assert report.counts[subject.removeprefix("count ")] == int(value)
    elif subject == "printed":
        assert report.printed == text_value(value)
    else:
        _check_array(subject, value, arrays)


def _check_array(subject: str, value: str, arrays: dict[str, Array]) -> None:
    match = re.fullmatch(r"(\w+)(?:\[(\d+):(\d+)\])?( sorted)?", subject)
    assert match, f"cannot read the expectation for {subject}"
    array = arrays[match[1]]
    got = array.numpy()
    if match[2]:
        got = got[int(match[2]) : int(match[3])]
    np.testing.assert_array_equal(np.sort(got) if match[4] else got, numbers(value, array.dtype))


def _triple(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split(","))
