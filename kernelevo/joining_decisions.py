"""A model that decides as a proposer of `optimize`: the embedded one, on the record of a run.

Everything is imported when it is needed: a run without such a model loads none of it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kernelevo.decisions import Decision, DecisionSettings, Grammar, Observation
from kernelevo.errors import BadInput
from kernelevo.initialise import samples_folder
from kernelevo.language_model import Adapter
from kernelevo.settings import ModelRequest, Settings

if TYPE_CHECKING:
    from kernelevo.backends.kernels.session import KernelSession
    from kernelevo.backends.kernels.tools import KernelTask
    from kernelevo.harness import Harness
    from kernelevo.interfaces import Evaluator, Proposer, Store
    from kernelevo.models.tiny.model import TinyModel
    from kernelevo.tasks import Task
    from kernelevo.types import Attempt, Budget, Candidate, Verdict

HARNESS = "default"


@dataclass
class DecisionPolicy:
    """The embedded model, ready to be asked for decisions; `note` says which it is and by what harness."""

    request: ModelRequest
    harness: Harness
    settings: DecisionSettings
    grammar: Grammar
    note: str
    task: Task
    bench: Any
    rules: Any

    def proposer(
        self, store: Store, children: Callable[[str], Sequence[Attempt]], left: Callable[[], float]
    ) -> Proposer:
        """The proposer on this record. `left` tells how many seconds may still be spent."""
        from kernelevo.models.budget import TokenBudget
        from kernelevo.models.recorded import CallTime, RecordedModel, recorded_turns
        from kernelevo.proposers.decide import DecideProposer

        # A question that was cut off before its answer is asked again, and answered as it would have been.
        asked = Counter(turn.prompt for turn in recorded_turns(store).values())
        budget = TokenBudget(self.request.max_tokens, self.request.max_cost)
        model = _open_model(self.request, self.grammar, asked)
        dialogue = RecordedModel(model, store, budget, CallTime(self.request.call_seconds, left))
        return DecideProposer(dialogue, self._site(store), self.settings)

    def joined_key(self, rules: str) -> str:
        """One hash of all texts that proposers go by; `rules` is that of the others'."""
        return hashlib.sha256(f"{rules}\0{self.harness.key}".encode()).hexdigest()

    def close(self) -> None:
        """Nothing is held open."""

    def _site(self, store: Store) -> _Site:
        from kernelevo.backends.kernels.memo import MemoryMemo
        from kernelevo.backends.kernels.session import KernelSession
        from kernelevo.backends.kernels.tools import KernelTask

        task = self.task
        known = KernelTask(task.file_name, "", task.text, task.problem, task.problem)
        tools = _BenchTools(self.rules, task, self.bench.properties, _RecordedStart(store), self.grammar.rules)
        return _Site(KernelSession(known, tools, self.grammar, MemoryMemo()), frozenset(self.grammar.rules))


def open_decisions(request: ModelRequest, task: Task, bench: Any, settings: Settings) -> DecisionPolicy:
    """The model, its grammar and its harness; raises BadInput for what is missing or wrong, before anything is
    recorded.
    """
    from kernelevo.backends.kernels.grammar import grammar_of
    from kernelevo.harness import read_harness
    from kernelevo.joining_backends import single_rules
    from kernelevo.kernel.languages import CUDA

    if task.language is not CUDA:
        raise BadInput(f"--model {request.name} decides on rules, and these do not read {task.language.name}")
    if bench.how != "modelled":
        raise BadInput(f"--model {request.name} reads counts that {bench.device} does not give; use a virtual device")
    folder, why = settings.choose_harness(samples_folder() / "harness")
    harness = read_harness(folder / HARNESS)
    rules, _ = single_rules()
    grammar = grammar_of(tuple(rule.name for rule in rules.rules))
    model = _open_model(request, grammar, {})
    adapter = f" with the adapter {Path(request.adapter).name}" if request.adapter else ""
    note = (
        f"model {request.shown}{adapter} decides, at most {request.max_tokens:,} tokens, free of cost; "
        f"{model.base.sentence}; harness {folder / HARNESS}: {why}"
    )
    return DecisionPolicy(request, harness, harness.decisions.settings(grammar), grammar, note, task, bench, rules)


def _open_model(request: ModelRequest, grammar: Grammar, asked: Mapping[str, int]) -> TinyModel:
    from kernelevo.models.tiny import open_tiny, require_torch

    require_torch()
    import torch

    # More threads make so small a network no faster, and results hang on their number.
    torch.set_num_threads(1)
    model = open_tiny(grammar, asked=asked)
    if request.adapter is not None:
        folder = Path(request.adapter)
        model.load_adapter(Adapter(folder.name, 0, request.adapter))
    return model


@dataclass(frozen=True)
class _Site:
    """The session without moves that the grammar does not know: other proposers have theirs."""

    session: KernelSession
    rules: frozenset[str]

    def observe(self, attempt: Attempt, settings: DecisionSettings) -> Observation:
        observation = self.session.observe(attempt, settings)
        return replace(observation, moves=tuple(move for move in observation.moves if move.rule in self.rules))

    def apply(self, attempt: Attempt, decision: Decision) -> Candidate | None:
        return self.session.apply(attempt, decision)


@dataclass(frozen=True)
class _RecordedStart:
    """Gives the verdict of the start that the run's record holds: nothing is judged for an observation."""

    store: Store

    def evaluate(self, candidate: Candidate, budget: Budget) -> Verdict:
        from kernelevo.types import Status

        attempts = (each for each in self.store.attempts() if each.candidate.id == candidate.id)
        return next(each.verdict for each in attempts if each.verdict.status is Status.PASSED)


@dataclass
class _BenchTools:
    """The tools of a session on the user's own task and device (backends/kernels/tools.py)."""

    settings: Any
    own: Task
    properties: Mapping[str, int]
    start: Evaluator
    rules: Sequence[str]
    version: str = ""

    def verifier(self, task: KernelTask, seed: int | None) -> Evaluator:
        return self.start

    def auditor(self, task: KernelTask, seed: int | None) -> Evaluator:
        raise NotImplementedError("a search has no audit")

    def proposers(self, task: KernelTask) -> Sequence[Proposer]:
        from kernelevo.proposers.rules import RulesProposer
        from kernelevo.proposers.tune import TuneProposer

        return [RulesProposer(task.problem, self.properties, self.settings), TuneProposer()]

    def symptoms(self, verdict: Verdict, task: KernelTask) -> frozenset[str]:
        from kernelevo.proposers.rules.evidence import symptoms

        return symptoms(verdict, task.problem)

    def least_us(self, task: KernelTask) -> Mapping[str, float]:
        from kernelevo.floors import floors

        return {name: floor.us for name, floor in floors(task.problem, self.properties).items()}

    def words(self, task: KernelTask) -> str:
        raise NotImplementedError("decisions are asked by observations")

    def close(self) -> None:
        """The bench is the run's."""
