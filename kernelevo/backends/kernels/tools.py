"""What the backend asks of parts that it does not know: how candidates are judged, and who proposes changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from kernelevo.interfaces import Evaluator, Proposer
from kernelevo.kernel.problem import Problem
from kernelevo.types import Verdict


@dataclass(frozen=True)
class KernelTask:
    """A start and what it must compute. `audited` is the problem that the audit verifier judges by; `told` what a
    model that writes programs is told.
    """

    name: str
    family: str
    text: str
    problem: Problem
    audited: Problem
    reference: str = ""


class Tools(Protocol):
    """One worker's tools (kernelevo/joining_backends.py). `version` says with what is judged: it changes whenever a
    verdict on the same candidate and seed may; `device` is the one whose times are rewarded.
    """

    version: str
    device: str
    rules: Sequence[str]

    def verifier(self, task: KernelTask, seed: int | None) -> Evaluator:
        """The reward verifier: light checks, on the device whose times are rewarded."""
        ...

    def auditor(self, task: KernelTask, seed: int | None) -> Evaluator:
        """The audit verifier: full checks at other sizes, on another device."""
        ...

    def proposers(self, task: KernelTask) -> Sequence[Proposer]:
        """Each of their candidates is one move from its parent, whose name and place its last move says."""
        ...

    def symptoms(self, verdict: Verdict, task: KernelTask) -> frozenset[str]: ...

    def least_us(self, task: KernelTask) -> Mapping[str, float]:
        """Per case, what any kernel needs at least on the rewarded device; empty where that is not known."""
        ...

    def words(self, task: KernelTask) -> str: ...

    def close(self) -> None: ...
