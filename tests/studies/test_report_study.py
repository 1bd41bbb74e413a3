"""What is said of a comparison: no more than its interval, and the seeds behind it, allow."""

from __future__ import annotations

import pytest

from kernelevo.report_study import comparison


@pytest.mark.parametrize(
    ("low", "high", "seeds", "tasks", "words"),
    [
        (0.1, 0.4, 3, 3, ": ahead"), (-0.4, -0.1, 5, 8, ": behind"), (-0.1, 0.4, 5, 8, "cannot be told apart"),
        (0.1, 0.4, 2, 8, "no claim"), (0.1, 0.4, 5, 2, "no claim"),
    ],
)  # fmt: skip
def test_ahead_is_said_only_with_an_interval_and_enough_behind_it(
    low: float, high: float, seeds: int, tasks: int, words: str
) -> None:
    each = {"counting": "equal_total", "arm": "both", "against": "base", "mean": 0.2, "low": low, "high": high}
    said = comparison({**each, "seeds": seeds, "tasks": tasks})
    assert words in said and said.startswith("both against base, equal cost: 1.149 (")
