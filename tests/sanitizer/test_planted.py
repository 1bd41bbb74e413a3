"""Each planted bug is found, at its line; its fixed twin is clean, whatever the order of its threads.

What the virtual GPU is known to miss, or to accuse wrongly, is a strict xfail with the reason that the file gives.
"""

from __future__ import annotations

import pytest

from sanitizer.planted_kernel import PlantedKernel, planted_kernels

ORDERS = (1, 2, 3)
MORE_ORDERS = tuple(range(1, 9))
SEVERAL_PLACES = ("race", "missing_wait", "divergent_barrier")
PLANTED = planted_kernels()
RACES = [planted for planted in PLANTED if planted.fault in ("race", "missing_wait")]
OUTPUTS = [planted for planted in PLANTED if planted.fault == "uninitialised_output"]
FAULTS = [planted for planted in PLANTED if planted not in RACES and planted not in OUTPUTS]
KINDS = {
    "out_of_bounds", "misaligned", "uninitialised_address", "uninitialised_branch", "write_to_constant",
    "divergent_barrier", "absent_lane", "trap", "stack_overflow", "budget", "uninitialised_output", "race",
    "missing_wait",
}  # fmt: skip


def each(kernels: list[PlantedKernel], gap: str = "") -> pytest.MarkDecorator:
    """One test for each kernel; `gap` names the field that says why the test is known to fail."""
    assert kernels, "no planted kernels were found; see tests/sanitizer/planted"
    return pytest.mark.parametrize("planted", [_case(planted, gap) for planted in kernels])


def _case(planted: PlantedKernel, gap: str) -> object:
    reason = getattr(planted, gap) if gap else ""
    marks = [pytest.mark.xfail(raises=AssertionError, strict=True, reason=reason)] if reason else []
    return pytest.param(planted, id=planted.name, marks=marks)


def assert_names_the_bug(planted: PlantedKernel, *, races: bool = False, order: int = 0) -> None:
    faults = planted.run(fixed=False, races=races, order=order).report.faults
    assert [fault.kind for fault in faults[:1]] == [planted.fault], faults
    assert faults[0].source.file.endswith(planted.path.name)
    assert faults[0].source.line in planted.bug_lines, faults[0]


@each(FAULTS, gap="missed")
def test_the_bug_is_found_at_its_line(planted: PlantedKernel) -> None:
    assert_names_the_bug(planted)


@each(OUTPUTS, gap="missed")
def test_output_that_was_never_computed_is_found(planted: PlantedKernel) -> None:
    run = planted.run(fixed=False)
    assert not run.report.faults
    assert run.uninitialised[planted.shown_by] >= 0


@each(OUTPUTS, gap="false")
def test_output_of_the_fixed_twin_is_computed(planted: PlantedKernel) -> None:
    assert planted.run(fixed=True).uninitialised[planted.shown_by] == -1


@each(RACES, gap="missed")
def test_the_race_is_found_at_its_line(planted: PlantedKernel) -> None:
    assert_names_the_bug(planted, races=True)


@each(RACES, gap="missed")
def test_the_race_is_found_in_every_order(planted: PlantedKernel) -> None:
    for order in ORDERS:
        assert_names_the_bug(planted, races=True, order=order)


@each(RACES, gap="missed")
def test_the_other_party_is_at_a_marked_line(planted: PlantedKernel) -> None:
    fault = planted.run(fixed=False, races=True).report.faults[0]
    (other,) = fault.others
    assert other.source.file.endswith(planted.path.name)
    assert planted.fault == "missing_wait" or other.source.line in planted.bug_lines
    assert (other.block, other.thread, other.ptx_line) != (fault.block, fault.thread, fault.ptx_line)


@each(PLANTED)
def test_the_fixed_twin_has_no_race(planted: PlantedKernel) -> None:
    for order in (0, *ORDERS):
        report = planted.run(fixed=True, races=True, order=order, max_faults=10).report
        assert not report.faults
        assert not report.remarks


@each([planted for planted in RACES if planted.order_shows])
def test_the_order_of_threads_shows_it(planted: PlantedKernel) -> None:
    usual = planted.run(fixed=False).contents
    assert any(planted.run(fixed=False, order=order).contents != usual for order in MORE_ORDERS)


@each([planted for planted in PLANTED if planted not in OUTPUTS], gap="false")
def test_the_fixed_twin_is_clean(planted: PlantedKernel) -> None:
    assert_clean_in_every_order(planted)


@each(OUTPUTS)
def test_the_fixed_twin_ends_without_a_fault(planted: PlantedKernel) -> None:
    assert_clean_in_every_order(planted)


def assert_clean_in_every_order(planted: PlantedKernel) -> None:
    usual = planted.run(fixed=True)
    assert not usual.report.faults
    assert usual.report.counts["warp_instructions"] > 0
    for order in ORDERS:
        other = planted.run(fixed=True, order=order)
        assert not other.report.faults
        assert other.contents == usual.contents


@each(PLANTED)
def test_each_file_says_what_is_wrong_and_where(planted: PlantedKernel) -> None:
    lines = planted.path.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("// ") and lines[0].endswith(".")
    assert planted.bug_lines
    assert len(planted.bug_lines) == 1 or planted.fault in SEVERAL_PLACES


@each(PLANTED)
def test_the_twins_are_different_programs(planted: PlantedKernel) -> None:
    assert planted.ptx(fixed=True) != planted.ptx(fixed=False)


def test_every_kind_of_fault_is_planted() -> None:
    """All of vgpu::FaultKind but for those that are no bug in a kernel's text: invalid_launch and unsupported."""
    assert {planted.fault for planted in PLANTED} == KINDS
    assert all(planted.path.parent.name == planted.fault for planted in PLANTED)
