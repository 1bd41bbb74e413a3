"""Does a run of today come to what a bundle says? Pure functions from judgements to rows and an outcome.

A replay draws the same inputs again, so that on a device that is exact everything must come out the same: code, inputs,
outputs, counts, times. A new run draws others, and answers whether the claim holds here, within the device's band.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from enum import StrEnum

from kernelevo.answer import compared_words, distinguishable
from kernelevo.counting import counted
from kernelevo.evidence.documents import Claim, Judgement, Trial
from kernelevo.evidence.rows import Row, holds, refused, unchecked
from kernelevo.types import Figure

Versions = Mapping[str, tuple[str, str]]
"""Those that differ, as they were and as they are here."""


class Outcome(StrEnum):
    """What became of a claim here."""

    HOLDS = "holds"
    DOES_NOT_HOLD = "does not hold"
    NOT_DISTINGUISHABLE = "not distinguishable"
    OTHER_DEVICE = "other device"
    CANNOT_BE_TOLD = "cannot be told here"

    @property
    def exit_code(self) -> int:
        return {Outcome.HOLDS: 0, Outcome.DOES_NOT_HOLD: 1}.get(self, 4)


def compare_code(part: str, said: Judgement, again: Judgement, versions: Versions) -> Row:
    """The row of what was compiled: recompiling checks the text and the compiler, and only the same PTX makes a run of
    today one of the very code that is claimed.
    """
    was, now = said.compiled, again.compiled
    if was is None or now is None:
        return unchecked(part, "what it was compiled to was not recorded")
    if was.arch != now.arch:
        return unchecked(part, f"compiled for {now.arch} here, and for {was.arch} then")
    if was.ptx_sha256 == now.ptx_sha256:
        return holds(part, f"{now.compiler} makes the same PTX of this text, byte for byte, so that this code ran")
    what = f"{now.compiler} makes other PTX of this text than {was.compiler} did, so that what is claimed did not run"
    return _excused(part, what, versions)


def compare_replay(part: str, said: Judgement, again: Judgement, versions: Versions) -> Row:
    """The row of a run on the recorded seed."""
    if said.how == "measured" or said.measured is not None:
        return unchecked(part, f"passed again on seed {said.seed}; how many calls are drawn depends on a card's noise")
    differing = list(_differing(said, again))
    if not differing:
        return holds(part, f"run again on seed {said.seed}: code, inputs, outputs, counts and times are the same")
    return _excused(part, f"run again on seed {said.seed}: {'; '.join(differing)}", versions)


def _excused(part: str, what: str, versions: Versions) -> Row:
    """Refused, unless other versions may be why."""
    if versions:
        told = ", ".join(f"{name} was {was} and is {now}" for name, (was, now) in sorted(versions.items()))
        return unchecked(part, f"{what}. Versions differ, which may be why: {told}")
    return refused(part, f"{what}. All versions are the same, so that it should not")


def _differing(said: Judgement, again: Judgement) -> Iterator[str]:
    ptx, now = (each.compiled and each.compiled.ptx_sha256 for each in (said, again))
    if ptx and ptx != now:
        yield "the compiler made other PTX"
    yield from _trials(said, again)
    counts = [one.name for one, other in zip(said.cases, again.cases, strict=False) if one.counts != other.counts]
    if counts or len(said.cases) != len(again.cases):
        yield f"counts differ in case {counts[0] if counts else 'list'}"
    if not counts and said.score_us != again.score_us:
        yield f"times differ: {said.score_us:.6g} us then, {again.score_us:.6g} us now"
    yield from _words_and_errors(said, again)


def _words_and_errors(said: Judgement, again: Judgement) -> Iterator[str]:
    """What a reader is told of the checks; a judgement may say nothing of its compiled code, but nothing else."""
    if [check.name for check in said.checks] != [check.name for check in again.checks]:
        yield f"other checks are made: {len(said.checks)} then, {len(again.checks)} now"
    if (said.remarks, said.not_checked) != (again.remarks, again.not_checked):
        yield "its remarks or what was not checked differ"
    if [(case.name, case.limiter) for case in said.cases] != [(case.name, case.limiter) for case in again.cases]:
        yield "what limits its cases differs"
    pairs = zip(said.trials, again.trials, strict=False)
    if other := next((one for one, two in pairs if not _near(one.error_ratio, two.error_ratio)), None):
        yield f"errors differ: {other.error_ratio:.3g} tolerances then in a trial of case {other.case}"
    if said.compiled is not None and again.compiled is not None and said.compiled.kernels != again.compiled.kernels:
        yield "registers or memory of its kernels differ"
    cubin, now = (each.compiled and each.compiled.cubin_sha256 for each in (said, again))
    if cubin and cubin != now:
        yield "the compiler made other machine code"


def _near(one: float, other: float) -> bool:
    """Whether two errors in tolerances may be of the same outputs: references are worked out by NumPy, whose last bits
    depend on the processor.
    """
    return math.isclose(one, other, rel_tol=0.5, abs_tol=0.05)


def _trials(said: Judgement, again: Judgement) -> Iterator[str]:
    if [_drawn(trial) for trial in said.trials] != [_drawn(trial) for trial in again.trials]:
        yield "other inputs were drawn"
    elif words := _outputs(said, again):
        yield words


def _drawn(trial: Trial) -> tuple[object, ...]:
    return trial.case, trial.index, trial.timed, trial.offset, trial.inputs


def _outputs(said: Judgement, again: Judgement) -> str:
    pairs = list(zip(said.trials, again.trials, strict=False))
    other = [one.case for one, two in pairs if one.outputs != two.outputs]
    trials = counted(len(pairs), "trial")
    return f"outputs differ in {len(other)} of {trials}, the first of case {other[0]}" if other else ""


def judge_claim(claim: Claim, best: Figure, start: Figure | None, band: float) -> tuple[Outcome, str]:
    """Whether the claim holds by figures of fresh runs here, both passed, and why in words. `band` is that of the
    device here, not what the claim says of itself.
    """
    if (best.device, best.how) != (claim.device, claim.how):
        return Outcome.OTHER_DEVICE, _elsewhere(claim, best, start, band)
    if start is None or claim.start_us is None:
        return _passing(claim, best, band)
    then = Figure(claim.start_us, "us", claim.device, claim.how), Figure(claim.score_us, "us", claim.device, claim.how)
    ratio, claimed = start.ratio(best), then[0].ratio(then[1])
    told = _apart(claimed, ratio, "{:.2f}", "{:.4f}")
    words = f"claimed {told[0]} times, here {told[1]} times ({_bounds(ratio, band)})"
    claims_gain = distinguishable(*then, band)
    if not distinguishable(start, best, band):
        if not claims_gain:
            return Outcome.HOLDS, f"{words}: not distinguishable from the start, as it says"
        if ratio * (1 + band) >= claimed:
            return Outcome.NOT_DISTINGUISHABLE, f"{words}: within the band nobody can say which is faster"
    if ratio * (1 + band) < claimed:
        return Outcome.DOES_NOT_HOLD, f"{words}: less by more than the band of {band:.0%}"
    return Outcome.HOLDS, f"{words}, band {band:.0%}"


def _passing(claim: Claim, best: Figure, band: float) -> tuple[Outcome, str]:
    claimed = Figure(claim.score_us, "us", claim.device, claim.how)
    told = _apart(claim.score_us, best.value, "{:.4g}", "{:.6g}")
    words = f"passed; claimed {told[0]} us, here {told[1]} us"
    if best.ratio(claimed) > 1 + band:
        return Outcome.DOES_NOT_HOLD, f"{words}: slower by more than the band of {band:.0%}"
    return Outcome.HOLDS, f"{words}, band {band:.0%}"


def _elsewhere(claim: Claim, best: Figure, start: Figure | None, band: float) -> str:
    """Times of another device, or of another way of timing, are told and never compared."""
    here = f"it passes, at {best}"
    if start is not None:
        here = f"it is {compared_words(start, best, band, 'the start')}: {best}"
    return f"the claim is of {claim.device} ({claim.how}), and nothing is compared with it; here {here}"


def _bounds(ratio: float, band: float) -> str:
    return f"{ratio / (1 + band):.2f} to {ratio * (1 + band):.2f} by the band"


def _apart(one: float, two: float, *spellings: str) -> tuple[str, str]:
    """Both numbers in the first spelling that shows that they differ, or in full; as short as it may be if they do
    not.
    """
    told = [(spelling.format(one), spelling.format(two)) for spelling in (*spellings, "{!r}")]
    return told[0] if one == two else next(pair for pair in told if pair[0] != pair[1])
