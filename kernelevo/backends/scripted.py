"""A domain with no program in it, for tests: what a candidate is worth is looked up in a table that only this file has.

A candidate's text lists the decisions that were made, one a line, in an order that does not matter. The families differ
in what helps, and their observations tell them apart:

    wide      widen(copy) = 4 is the best value, and tune(BLOCK) = 256
    narrow    widen(copy) = 4 is slower than the start, = 2 is faster; tune(BLOCK) = 64
    chained   hoist(loop) gains nothing, but fuse(loop), which gains most, is legal only after it

Everywhere `drop(check)` is wrong, `stall(queue)` cannot be told (no reward), `cut(margin)` gains much and only the
audit finds it wrong; `lose(worker)` raises Infrastructure, and is legal only in a backend that is made with `faults`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence

from kernelevo.decisions import STOP, Decision, DecisionSettings, Grammar, Observation, Option, read_decision
from kernelevo.errors import BadInput, Infrastructure
from kernelevo.learning import Split
from kernelevo.types import Attempt, Candidate, Check, Figure, Status, Verdict

GRAMMAR = Grammar(
    backend="scripted",
    version=1,
    rules=("widen", "tune", "hoist", "fuse", "drop", "stall", "cut", "lose", "stop"),
    facts=("log2_width", "log2_gain", "moves"),
    words=("wide", "narrow", "looped", "hoisted"),
)
_EVERYWHERE = {"cut(margin)": 1.8, "drop(check)": 1.0, "stall(queue)": 1.0}
_GAINS: Mapping[str, Mapping[str, float]] = {
    "wide": {"widen(copy) = 2": 1.3, "widen(copy) = 4": 1.7, "tune(BLOCK) = 64": 0.9, "tune(BLOCK) = 256": 1.2},
    "narrow": {"widen(copy) = 2": 1.2, "widen(copy) = 4": 0.7, "tune(BLOCK) = 64": 1.25, "tune(BLOCK) = 256": 0.9},
    "chained": {"hoist(loop)": 1.0, "fuse(loop)": 2.5, "widen(copy) = 2": 1.1, "tune(BLOCK) = 64": 0.95},
}
_NEEDS = {"fuse(loop)": "hoist(loop)"}
_WORDS = {"wide": ("wide",), "narrow": ("narrow",), "chained": ("looped",)}
_WIDTH = {"wide": 12.0, "narrow": 5.0, "chained": 9.0}
_TASKS: Mapping[Split, Sequence[str]] = {
    Split.REWARD: ("wide-1", "narrow-1", "chained-1", "wide-2"),
    Split.GATE: ("wide-11", "narrow-11", "chained-11"),
    Split.SEALED: ("wide-21", "chained-21"),
    Split.TRAINING: ("wide-31", "narrow-31", "chained-31"),
    Split.DEVELOPMENT: ("narrow-41", "chained-41"),
}
_HEAD = "start\n"


class ScriptedBackend:
    """`noise` is the standard deviation of log2 of a time among seeds; without a seed a time is the table's."""

    name = "scripted"
    version = "1"
    grammar = GRAMMAR

    def __init__(self, noise: float = 0.0, faults: bool = False) -> None:
        self._noise = noise
        self._faults = faults

    def tasks(self, split: Split) -> Sequence[str]:
        return _TASKS[split]

    def open(self, task: str) -> ScriptedSession:
        every = [name for names in _TASKS.values() for name in names]
        if task not in every:
            raise BadInput(f"the backend scripted has no task {task!r}; it has {', '.join(every)}")
        return ScriptedSession(task, self._noise, self._faults)

    def close(self) -> None:
        """There is nothing to be closed."""


