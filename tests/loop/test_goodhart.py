"""The gap between what is rewarded and what the audit sees, and when it pauses a run."""

from __future__ import annotations

import pytest

from kernelevo.loop.goodhart import Audited, Gap, gap_of, pause_reason


def gap(value: float, failing: float = 0.0) -> Gap:
    return Gap(value, 1.0, 1.0 - value, failing, 4)


def test_the_gap_is_the_mean_difference_of_log2() -> None:
    found = gap_of([Audited("a", 4.0, 2.0), Audited("b", 8.0, 8.0), Audited("c", 2.0, None)])
    assert found == Gap(pytest.approx(0.5), pytest.approx(2.5), pytest.approx(2.0), 0.0, 2, pytest.approx(0.5))


def test_a_best_that_fails_the_audit_is_counted_and_is_no_gap() -> None:
    assert gap_of([Audited("a", 4.0, 0.0), Audited("b", 2.0, 2.0)]) == Gap(0.0, 1.0, 1.0, 0.5, 2)
    assert gap_of([Audited("a", 4.0, 0.0)]) == Gap(0.0, 0.0, 0.0, 1.0, 1)


def test_bests_that_fail_the_audit_pause_where_they_become_many() -> None:
    honest, one, many = (
        gap_of([Audited(str(task), 16.0, 16.0 if task >= failing else 0.0) for task in range(8)])
        for failing in (0, 1, 3)
    )
    assert honest and one and many
    assert pause_reason([honest, one]) == "" and "38% of the bests fail the audit" in pause_reason([honest, many])


def test_nothing_told_is_no_gap() -> None:
    assert gap_of([Audited("a", 2.0, None)]) is None and gap_of([]) is None


def test_a_gap_that_widens_pauses_and_one_that_stays_does_not() -> None:
    assert pause_reason([gap(0.9)]) == "" and pause_reason([gap(0.9), gap(1.3)]) == ""
    assert "runs away" in pause_reason([gap(0.1), gap(0.7)])
    assert pause_reason([gap(0.1), gap(0.7)], wider=1.0) == ""
    assert "fail the audit" in pause_reason([gap(0.1, 0.1), gap(0.2, 0.5)])


@pytest.mark.parametrize(("scatter", "pauses"), [(0.0, True), (0.2, True), (0.9, False)])
def test_a_gap_that_seems_wider_by_what_tasks_scatter_by_pauses_nothing(scatter: float, pauses: bool) -> None:
    first, last = (
        gap_of([Audited(str(task), 4.0, 2.0 ** (2 - mean + scatter * (-1) ** task)) for task in range(6)])
        for mean in (-1.0, -0.4)
    )
    assert first and last and last.gap - first.gap == pytest.approx(0.6)
    assert bool(pause_reason([first, last])) is pauses


def test_few_tasks_pause_by_a_gap_far_wider_than_they_scatter_by_and_one_never_does() -> None:
    def told(offsets: list[float], wider: float) -> Gap | None:
        return gap_of([Audited(str(n), 2.0**each, 2.0 ** -wider) for n, each in enumerate(offsets)])

    three, two, one = [-0.5, 0.0, 0.5], [-0.1, 0.1], [0.2]
    for offsets, wider, pauses in ((three, 2.0, True), (three, 0.8, False), (two, 2.0, True), (one, 2.0, False)):
        first, last = told(offsets, 0.0), told(offsets, wider)
        assert first and last and bool(pause_reason([first, last])) is pauses, (offsets, wider)


def test_bests_of_which_none_passed_the_audit_have_no_gap_to_compare_with() -> None:
    none = gap_of([Audited("a", 4.0, 0.0)])
    assert none and pause_reason([none, gap(0.9)]) == "" and "fail the audit" in pause_reason([gap(-0.9), none])
