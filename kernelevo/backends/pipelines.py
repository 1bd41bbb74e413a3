"""Domains whose programs are pipelines: a few lines that say which parts weigh how much and how each is set. Whoever
proposes writes such a text, or decides line by line; nothing in it is executed.

    weigh low_rank = 2
    rank = 10

A domain gives its `Space` (what may stand in a text) and, for each task, a loss: the rest of the joints Backend and
TaskSession is here. docs/domains.md has one in thirty lines.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from kernelevo.decisions import (
    STOP,
    STOP_RULE,
    Decision,
    DecisionSettings,
    Grammar,
    Observation,
    Option,
    read_decision,
)
from kernelevo.errors import BadInput
from kernelevo.learning import Split
from kernelevo.types import Attempt, Candidate, Check, Figure, Status, Verdict

LONGEST = 2000
"""Characters of a pipeline's text."""
DRAWN_WITHOUT_SEED = 0
LEAST_LOSS = 1e-6
Level = Literal["reward", "audit"]
NETWORK = "network"
_KEY = re.compile(r"[0-9a-f]{16}")


def require_file(path: Path, endings: Collection[str], largest: int, give: str) -> None:
    """Raises BadInput unless this is a file of at most `largest` bytes whose name ends as one that can be read."""
    if not path.is_file():
        raise BadInput(f"--data {path} is no file; give {give}")
    if path.stat().st_size > largest:
        raise BadInput(f"--data {path} has {path.stat().st_size:,} bytes, and may have {largest:,}; give less")
    if path.suffix not in endings:
        raise BadInput(f"--data {path}: files end in {', '.join(endings)}; convert it to one of these")


class NoPipeline(ValueError):
    """The text is none; the words say which line, and what may stand there."""


class Unsound(ValueError):
    """What a pipeline made cannot be scored, by its own fault; the words say where."""

    def __init__(self, words: str, status: Status = Status.WRONG) -> None:
        super().__init__(words)
        self.status = status


@dataclass(frozen=True)
class Pipeline:
    """`weights` of the parts that take part, and every setting of the space by its name; `network` names the adapter of
    the domain's own network (networks.py), "" its base.
    """

    weights: Mapping[str, int]
    settings: Mapping[str, Any]
    network: str = ""

    def __getitem__(self, setting: str) -> Any:
        return self.settings[setting]


@dataclass(frozen=True)
class Space:
    """What pipelines of a domain are made of. Each of `parts` weighs one of `weights` (0: takes no part); each of
    `choices` has one of its values, the first at the start; `used_by` names the parts that a setting is of, where it is
    not of all, and `blends` the settings that matter only where several parts take part. `networked` names the parts
    that ask the domain's own network.
    """

    parts: tuple[str, ...]
    weights: tuple[int, ...]
    choices: Mapping[str, tuple[Any, ...]]
    start: Mapping[str, int]
    used_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    blends: tuple[str, ...] = ()
    networked: tuple[str, ...] = ()

    @property
    def rules(self) -> tuple[str, ...]:
        """Of the grammar of decisions."""
        return (*(f"weigh_{part}" for part in self.parts), *self.choices, STOP_RULE)

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(f"uses_{part}" for part in self.parts)

    def pipeline(self, weights: Mapping[str, int] | None = None, network: str = "", **settings: Any) -> Pipeline:
        usual = {name: values[0] for name, values in self.choices.items()}
        return Pipeline(dict(self.start if weights is None else weights), {**usual, **settings}, network)

    def text(self, pipeline: Pipeline) -> str:
        """The same for the same pipeline: what does not matter in it is left out."""
        lines = [f"weigh {part} = {pipeline.weights[part]}" for part in self._used(pipeline)]
        lines += [f"{name} = {pipeline[name]}" for name in self.choices if self._matters(name, pipeline)]
        if pipeline.network and set(self.networked) & set(self._used(pipeline)):
            lines.append(f"{NETWORK} = {pipeline.network}")
        return "".join(f"{line}\n" for line in lines)

    def read(self, text: str) -> Pipeline:
        """Raises NoPipeline. Comments begin with #; a setting that is missing is as at the start."""
        if len(text) > LONGEST:
            raise NoPipeline(f"it has {len(text):,} characters, and may have {LONGEST:,}")
        weights: dict[str, int] = {}
        given: dict[str, Any] = {}
        network = ""
        for number, line in enumerate(text.splitlines(), 1):
            plain = line.partition("#")[0].strip()
            name, _, value = (word.strip() for word in plain.partition("="))
            if name.startswith("weigh "):
                weights[_known(name.removeprefix("weigh ").strip(), self.parts, number)] = _known(
                    value, self.weights, number
                )
            elif name == NETWORK and self.networked:
                network = _network_key(value, number)
            elif plain:
                setting = _known(name, tuple(self.choices), number)
                given[setting] = _known(value, self.choices[setting], number)
        if not any(weights.values()):
            raise NoPipeline(f"no part weighs anything; write, say, weigh {self.parts[0]} = 1")
        return self.pipeline(weights, network, **given)

    def legal(self, pipeline: Pipeline) -> Iterator[tuple[Decision, Pipeline]]:
        """Every decision that makes another pipeline, with what it makes."""
        for part in self.parts:
            for weight in self.weights:
                weights = {**pipeline.weights, part: weight}
                if _shares(weights) not in ((), _shares(pipeline.weights)):
                    yield Decision(f"weigh_{part}", "", weight), replace(pipeline, weights=weights)
        for name, values in self.choices.items():
            for value in values if self._matters(name, pipeline) else ():
                if value != pipeline[name]:
                    site, number = (value, None) if isinstance(value, str) else ("", value)
                    made = replace(pipeline, settings={**pipeline.settings, name: value})
                    yield Decision(name, site, number), made

    def _used(self, pipeline: Pipeline) -> list[str]:
        return [part for part in self.parts if pipeline.weights.get(part, 0)]

    def _matters(self, setting: str, pipeline: Pipeline) -> bool:
        used = self._used(pipeline)
        if setting in self.blends:
            return len(used) > 1
        return setting not in self.used_by or bool(set(self.used_by[setting]) & set(used))


