"""When events and the judge's clock agree: honest machines, noisy ones, and forged events of any size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernelevo.devices.measuring.agreement import LEAST_EMPTY, agreement
from kernelevo.measurement import TimedCall


def calls(rng: np.random.Generator, true: float, told: float, count: int, noise: float = 0.1) -> list[TimedCall]:
    """Calls that take `true` us, of which events tell `told`; waking up takes its time, and now and then very long."""
    waits = 60.0 * np.exp(rng.normal(0, noise, count)) + np.where(rng.random(count) < 0.05, 3000.0, 0.0)
    return [
        TimedCall("candidate", "n=1", order, told, min(told, true) + 3.0, true + float(wait))
        for order, wait in enumerate(waits)
    ]


def empty(rng: np.random.Generator, noise: float = 0.1, wait: float = 0.0) -> list[TimedCall]:
    return [replace(call, case="", outer_us=call.outer_us + wait) for call in calls(rng, 0.5, 0.5, 12, noise)]


@pytest.mark.parametrize("count", [6, 12, 60])
@pytest.mark.parametrize("noise", [0.05, 0.3])
def test_an_honest_machine_agrees(count: int, noise: float) -> None:
    """Hardly ever not, in as few as the six calls of a case: in 4000 sessions of a quiet and of a loud machine. On a
    loud one it is sometimes not told.
    """
    rng = np.random.default_rng(2)
    refused = untold = 0
    for _ in range(4000):
        true = float(rng.uniform(3.0, 300.0))
        told = agreement(calls(rng, true, true, count, noise=noise), empty(rng, noise), empty(rng, noise))
        refused += not told.agree and told.told
        untold += not told.told
    assert refused <= 8
    assert untold <= (12 if noise < 0.1 else 3000)


@given(st.integers(0, 1000), st.floats(100.0, 5000.0), st.floats(0.01, 0.6))
def test_events_that_leave_much_out_do_not(seed: int, true: float, share: float) -> None:
    rng = np.random.default_rng(seed)
    told = agreement(calls(rng, true, share * true, 30), empty(rng), empty(rng))
    assert not told.agree and "our clock" in told.words


def test_a_call_that_took_longer_than_we_waited_is_impossible() -> None:
    rng = np.random.default_rng(0)
    forged = [*calls(rng, 50.0, 50.0, 20), TimedCall("candidate", "n=1", 21, 500.0, 3.0, 100.0)]
    assert not agreement(forged, empty(rng), empty(rng)).agree


@pytest.mark.parametrize("told", [-1.0, 0.0, float("nan"), float("inf")])
def test_what_is_no_time_is_not_believed(told: float) -> None:
    rng = np.random.default_rng(0)
    assert not agreement(calls(rng, 50.0, told, 10), empty(rng), empty(rng)).agree


@given(st.integers(0, 1000), st.floats(500.0, 5000.0), st.floats(0.1, 0.6))
def test_who_makes_the_noise_that_would_hide_a_lie_is_not_believed(seed: int, true: float, share: float) -> None:
    """A process waits for random times, in empty calls too, once the candidate runs in it."""
    rng = np.random.default_rng(seed)

    def jittered(made: list[TimedCall]) -> list[TimedCall]:
        return [replace(call, outer_us=call.outer_us + float(rng.uniform(0, 3 * true))) for call in made]

    told = agreement(jittered(calls(rng, true, share * true, 30)), empty(rng), jittered(empty(rng)))
    assert not told.agree


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_who_waits_in_empty_calls_what_it_hides_in_others_is_not_believed(share: float) -> None:
    rng = np.random.default_rng(3)
    late = empty(rng, wait=1000.0 * (1 - share))
    told = agreement(calls(rng, 1000.0, share * 1000.0, 30), empty(rng), late)
    assert not told.agree and not told.told


def test_too_few_calls_are_no_agreement() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="too few"):
        agreement(calls(rng, 50.0, 50.0, 10), empty(rng), empty(rng)[: LEAST_EMPTY - 1])
    with pytest.raises(ValueError, match="too few"):
        agreement(calls(rng, 50.0, 50.0, 10), empty(rng)[: LEAST_EMPTY - 1], empty(rng))
