"""The record of a loop: notes of a run's store, and what they say, kept at hand. Everything is decided from it.

    loop_candidate  task, id, text (kept), defines, proposer, parent, moves
    loop_verdict    task, candidate, seed, verifier, version, status, reward, seconds, verdict (kept)
    loop_round      phase, generation, starts, steps, charged, used, paid, seconds, gpu_seconds
    loop_turn       turn, messages [[role, kept]]

One round is one note, so that a run that was killed has it whole or not at all; verdicts are noted as soon as they are
there, and what a killed round has judged is not judged again. Other notes (loop_policy, loop_result, loop_audit,
loop_decision, loop_change, loop_gate, loop_ended) are plain values of whoever writes them.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kernelevo.interfaces import Store
from kernelevo.language_model import Message, Prompt, Reply, Turn
from kernelevo.learning import PolicyVersion, Spending, Step
from kernelevo.loop.judging import Errand, Judgement
from kernelevo.types import Candidate, Status

CANDIDATE, VERDICT, ROUND, TURN = "loop_candidate", "loop_verdict", "loop_round", "loop_turn"
POLICY, RESULT, AUDIT, DECISION, CHANGE, GATE = (
    "loop_policy", "loop_result", "loop_audit", "loop_decision", "loop_change", "loop_gate",
)  # fmt: skip
ENDED = "loop_ended"


@dataclass(frozen=True)
class Start:
    """The judged start of a task in a phase."""

    task: str
    candidate: str
    status: Status
    reward: float | None


@dataclass(frozen=True)
class Round:
    """What came of one question for each of several tasks."""

    phase: str
    generation: int
    starts: tuple[Start, ...]
    steps: tuple[Step, ...]
    charged: Mapping[str, int]
    """Evaluations by task, without those whose verdict this run had already."""
    used: Mapping[str, int] | None = None
    """What each task's search used of its share; as charged, where nothing is said."""
    paid: tuple[str, ...] = ()
    """Keys of what it was the first round to judge (judging.Errand)."""

    def used_by(self, task: str) -> int:
        return (self.charged if self.used is None else self.used).get(task, 0)


Turns = Callable[[], Mapping[int, Turn]]
"""Every question that was answered, by its number (models/recorded.py)."""