def _known(word: str, choices: tuple[Any, ...], line: int) -> Any:
    for choice in choices:
        if str(choice) == word:
            return choice
    raise NoPipeline(f"line {line}: {word[:40]!a} is none of {', '.join(map(str, choices))}")


def _network_key(word: str, line: int) -> str:
    if _KEY.fullmatch(word) is None:
        raise NoPipeline(f"line {line}: {word[:40]!a} names no network: 16 digits of a hash do")
    return word


def _shares(weights: Mapping[str, int]) -> tuple[tuple[str, float], ...]:
    """How much each part weighs among all; nothing where none does, which is no pipeline."""
    whole = sum(weights.values())
    return tuple(sorted((part, weight / whole) for part, weight in weights.items() if weight)) if whole else ()


@dataclass(frozen=True)
class Scored:
    """`loss` is above 0, and less is better; `figures` are told beside it, and may be facts of the grammar."""

    loss: float
    figures: Mapping[str, float] = field(default_factory=dict)


class PipelineSession(ABC):
    """A TaskSession over a space. A domain subclasses it with `scored`, and may tell more facts."""

    def __init__(self, task: str, family: str, device: str, grammar: Grammar, space: Space) -> None:
        self.task, self.family = task, family
        self.space = space
        self.start = Candidate(space.text(space.pipeline()), proposer=grammar.backend)
        self._device, self._grammar = device, grammar
        self._starts: dict[tuple[Level, int], float] = {}

    @abstractmethod
    def scored(self, pipeline: Pipeline, level: Level, seed: int) -> Scored:
        """On the draw of this seed, by the reward or the audit verifier; the same seed gives the same. Raises Unsound.
        """

    def scored_text(self, text: str, level: Level, seed: int) -> Scored:
        """Of a candidate; raises NoPipeline, Unsound."""
        return self.scored(self.space.read(text), level, seed)

    def facts(self) -> Mapping[str, float]:
        """Of the task, by their names in the grammar."""
        return {}

    def judge(self, candidate: Candidate, seed: int | None = None) -> Verdict:
        return self._judged(candidate, "reward", DRAWN_WITHOUT_SEED if seed is None else seed)

    def audit(self, candidate: Candidate, seed: int | None = None) -> Verdict:
        return self._judged(candidate, "audit", DRAWN_WITHOUT_SEED if seed is None else seed)

    def reward(self, verdict: Verdict) -> float | None:
        """The start's loss over the pipeline's, on the draw and by the verifier that the verdict is of."""
        if verdict.status.blames_candidate:
            return 0.0
        if verdict.score is None:
            return None
        level, seed = _drawn_by(verdict)
        if (level, seed) not in self._starts:
            self._starts[level, seed] = self.scored(self.space.pipeline(), level, seed).loss
        return self._starts[level, seed] / verdict.score.value

    def observe(self, attempt: Attempt, settings: DecisionSettings) -> Observation:
        pipeline = self.space.read(attempt.candidate.text)
        moves = tuple(move for move in map(read_decision, attempt.candidate.moves) if move is not None)
        deep = len(attempt.candidate.moves) >= settings.depth
        found = [] if deep else [each for each, _ in self.space.legal(pipeline) if each.rule in settings.rules]
        options = tuple(Option(each, settings.rules.get(each.rule, 0.0)) for each in (*found, STOP))
        words = tuple(f"uses_{part}" for part in self.space.parts if pipeline.weights.get(part, 0))
        return Observation(self._grammar.key, self._seen(attempt), words, moves, options)

    def apply(self, attempt: Attempt, decision: Decision) -> Candidate | None:
        parent = attempt.candidate
        found = self.space.legal(self.space.read(parent.text))
        made = next((made for each, made in found if each == decision), None)
        if made is None:
            return None
        moves = (*parent.moves, str(decision))
        return Candidate(self.space.text(made), {}, self._grammar.backend, parent.id, moves)

    def words(self) -> str:
        parts, settings = ", ".join(self.space.parts), ", ".join(self.space.choices)
        return (
            f"Write a pipeline for {self.task}: parts {parts}, each with a line such as `weigh {self.space.parts[0]} = "
            f"{self.space.weights[-1]}`, and settings {settings}."
        )

    def close(self) -> None:  # noqa: B027 a domain that holds something open closes it here
        """Nothing is held open."""

    def _judged(self, candidate: Candidate, level: Level, seed: int) -> Verdict:
        try:
            found = self.scored_text(candidate.text, level, seed)
        except NoPipeline as fault:
            return Verdict(candidate.id, self._device, Status.BUILD_ERROR, str(fault))
        except Unsound as fault:
            return Verdict(candidate.id, self._device, fault.status, str(fault))
        said = ", ".join(f"{name} {value:.4f}" for name, value in found.figures.items())
        checks = (Check(level, True, f"drawn by {seed}"),)
        score = Figure(max(found.loss, LEAST_LOSS), "loss", self._device, "measured")
        return Verdict(candidate.id, self._device, Status.PASSED, said, score, checks=checks)

    def figures(self, verdict: Verdict) -> Mapping[str, float]:
        """What a verdict that passed tells beside its loss, by name."""
        if verdict.status is not Status.PASSED:
            return {}
        told = (part.rsplit(" ", 1) for part in verdict.feedback.split(", ") if " " in part)
        return {name: float(value) for name, value in told}

    def _seen(self, attempt: Attempt) -> dict[str, float]:
        reward = self.reward(attempt.verdict)
        gain = {} if not reward else {"log2_gain": math.log2(reward)}
        every = {**self.facts(), **self.figures(attempt.verdict), **gain, "moves": float(len(attempt.candidate.moves))}
        return {name: value for name, value in every.items() if name in self._grammar.facts}