class ScriptedSession:
    def __init__(self, task: str, noise: float, faults: bool) -> None:
        self.task = task
        self.family = task.split("-")[0]
        self.start = Candidate(_HEAD, proposer="scripted")
        self._noise = noise
        self._faults = faults

    def judge(self, candidate: Candidate, seed: int | None = None) -> Verdict:
        made = _decisions(candidate)
        if Decision("lose", "worker") in made:
            raise Infrastructure("the scripted worker was lost, as the decision lose(worker) asks")
        if Decision("stall", "queue") in made:
            return _failed(candidate, Status.INCONCLUSIVE, "the queue was not quiet")
        if Decision("drop", "check") in made:
            return _failed(candidate, Status.WRONG, "a check was dropped")
        return self._passed(candidate, made, seed)

    def audit(self, candidate: Candidate, seed: int | None = None) -> Verdict:
        if Decision("cut", "margin") in _decisions(candidate):
            return _failed(candidate, Status.WRONG, "beyond the margin")
        return self.judge(candidate, seed)

    def reward(self, verdict: Verdict) -> float | None:
        if verdict.status.blames_candidate:
            return 0.0
        return None if verdict.score is None else self._start_time / verdict.score.value

    def observe(self, attempt: Attempt, settings: DecisionSettings) -> Observation:
        candidate = attempt.candidate
        made = _decisions(candidate)
        reward = self.reward(attempt.verdict)
        gain = {} if not reward else {"log2_gain": math.log2(reward)}
        facts = {"log2_width": _WIDTH[self.family], "moves": float(len(candidate.moves)), **gain}
        words = (*_WORDS[self.family], *(["hoisted"] if Decision("hoist", "loop") in made else []))
        moves = tuple(move for move in map(read_decision, candidate.moves) if move is not None)
        return Observation(GRAMMAR.key, facts, words, moves, self._options(candidate, settings))

    def apply(self, attempt: Attempt, decision: Decision) -> Candidate | None:
        parent = attempt.candidate
        if decision not in self._legal(parent):
            return None
        lines = sorted([*map(str, _decisions(parent)), str(decision)])
        moves = (*parent.moves, str(decision))
        return Candidate(_HEAD + "".join(f"{line}\n" for line in lines), {}, "scripted", parent.id, moves)

    def words(self) -> str:
        return f"A scripted task of the family {self.family}: find decisions that make it faster."

    def close(self) -> None:
        """There is nothing to be closed."""

    @property
    def _start_time(self) -> float:
        return 50.0 + 100.0 * _fraction(self.task)

    def _passed(self, candidate: Candidate, made: Sequence[Decision], seed: int | None) -> Verdict:
        gains = {**_EVERYWHERE, **_GAINS[self.family]}
        time = self._start_time
        for decision in made:
            # Tasks of a family agree in what helps, and differ a little in how much.
            time /= gains[str(decision)] ** (0.9 + 0.2 * _fraction(f"{self.task} {decision}"))
        if seed is not None and self._noise and made:
            time *= 2 ** (self._noise * _normal(f"{self.task} {candidate.id} {seed}"))
        checks = (Check("table", True, "looked up"),)
        score = Figure(time, "us", "scripted", "modelled")
        return Verdict(candidate.id, "scripted", Status.PASSED, "", score, checks=checks)

    def _options(self, candidate: Candidate, settings: DecisionSettings) -> tuple[Option, ...]:
        deep = len(candidate.moves) >= settings.depth
        legal = [] if deep else [each for each in self._legal(candidate) if each.rule in settings.rules]
        return tuple(Option(each, settings.rules.get(each.rule, 0.0)) for each in (*legal, STOP))

    def _legal(self, candidate: Candidate) -> list[Decision]:
        """A rule is used once at a site, and a move that needs another comes after it."""
        made = _decisions(candidate)
        used = {(each.rule, each.site) for each in made}
        every = [*_GAINS[self.family], *_EVERYWHERE, *(["lose(worker)"] if self._faults else [])]
        open_ones = [text for text in every if text not in _NEEDS or read_decision(_NEEDS[text]) in made]
        found = [each for each in map(read_decision, open_ones) if each is not None]
        return [each for each in found if (each.rule, each.site) not in used]


def _decisions(candidate: Candidate) -> list[Decision]:
    """Those that the text lists; raises ValueError for a text that no session made."""
    found = [read_decision(line) for line in candidate.text.removeprefix(_HEAD).splitlines()]
    if not candidate.text.startswith(_HEAD) or None in found:
        raise ValueError(f"{candidate.text!r} is no text of the scripted backend")
    return [each for each in found if each is not None]


def _failed(candidate: Candidate, status: Status, why: str) -> Verdict:
    return Verdict(candidate.id, "scripted", status, why)


def _fraction(key: str) -> float:
    """A number in [0, 1) that hangs on the key alone."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "little") / 2**32


def _normal(key: str) -> float:
    """A standard normal number that hangs on the key alone (Box and Muller)."""
    radius = math.sqrt(-2.0 * math.log(1.0 - _fraction(key + " radius")))
    return radius * math.cos(2.0 * math.pi * _fraction(key + " angle"))
