"""Each planted bug is found, at its line; its fixed twin is clean, whatever the order of its threads."""

from __future__ import annotations

import pytest

from sanitizer.planted_kernel import PlantedKernel, planted_kernels

ORDERS = (1, 2, 3)
MORE_ORDERS = tuple(range(1, 9))
PLANTED = planted_kernels()
RACES = [planted for planted in PLANTED if planted.fault == "race"]
OUTPUTS = [planted for planted in PLANTED if planted.fault == "uninitialised_output"]
FAULTS = [planted for planted in PLANTED if planted not in RACES and planted not in OUTPUTS]


def each(kernels: list[PlantedKernel]) -> pytest.MarkDecorator:
    assert kernels, "no planted kernels were found; see tests/sanitizer/planted"
    return pytest.mark.parametrize("planted", kernels, ids=lambda planted: planted.name)


def assert_names_the_bug(planted: PlantedKernel) -> None:
    faults = planted.run(fixed=False).report.faults
    assert [fault.kind for fault in faults[:1]] == [planted.fault], faults
    assert faults[0].source.file.endswith(planted.path.name)
    assert faults[0].source.line in planted.bug_lines, faults[0]


@each(FAULTS)
def test_the_bug_is_found_at_its_line(planted: PlantedKernel) -> None:
    assert len(planted.bug_lines) == 1
    assert_names_the_bug(planted)


@each(OUTPUTS)
def test_output_that_was_never_computed_is_found(planted: PlantedKernel) -> None:
    run = planted.run(fixed=False)
    assert not run.report.faults
    assert run.uninitialised[planted.shown_by] >= 0
    assert planted.run(fixed=True).uninitialised[planted.shown_by] == -1


@each(RACES)
@pytest.mark.xfail(raises=AssertionError, strict=True, reason="the virtual GPU has no race detector")
def test_the_race_is_found_at_its_line(planted: PlantedKernel) -> None:
    assert_names_the_bug(planted)


@each([planted for planted in RACES if planted.order_shows])
def test_the_order_of_threads_shows_it(planted: PlantedKernel) -> None:
    usual = planted.run(fixed=False).contents
    assert any(planted.run(fixed=False, order=order).contents != usual for order in MORE_ORDERS)


@each(PLANTED)
def test_the_fixed_twin_is_clean(planted: PlantedKernel) -> None:
    usual = planted.run(fixed=True)
    assert not usual.report.faults
    assert usual.report.counts["warp_instructions"] > 0
    for order in ORDERS:
        other = planted.run(fixed=True, order=order)
        assert not other.report.faults
        assert other.contents == usual.contents


@each(PLANTED)
def test_each_file_says_where_its_bug_is(planted: PlantedKernel) -> None:
    assert planted.path.read_text(encoding="utf-8").startswith("// ")
    assert planted.bug_lines