def _drawn_by(verdict: Verdict) -> tuple[Level, int]:
    check = verdict.checks[0]
    return ("audit" if check.name == "audit" else "reward"), int(check.detail.rsplit(" ", 1)[-1])


class PipelineBackend(ABC):
    """A Backend over a space. A domain subclasses it with `session`; `device` names what its figures belong to, and
    `groups` are the tasks of each split.
    """

    name = "pipelines"
    how = "measured"
    gain = "times less loss"
    least_gain = 0.01
    """Log2 of a loss that is worth having: 0.7 per cent less."""
    pair_cost = 30
    """Evaluations of a pair of the gate that is searched several times: searches hardly ever make the same."""
    data = ""
    """A key of all files that are read: a run goes on with the same alone."""
    facts: tuple[str, ...] = ()
    introduction: tuple[str, ...] = ()
    """Sentences on the data, said when a run begins."""

    def __init__(self, device: str, version: str, space: Space, groups: Sequence[str]) -> None:
        self.device, self.version, self.space = device, version, space
        facts = (*self.facts, "log2_gain", "moves")
        self.grammar = Grammar(self.name, 1, space.rules, facts, space.words)
        self._tasks = {f"{split}-{group}": (split, group) for split in Split for group in groups}

    @abstractmethod
    def session(self, task: str, split: Split, group: str) -> PipelineSession:
        """A task, opened."""

    def tasks(self, split: Split) -> Sequence[str]:
        return [name for name, (own, _) in self._tasks.items() if own is split]

    def open(self, task: str) -> PipelineSession:
        if task not in self._tasks:
            raise BadInput(f"the backend {self.name} has no task {task!r}; it has {', '.join(self._tasks)}")
        return self.session(task, *self._tasks[task])

    def twin(self, task: str) -> str:
        """The task on which what a search found best is judged anew: itself, where another seed draws other data."""
        return task

    def close(self) -> None:  # noqa: B027 a domain that holds something open closes it here
        """Nothing is held open."""