class Record:
    """Belongs to the thread that the store belongs to. `version` is the evaluator's: verdicts of another are not used.
    """

    def __init__(
        self, store: Store, version: str, turns: Turns, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.store = store
        self.version = version
        self._clock = clock
        self._mark = clock()
        self._seconds = self._gpu_seconds = 0.0
        self._evaluations = 0
        self._candidates: dict[tuple[str, str], Candidate] = {}
        self._verdicts: dict[str, Mapping[str, Any]] = {}
        self._rounds: dict[str, list[Round]] = defaultdict(list)
        self._prompts: dict[int, Prompt] = {}
        self._steps = 0
        self._paid: set[str] = set()
        self._notes: dict[str, list[Mapping[str, Any]]] = {}
        self._before = turns()
        self._load()

    # What is written down as it happens.

    def keep_candidate(self, task: str, candidate: Candidate) -> None:
        if (task, candidate.id) in self._candidates:
            return
        with self.store.together():
            plain = dataclasses.asdict(candidate) | {"text": self.store.keep(candidate.text), "id": candidate.id}
            self.store.note(CANDIDATE, {"task": task, **plain, "defines": dict(candidate.defines)})
        self._candidates[task, candidate.id] = candidate

    def keep_judgement(self, errand: Errand, judgement: Judgement) -> None:
        if errand.key in self._verdicts:
            return
        with self.store.together():
            note = {
                "task": errand.task, "candidate": errand.candidate.id, "seed": errand.seed, "verifier": errand.verifier,
                "version": self.version, "status": judgement.status.value, "reward": judgement.reward,
                "seconds": judgement.seconds, "verdict": self.store.keep(judgement.text),
            }  # fmt: skip
            self.store.note(VERDICT, note)
        self._verdicts[errand.key] = note

    def add_round(self, of: Round, gpu_seconds: float = 0.0) -> None:
        note = {
            "phase": of.phase, "generation": of.generation, "charged": dict(of.charged),
            "used": None if of.used is None else dict(of.used), "paid": list(of.paid), "gpu_seconds": gpu_seconds,
            "starts": [dataclasses.asdict(start) for start in of.starts],
            "steps": [_plain_step(step) for step in of.steps], "seconds": self._lap(),
        }  # fmt: skip
        with self.store.together():
            for step in of.steps:
                self._keep_prompt(step.turn, step.prompt)
            self.store.note(ROUND, note)
        self._take_round(of, note)

    def note(self, kind: str, payload: Mapping[str, Any]) -> None:
        """Any other note, with the seconds since the last one."""
        noted = {**payload, "seconds": self._lap()}
        self.store.note(kind, noted)
        self._notes.setdefault(kind, []).append(json.loads(json.dumps(noted)))
        self._seconds += noted["seconds"]

    # What it says.

    def notes(self, kind: str) -> Sequence[Mapping[str, Any]]:
        return self._notes.get(kind, [])

    def of_generation(self, kind: str, generation: int) -> Mapping[str, Any] | None:
        """The last note of this kind on this generation."""
        found = [note for note in self.notes(kind) if note["generation"] == generation]
        return found[-1] if found else None

    def candidate(self, task: str, name: str) -> Candidate:
        return self._candidates[task, name]

    def judgement(self, key: str) -> Judgement | None:
        note = self._verdicts.get(key)
        if note is None:
            return None
        return Judgement(Status(note["status"]), note["reward"], note["seconds"], self.store.kept(note["verdict"]))

    def judgements(self) -> Iterable[tuple[str, Judgement]]:
        """Every verdict that is no missing data of ours."""
        for key, note in self._verdicts.items():
            if note["status"] != Status.INFRA and (found := self.judgement(key)):
                yield key, found

    def is_paid(self, key: str) -> bool:
        """Whether a round of the record has judged this: a verdict that a killed round left behind is paid for yet."""
        return key in self._paid

    def rounds(self, phase: str) -> Sequence[Round]:
        return self._rounds.get(phase, [])

    def charged(self, phases: str) -> int:
        """Evaluations of all phases whose names begin so."""
        rounds = [each for name, found in self._rounds.items() if name.startswith(phases) for each in found]
        return sum(sum(each.charged.values()) for each in rounds)

    def answered(self, phase: str) -> Counter[str]:
        """How often each question, by its key, was answered in this phase before this session: also in a round that
        was not finished.
        """
        return Counter(turn.prompt for turn in self._before.values() if turn.about.startswith(f"{phase}|"))

    def next_step(self) -> int:
        return self._steps

    def spent(self) -> Spending:
        """Evaluations and seconds; what models took is on their own record."""
        seconds = self._seconds + self._clock() - self._mark
        return Spending(evaluations=self._evaluations, seconds=seconds, gpu_seconds=self._gpu_seconds)

    # Its own housekeeping.

    def _lap(self) -> float:
        now = self._clock()
        seconds, self._mark = now - self._mark, now
        return round(seconds, 3)

    def _keep_prompt(self, turn: int, prompt: Prompt) -> None:
        if turn not in self._prompts:
            messages = [[message.role, self.store.keep(message.text)] for message in prompt.messages]
            self.store.note(TURN, {"turn": turn, "messages": messages})
            self._prompts[turn] = prompt

    def _take_round(self, of: Round, note: Mapping[str, Any]) -> None:
        self._rounds[of.phase].append(of)
        self._paid.update(of.paid)
        self._steps += len(of.steps)
        self._evaluations += sum(of.charged.values())
        self._seconds += note["seconds"]
        self._gpu_seconds += note["gpu_seconds"]

    def _load(self) -> None:
        for note in self.store.notes(CANDIDATE):
            candidate = Candidate(
                self.store.kept(note["text"]), note["defines"], note["proposer"], note["parent"], tuple(note["moves"])
            )
            self._candidates[note["task"], note["id"]] = candidate
        for note in self.store.notes(VERDICT):
            if note["version"] == self.version:
                key = "\0".join(map(str, (note["task"], note["candidate"], note["seed"], note["verifier"])))
                self._verdicts[key] = note
        for note in self.store.notes(TURN):
            messages = tuple(Message(role, self.store.kept(key)) for role, key in note["messages"])
            self._prompts[int(note["turn"])] = Prompt(messages)
        self._load_rounds()
        for kind in (POLICY, RESULT, AUDIT, DECISION, CHANGE, GATE, ENDED):
            self._notes[kind] = list(self.store.notes(kind))
            self._seconds += sum(note["seconds"] for note in self._notes[kind])

    def _load_rounds(self) -> None:
        for note in self.store.notes(ROUND):
            places: dict[int, int] = defaultdict(int)
            steps = []
            for plain in note["steps"]:
                turn = int(plain["turn"])
                steps.append(_read_step(plain, self._prompts[turn], self._before[turn].replies[places[turn]]))
                places[turn] += 1
            starts = tuple(Start(**{**plain, "status": Status(plain["status"])}) for plain in note["starts"])
            told = (note["charged"], note.get("used"), tuple(note.get("paid", ())))
            self._take_round(Round(note["phase"], note["generation"], starts, tuple(steps), *told), note)


_KEPT_APART = ("prompt", "reply", "best")
"""Texts are kept with the turn, whose replies a round holds in their order; `best` follows from other steps."""


def _plain_step(step: Step) -> dict[str, Any]:
    fields = (field.name for field in dataclasses.fields(step) if field.name not in _KEPT_APART)
    plain = {name: getattr(step, name) for name in fields}
    status = None if step.status is None else step.status.value
    return {**plain, "policy": dataclasses.asdict(step.policy), "status": status}


def _read_step(plain: Mapping[str, Any], prompt: Prompt, reply: Reply) -> Step:
    status = None if plain["status"] is None else Status(plain["status"])
    given = {**plain, "status": status, "policy": PolicyVersion(**plain["policy"])}
    return Step(**given, prompt=prompt, reply=reply, best=None)
