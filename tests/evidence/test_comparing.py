"""What a run of today says of a claim: figures of other devices and other ways of timing are never compared."""

from __future__ import annotations

import json
from typing import Any

import pytest
from evidence.made_bundle import DEVICE, sealed

from kernelevo.evidence import contents
from kernelevo.evidence.comparing import Outcome, compare_code, compare_replay, judge_claim
from kernelevo.evidence.documents import Claim, Judgement
from kernelevo.types import Figure

READ = contents.read(sealed())
BAND = 0.25


def us(value: float, device: str = DEVICE, how: Any = "modelled") -> Figure:
    return Figure(value, "us", device, how)


def claim(start: float | None, best: float) -> Claim:
    return READ.claim.model_copy(update={"start_us": start, "score_us": best, "kind": "faster" if start else "passes"})


@pytest.mark.parametrize(
    ("claimed", "here", "outcome"),
    [
        ((10.0, 2.0), (10.0, 2.0), Outcome.HOLDS),
        ((10.0, 2.0), (10.0, 1.0), Outcome.HOLDS),
        ((10.0, 2.0), (10.0, 2.4), Outcome.HOLDS),
        ((10.0, 2.0), (10.0, 2.6), Outcome.DOES_NOT_HOLD),
        ((10.0, 2.0), (10.0, 10.0), Outcome.DOES_NOT_HOLD),
        ((10.0, 7.0), (10.0, 8.5), Outcome.NOT_DISTINGUISHABLE),
        ((10.0, 9.5), (10.0, 9.7), Outcome.HOLDS),
        ((10.0, 9.5), (10.0, 14.0), Outcome.DOES_NOT_HOLD),
    ],
)
def test_a_gain_is_compared_within_the_band(
    claimed: tuple[float, float], here: tuple[float, float], outcome: Outcome
) -> None:
    found, words = judge_claim(claim(*claimed), us(here[1]), us(here[0]), BAND)
    assert found is outcome
    assert f"{here[0] / here[1]:.2f} times" in words


@pytest.mark.parametrize(
    ("here", "outcome"), [(2.0, Outcome.HOLDS), (2.4, Outcome.HOLDS), (2.6, Outcome.DOES_NOT_HOLD)]
)
def test_a_single_verdict_is_compared_by_its_time(here: float, outcome: Outcome) -> None:
    assert judge_claim(claim(None, 2.0), us(here), None, BAND)[0] is outcome


def test_figures_that_differ_are_told_with_digits_that_do() -> None:
    found, words = judge_claim(claim(None, 2.7771), us(2.7772), None, 0.0)
    assert found is Outcome.DOES_NOT_HOLD and "claimed 2.7771 us, here 2.7772 us" in words
    found, words = judge_claim(claim(10.0, 2.0), us(2.0001), us(10.0), 0.0)
    assert found is Outcome.DOES_NOT_HOLD and "claimed 5.0000 times, here 4.9998 times" in words
    assert "claimed 2.777 us, here 2.777 us" in judge_claim(claim(None, 2.777), us(2.777), None, 0.0)[1]
    assert "2.0000000000000004 us" in judge_claim(claim(None, 2.0), us(2.0000000000000004), None, BAND)[1]


@pytest.mark.parametrize(
    ("device", "how"), [("virtual:a100", "modelled"), (DEVICE, "measured"), ("cuda:0", "measured")]
)
def test_another_device_or_way_of_timing_is_told_and_never_compared(device: str, how: str) -> None:
    for start in (us(10.0, device, how), None):
        found, words = judge_claim(claim(10.0 if start else None, 2.0), us(2.0, device, how), start, BAND)
        assert found is Outcome.OTHER_DEVICE and found.exit_code == 4
        assert device in words and how in words and "claimed" not in words


def test_the_band_is_that_of_the_device_here_and_not_what_the_claim_says() -> None:
    generous = claim(10.0, 2.0).model_copy(update={"band": 9.0})
    assert judge_claim(generous, us(5.0), us(10.0), BAND)[0] is Outcome.DOES_NOT_HOLD


