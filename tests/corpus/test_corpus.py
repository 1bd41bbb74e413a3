"""Every row of docs/corpus.md holds: the bound, the faults, agreement of the Watch modes, and the recorded counts."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from .case import Case, Check, Run
from .compiling import HERE, TARGETS, compiler_version, sources
from .executing import Row, complaints_in_another_order, execute
from .table import DOCUMENT, RESULTS, all_cases

CASES = all_cases()
ENTRY = re.compile(r'extern "C" __global__ void (?:__launch_bounds__\(\d+\) )?(\w+)\(')
SPOILT = [case for case in CASES if case.shape in ("64x500", "301")]


def _recorded() -> dict[str, Any]:
    return json.loads(RESULTS.read_text(encoding="utf-8"))


def _entry(case: Case, target: str) -> dict[str, Any]:
    key = (case.source, case.kernel, target, case.shape)
    (entry,) = [
        item for item in _recorded()["rows"] if (item["source"], item["kernel"], item["target"], item["shape"]) == key
    ]
    return entry


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_kernel_agrees_with_its_reference_in_every_mode(case: Case, target: str) -> None:
    row = execute(case, target)
    assert row.complaints == ()
    _assert_recorded(case, row)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_kernel_is_right_in_another_order_of_threads(case: Case, order: int) -> None:
    assert complaints_in_another_order(case, TARGETS[0], order) == []


def _assert_recorded(case: Case, row: Row) -> None:
    entry = _entry(case, row.target)
    assert list(row.faults) == entry["faults"]
    if _recorded()["compiler"] != compiler_version():
        pytest.skip(f"counts were recorded with {_recorded()['compiler']}; this is {compiler_version()}")
    assert dict(row.counts) == entry["counts"]


def test_every_kernel_of_every_file_has_two_rows_on_each_target() -> None:
    declared = {
        (source, kernel)
        for source in sources()
        for kernel in ENTRY.findall((HERE / f"{source}.cu").read_text(encoding="utf-8"))
    }
    rows = [(case.source, case.kernel) for case in CASES]
    assert {pair: min(rows.count(pair), 2) for pair in declared} == dict.fromkeys(set(rows), 2)
    assert len(CASES) * len(TARGETS) == len(_recorded()["rows"])


def test_names_of_rows_are_unique() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)


def test_the_document_is_that_of_the_recorded_results() -> None:
    shown = [line for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert len(shown) == len(_recorded()["rows"])
    for line, entry in zip(shown, _recorded()["rows"], strict=True):
        assert line.startswith(f"| `{entry['kernel']}` | {entry['target']} | {entry['shape']} |")
        assert str(entry.get("counts", {}).get("warp_instructions", "not yet")) in line


def test_every_file_says_what_it_exercises() -> None:
    assert [path.name for path in HERE.glob("*.cu") if not path.read_text(encoding="utf-8").startswith("// ")] == []


def _spoilt(run: Run) -> Run:
    """The same launch, but the reference of its first check is off by half its size and a bit."""
    first, *others = run.checks
    wrong = Check(first.index, first.expected * 1.5 + 1, first.bound, first.scale, first.view)
    return Run(**{**vars(run), "checks": [wrong, *others]})


@pytest.mark.parametrize("case", SPOILT, ids=lambda case: case.name)
def test_a_wrong_reference_is_noticed(case: Case) -> None:
    spoilt = Case(case.source, case.kernel, case.shape, case.against, lambda: _spoilt(case.prepare()))
    assert any("errs by" in complaint for complaint in execute(spoilt, TARGETS[0]).complaints)


def test_a_fault_that_does_not_come_is_noticed() -> None:
    case = CASES[0]
    faulty = Case(
        case.source, case.kernel, "", "", lambda: Run(**{**vars(case.prepare()), "fault": "trap", "checks": []})
    )
    assert any("faults []" in complaint for complaint in execute(faulty, TARGETS[0]).complaints)
