"""What a verdict is worth: a number only where something was found out."""

from __future__ import annotations

import pytest

from kernelevo.reward import Reward, reward_of
from kernelevo.types import Check, Figure, Status, Verdict


def verdict(status: Status, us: float = 0.0, device: str = "virtual:test") -> Verdict:
    score = Figure(us, "us", device, "modelled") if status is Status.PASSED else None
    checks = (Check("outputs", True, "1"),) if score else ()
    return Verdict("id", device, status, "words", score, checks=checks)


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.PASSED])
def test_blame_is_zero_and_everything_else_is_missing(status: Status) -> None:
    reward = reward_of(verdict(status), verdict(Status.PASSED, 10))
    assert (reward.value, reward.mask) == ((0.0, True) if status.blames_candidate else (None, False))
    assert status.sentence in reward.why


@pytest.mark.parametrize("status", list(Status))
def test_what_the_device_cannot_execute_is_worth_zero_where_a_trainer_says_so_and_nothing_else_changes(status) -> None:
    own, start = verdict(status, 4), verdict(Status.PASSED, 10)
    masked, zero = reward_of(own, start), reward_of(own, start, "zero")
    if status is Status.UNSUPPORTED:
        assert (masked.value, masked.mask, zero.value, zero.mask) == (None, False, 0.0, True)
        assert "--unsupported zero" in zero.why
    else:
        assert zero == masked


def test_a_pass_is_worth_its_speedup_over_the_start() -> None:
    reward = reward_of(verdict(Status.PASSED, 4), verdict(Status.PASSED, 10))
    assert (reward.value, reward.mask, reward.how) == (2.5, True, "modelled")


def test_times_of_two_devices_are_never_compared() -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        reward_of(verdict(Status.PASSED, 4), verdict(Status.PASSED, 10, "virtual:other"))


@pytest.mark.parametrize(("value", "mask"), [(None, True), (0.0, False)])
def test_a_masked_value_cannot_be_built(value: float | None, mask: bool) -> None:
    with pytest.raises(ValueError, match="missing data"):
        Reward(value, mask, "")