def test_exit_codes() -> None:
    codes = {outcome: outcome.exit_code for outcome in Outcome}
    assert codes == {
        Outcome.HOLDS: 0, Outcome.DOES_NOT_HOLD: 1, Outcome.NOT_DISTINGUISHABLE: 4, Outcome.OTHER_DEVICE: 4,
        Outcome.CANNOT_BE_TOLD: 4,
    }  # fmt: skip


def changed(change) -> Judgement:
    value = json.loads(READ.best.judgement.model_dump_json())
    change(value)
    return Judgement.model_validate_json(json.dumps(value))


DIFFERENCES = {
    "other PTX": lambda said: said["compiled"].update(ptx_sha256="0" * 64),
    "other inputs": lambda said: said["trials"][0]["inputs"].update(x="0" * 64),
    "outputs differ in 1 of 4": lambda said: said["trials"][1]["outputs"].update(y="0" * 64),
    "counts differ in case n=1000": lambda said: said["cases"][0]["counts"].update(l2=1),
    "times differ": lambda said: said.update(score_us=9.0),
    "other checks are made: 2 then, 1 now": lambda said: said["checks"].pop(),
    "what was not checked differ": lambda said: said.update(not_checked=[]),
    "what limits its cases differs": lambda said: said["cases"][0].update(limiter="luck"),
    "errors differ: 0.25 tolerances then in a trial": lambda said: said["trials"][0].update(error_ratio=0.0),
    "registers or memory": lambda said: said["compiled"]["kernels"][0].update(registers=8),
    "other machine code": lambda said: said["compiled"].update(cubin_sha256="0" * 64),
}


@pytest.mark.parametrize("words", DIFFERENCES)
def test_what_differs_in_a_replay_is_named_and_refused_if_no_version_explains_it(words: str) -> None:
    again = changed(DIFFERENCES[words])
    row = compare_replay("best", READ.best.judgement, again, {})
    assert row.state == "refused" and words in row.words
    excused = compare_replay("best", READ.best.judgement, again, {"nvrtc": ("13.0", "13.5")})
    assert excused.state == "not checked" and "nvrtc was 13.0 and is 13.5" in excused.words


def test_a_replay_that_is_the_same_holds_whatever_the_versions() -> None:
    for versions in ({}, {"python": ("3.11", "3.12")}):
        assert compare_replay("best", READ.best.judgement, READ.best.judgement, versions).state == "holds"


def test_an_error_whose_last_digits_differ_is_the_same_error() -> None:
    again = changed(lambda said: said["trials"][0].update(error_ratio=0.25 * (1 + 1e-6)))
    assert compare_replay("best", READ.best.judgement, again, {}).state == "holds"


def test_measured_times_need_not_come_again() -> None:
    said = READ.best.judgement.model_copy(update={"how": "measured"})
    assert compare_replay("best", said, said.model_copy(update={"score_us": 9.0}), {}).state == "not checked"


def recompiled(**changes: str) -> Judgement:
    return changed(lambda said: said["compiled"].update(changes))


def test_it_is_said_whether_the_same_ptx_comes_out() -> None:
    said = READ.best.judgement
    row = compare_code("best", said, said, {})
    assert row.state == "holds" and "same PTX" in row.words
    other = recompiled(ptx_sha256="0" * 64, compiler="nvrtc 13.6")
    assert compare_code("best", said, other, {}).state == "refused"
    row = compare_code("best", said, other, {"nvrtc": ("13.5", "13.6")})
    assert row.state == "not checked" and "nvrtc 13.6 makes other PTX of this text than nvrtc 13.5 did" in row.words
    row = compare_code("best", said, recompiled(arch="sm_80", ptx_sha256="0" * 64), {})
    assert row.state == "not checked" and "sm_80" in row.words
    assert compare_code("best", said, said.model_copy(update={"compiled": None}), {}).state == "not checked"
