"""How much of the time is spent where a decision would change something: a word for each option of a program of several
launches. In one of a single launch all options are about all of the time, and none has a word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from kernelevo.backends.kernels.grammar import PLACES, TUNE
from kernelevo.decisions import Decision
from kernelevo.types import CaseResult

_LAUNCH = re.compile(r"kernelevo:? +launch +(\w+).*")


def time_shares(case: CaseResult) -> dict[str, float]:
    """Of each kernel, by its name, what its launches take of the time of all; empty where there is one launch."""
    launches = [step for step in case.steps if step.details.get("block")]
    times = [(step.kernel, step.time.value) for step in launches if step.time is not None]
    total = sum(time for _, time in times)
    if len(times) < 2 or not total:
        return {}
    shares = dict.fromkeys((kernel for kernel, _ in times), 0.0)
    for kernel, time in times:
        shares[kernel] += time / total
    return shares


def place_word(decision: Decision, shares: Mapping[str, float], text: str) -> str:
    """The word for the launches that a decision is about: those of the kernel that its site begins with, and those
    that a tuned macro shapes. "" where that is not known.
    """
    first = decision.site.partition(" ")[0]
    kernels = [first] if decision.rule != TUNE else [
        match[1] for match in _LAUNCH.finditer(text) if re.search(rf"\b{re.escape(first)}\b", match[0])
    ]  # fmt: skip
    known = [shares[kernel] for kernel in dict.fromkeys(kernels) if kernel in shares]
    if not known:
        return ""
    return next(word for word, least in PLACES.items() if sum(known) >= least)
