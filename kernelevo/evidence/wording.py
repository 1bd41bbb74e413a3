"""A claim in words, made from its figures alone: so that the words can be checked against them."""

from __future__ import annotations

from kernelevo.answer import compared_words
from kernelevo.evidence.documents import Claim
from kernelevo.types import Figure


def claim_words(claim: Claim, checks: int, cases: int) -> str:
    """`2.10 times as fast as the start (41.2 -> 19.6 us) on virtual:h100, modelled, weighted over 3 cases, ...`."""
    over = f"weighted over {cases} cases" if cases != 1 else "on 1 case"
    passed = f"all {checks} checks" if checks != 1 else "its 1 check"
    where = f"on {claim.device}, {claim.how}, {over}, band {100 * claim.band:.6g}%"
    if claim.start_us is None:
        return f"{claim.task} passes {passed}, at {claim.score_us:.4g} us {where}"
    start, best = (Figure(us, "us", claim.device, claim.how) for us in (claim.start_us, claim.score_us))
    gain = compared_words(start, best, claim.band, "the start")
    times = f"{claim.start_us:.4g} -> {claim.score_us:.4g} us"
    return f"{claim.task}: {gain} ({times}) {where}, {passed} passed"
