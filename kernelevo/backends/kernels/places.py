"""How much of the time is spent where a decision would change something: a word for each option of a program of several
launches. In one of a single launch all options are about all of the time, and none has a word.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from kernelevo.backends.kernels.grammar import PLACES, TUNE
from kernelevo.decisions import Decision
from kernelevo.types import CaseResult

_LAUNCH = re.compile(r"kernelevo:? +launch +(\w+).*")


def time_shares(case: CaseResult) -> dict[str, float]:
    """Of each launch, by the name of its kernel as rules know it, what it takes of the time of all; empty where there
    is one launch.
    """
    launches = [step for step in case.steps if step.details.get("block")]
    times = [(step.kernel, step.time.value) for step in launches if step.time is not None]
    total = sum(time for _, time in times)
    if len(times) < 2 or not total:
        return {}
    shares: dict[str, float] = {}
    for name, (_, time) in zip(_own_names([kernel for kernel, _ in times]), times, strict=True):
        shares[name] = shares.get(name, 0.0) + time / total
    return shares


def place_word(decision: Decision, shares: Mapping[str, float], text: str) -> str:
    """The word for the launches that a decision is about: the one whose kernel its site begins with, and those that a
    tuned macro shapes. "" where that is not known.
    """
    first = decision.site.partition(" ")[0]
    if decision.rule == TUNE:
        lines = list(_LAUNCH.finditer(text))
        named = zip(_own_names([line[1] for line in lines]), lines, strict=True)
        kernels = [name for name, line in named if re.search(rf"\b{re.escape(first)}\b", line[0])]
    else:
        kernels = [first]
    known = [shares[kernel] for kernel in kernels if kernel in shares]
    if not known:
        return ""
    return next(word for word, least in PLACES.items() if sum(known) >= least)


def _own_names(kernels: Sequence[str]) -> list[str]:
    """Rules give each launch a kernel of its own (proposers/rules/own_kernels.py): a kernel's second launch is of a
    copy NAME_2, and what is decided about NAME changes the first alone. Where a program has a kernel of that name
    already, the copy has another, and no share is known by it.
    """
    seen = Counter[str]()
    names = []
    for kernel in kernels:
        seen[kernel] += 1
        copy = f"{kernel}_{seen[kernel]}"
        names.append(kernel if seen[kernel] == 1 else f"{copy} (a copy)" if copy in kernels else copy)
    return names
