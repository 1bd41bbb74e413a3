"""The gap between what is rewarded and what the audit sees, and when it pauses a run."""

from __future__ import annotations

import pytest

from kernelevo.loop.goodhart import Audited, Gap, gap_of, pause_reason


def gap(value: float, failing: float = 0.0) -> Gap:
    return Gap(value, 1.0, 1.0 - value, failing, 4)


def test_the_gap_is_the_mean_difference_of_log2() -> None:
    found = gap_of([Audited("a", 4.0, 2.0), Audited("b", 8.0, 8.0), Audited("c", 2.0, None)])
    assert found == Gap(pytest.approx(0.5), pytest.approx(2.5), pytest.approx(2.0), 0.0, 2)


def test_a_best_that_fails_the_audit_is_worth_its_start() -> None:
    found = gap_of([Audited("a", 4.0, 0.0), Audited("b", 2.0, 2.0)])
    assert found is not None and found.gap == pytest.approx(1.0) and found.failing == 0.5


def test_nothing_told_is_no_gap() -> None:
    assert gap_of([Audited("a", 2.0, None)]) is None and gap_of([]) is None


def test_a_gap_that_widens_pauses_and_one_that_stays_does_not() -> None:
    assert pause_reason([gap(0.9)]) == "" and pause_reason([gap(0.9), gap(1.3)]) == ""
    assert "runs away" in pause_reason([gap(0.1), gap(0.7)])
    assert pause_reason([gap(0.1), gap(0.7)], wider=1.0) == ""
    assert "fail the audit" in pause_reason([gap(0.1, 0.1), gap(0.2, 0.5)])
