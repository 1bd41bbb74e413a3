"""The joints of the self-improving loop: what it asks of a domain, of a model that can be trained, and of a lever.

As in interfaces.py, each has a twin for tests and one conformance suite.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from kernelevo.decisions import Decision, DecisionSettings, Grammar, Observation
from kernelevo.interfaces import Model
from kernelevo.language_model import Adapter, Prompt, Reply
from kernelevo.learning import Change, PolicyVersion, Split, Step, TaskResult
from kernelevo.types import Attempt, Candidate, Verdict


class TaskSession(Protocol):
    """One task of a backend, opened in one worker. Suite: tests/conformance/backend.py.

    Everything that it shows (observations, words) may be read by levers and models: it holds no expected value, no seed
    and no size of a hidden test. Only `audit` judges by what no lever ever sees.
    """

    task: str
    family: str
    start: Candidate

    def judge(self, candidate: Candidate, seed: int | None = None) -> Verdict:
        """By the reward verifier; with a seed, on that draw of inputs. Faults of ours raise Infrastructure."""
        ...

    def audit(self, candidate: Candidate, seed: int | None = None) -> Verdict:
        """By the audit verifier; its result reaches reports and the pause rule, never a lever, a prompt or the gate."""
        ...

    def reward(self, verdict: Verdict) -> float | None:
        """Higher is better and 1.0 is as good as the start, by the verifier that gave the verdict; 0.0: failed by its
        own fault; None: missing data.
        """
        ...

    def observe(self, attempt: Attempt, settings: DecisionSettings) -> Observation:
        """The state after a judged attempt that passed, with the decisions that the settings leave legal."""
        ...

    def apply(self, attempt: Attempt, decision: Decision) -> Candidate | None:
        """The program that a legal decision makes of the attempt's, with the decision as its last move; None of STOP,
        or where the decision is not legal.
        """
        ...

    def words(self) -> str:
        """The task as it is told to a model that writes programs."""
        ...

    def close(self) -> None: ...


class Backend(Protocol):
    """One domain, as the loop sees it. Suite: tests/conformance/backend.py.

    `version` changes whenever a verdict on the same candidate and seed may. Raises BadInput for a task it has not.
    """

    name: str
    version: str
    grammar: Grammar

    def tasks(self, split: Split) -> Sequence[str]:
        """The names of the tasks behind this wall; splits share none."""
        ...

    def open(self, task: str) -> TaskSession: ...

    def close(self) -> None: ...


class AdapterTrainer(Protocol):
    """A LoRA adapter on a frozen base, being trained. Suite: tests/conformance/trainer.py.

    Tensors are torch's, on the trainer's own device; n replies have at most t tokens.
    """

    def parameters(self) -> list[Any]:
        """What is trained: the adapter's own parameters (and a value head's), never the base's."""
        ...

    def score(self, prompts: Sequence[Prompt], replies: Sequence[Reply]) -> ScoredReplies: ...

    def save(self, folder: Path) -> Adapter:
        """Writes the adapter in peft's format (safetensors and adapter_config.json) and says what it is."""
        ...


@dataclass(frozen=True)
class ScoredReplies:
    """`log_probabilities` float[n, t] under the adapter, with gradients; `base` float[n, t] under the base, without;
    `mask` bool[n, t], true where a reply has a token; `values` float[n], the value head's estimate of each prompt.
    """

    log_probabilities: Any
    base: Any
    mask: Any
    values: Any


class TrainableModel(Model, Protocol):
    """A model whose adapter can be trained here."""

    def trainer(self, adapter: Adapter | None, rank: int, seed: int) -> AdapterTrainer:
        """A trainer that goes on from this adapter, or from a fresh one (which changes no probability)."""
        ...


@runtime_checkable
class SeededModel(Model, Protocol):
    """A model whose replies are drawn from a seed: a function of it, of the state that the question shows
    (Observation.state_key, whatever the biases of its options), and of how often the question was asked in the stream.
    Two policies on equal streams that would decide alike do decide alike: what they differ by is not luck.
    """

    def restart(self, seed: int, asked: Mapping[str, int]) -> None:
        """Begins the stream of this seed; `asked` counts by Prompt.key what was answered in it before."""
        ...


@dataclass(frozen=True)
class Fitted:
    """What training an adapter came to: one sentence, and figures for the record."""

    said: str
    details: Mapping[str, object]


class Agent(Protocol):
    """What a domain may bring along to act in it (`Backend.agent`): a model that writes whole candidates by the text
    that the harness has for the domain, and how its adapter is trained. It learns from the training split alone.
    """

    def model(self, seed: int, asked: Mapping[str, int]) -> Model:
        """A SeededModel; `asked` counts by Prompt.key what was answered in earlier sessions."""
        ...

    def check(self, text: str) -> None:
        """Raises BadInput for a harness's text that it cannot go by."""
        ...

    def fit(self, text: str, adapter: Path | None, into: Path, seed: int, strength: float) -> Fitted:
        """Trains an adapter behind the harness's text, going on from `adapter` (None: the base), and writes it in
        peft's format into the empty folder `into`; the same arguments give the same bytes. `strength` scales how far
        it goes.
        """
        ...


class LoopRecord(Protocol):
    """What a lever may know: the reward split's steps and results, and what the gate said; nothing of the audit."""

    def generations(self) -> int: ...

    def steps(self, generation: int) -> Sequence[Step]: ...

    def results(self, generation: int) -> Sequence[TaskResult]: ...

    def changes(self) -> Sequence[tuple[Change, str]]:
        """Every change so far with what the gate said: "accept", "reject" or "undecided"."""
        ...


class Lever(Protocol):
    """Drafts one change from the record alone. Suite: tests/conformance/lever.py.

    `draft` writes what it makes into the empty folder `into`; the same record, policy and seed give the same change.
    `beside` are the changes that were drafted before it and go through the same gate, of the harness first: what is
    fitted can be fitted behind them. None: there is nothing (more) to be changed, with the reason in `said`.
    """

    name: str
    said: str

    def draft(
        self, record: LoopRecord, policy: PolicyVersion, harness: Path, adapter: Path | None, into: Path, seed: int,
        beside: Sequence[Change] = (),
    ) -> Change | None: ...  # fmt: skip
