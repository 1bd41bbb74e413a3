"""One run of the loop, generation by generation, from the record and into it:

    execute -> audit -> choose a lever -> draft -> gate -> the next generation's policy

Each of these leaves a note before the next begins; what is noted is not done again. So a run that was killed goes on
where it was, and the same record gives the same decisions.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernelevo.errors import BadInput
from kernelevo.learning import Change, GateResult, GateVerdict, LeverName, PolicyVersion, Spending, Split, TaskResult
from kernelevo.learning_interfaces import Backend, Lever
from kernelevo.loop.budget import split_evaluations
from kernelevo.loop.controller import Choice, Facts, Trial, choose
from kernelevo.loop.gating import Sides, pairs_of_look, run_gate
from kernelevo.loop.generation import Tools, coverage, execute
from kernelevo.loop.goodhart import Audited, Gap, gap_of, pause_reason
from kernelevo.loop.judging import Errand
from kernelevo.loop.lever_view import LeverView, plain_change, read_change, reward_phase
from kernelevo.loop.plan import LoopSettings, Plan, make_plan
from kernelevo.loop.policy import Policy
from kernelevo.loop.record import AUDIT, CHANGE, DECISION, ENDED, GATE, POLICY, RESULT, Record
from kernelevo.loop.seeds import drawn, seed_of
from kernelevo.loop.task_state import Phase, Share

CHANGES = "changes"


@dataclass(frozen=True)
class Present:
    """The policy that acts from a generation on: folders inside the run's, and which version that is."""

    generation: int
    harness: Path
    adapter: Path | None
    version: PolicyVersion
    why: str


@dataclass(frozen=True)
class Parts:
    """What the loop is joined of. `open_policy` loads an adapter (None: without) and reads a harness; `levers` are
    those that there are, `exported` is told when a generation is finished.
    """

    backend: Backend
    open_policy: Callable[[Path, Path | None], Policy]
    levers: Mapping[LeverName, Lever]
    tools: Tools
    folder: Path
    exported: Callable[[Loop, int], None] = lambda loop, generation: None
    say: Callable[[str], None] = lambda line: None


@dataclass(frozen=True)
class Ended:
    """Why a run is over; `paused` if a person has to look before it goes on."""

    reason: str
    paused: bool = False


class Loop:
    """`start` is the folder of the harness, inside the run's folder, and the adapter's, if there is one."""

    def __init__(self, parts: Parts, settings: LoopSettings, start: tuple[Path, Path | None]) -> None:
        self.parts = parts
        self.settings = settings
        self.record: Record = parts.tools.record
        self._start = start
        tasks = {split: list(parts.backend.tasks(split)) for split in (Split.REWARD, Split.GATE)}
        limit = parts.tools.account.limits.evaluations
        self.plan: Plan = make_plan(limit, settings, len(tasks[Split.REWARD]))
        self._tasks = tasks

    def run(self) -> Ended:
        """Goes on from the record to the end."""
        noted = self.record.notes(ENDED)
        if noted and not noted[-1]["paused"] and not self._widened(noted[-1]):
            return Ended(noted[-1]["reason"])
        self.begin()
        ended = self._generations()
        self.record.note(ENDED, {**dataclasses.asdict(ended), "limit": self._limit, "bounds": self._bounds()})
        return ended

    def _generations(self) -> Ended:
        for generation in range(self.settings.generations):
            self._execute(generation)
            self._audit(generation)
            if reason := pause_reason(self.gaps(), self.settings.gap):
                self.parts.exported(self, generation)
                return Ended(reason, paused=True)
            choice = self._choose(generation)
            if choice.levers:
                if (refusal := self._broke()) and not self._drafted(generation):
                    self.parts.exported(self, generation)
                    return Ended(refusal)
                self._change(generation, choice.levers)
            self.parts.exported(self, generation)
            if choice.stop and not self._outgrown(generation):
                return Ended(choice.reason)
            if refusal := self._broke():
                return Ended(refusal)
        return Ended("all generations that were asked for are over")

    @property
    def _limit(self) -> int:
        return self.parts.tools.account.limits.evaluations

    def _broke(self) -> str:
        """Why not even one more evaluation can be made, or nothing: a gate would compare what nobody has tried."""
        account = self.parts.tools.account
        return account.stopped or account.refusal(Spending(evaluations=1))

    def _drafted(self, generation: int) -> bool:
        return any(note["generation"] == generation for note in self.record.notes(CHANGE))

    def _bounds(self) -> dict[str, float | None]:
        """What ends a run whatever it finds; None: no limit."""
        return {**dataclasses.asdict(self.parts.tools.account.limits), "generations": self.settings.generations}

    def _widened(self, ended: Mapping[str, Any]) -> bool:
        """Whether there is more of anything than there was when the run ended."""
        before = ended.get("bounds", {"evaluations": ended["limit"]})
        now = self._bounds()
        return any(
            limit is not None and (now[name] is None or now[name] > limit) for name, limit in before.items()
        )

    def _outgrown(self, generation: int) -> bool:
        """Whether this generation's decision was made under a smaller budget than there is now."""
        note = self.record.of_generation(DECISION, generation)
        return note is not None and note["limit"] < self._limit

    # What the record says.

    def present(self, generation: int | None = None) -> Present:
        """The policy that acts in this generation, or (None) that would act in the next one."""
        notes = self.record.notes(POLICY)
        if generation is not None:
            notes = [note for note in notes if note["generation"] <= generation]
        note = notes[-1]
        adapter = self.parts.folder / note["adapter"] if note["adapter"] else None
        version = PolicyVersion(**note["version"])
        return Present(note["generation"], self.parts.folder / note["harness"], adapter, version, note["why"])

    def gaps(self) -> list[Gap]:
        """Of all generations, without those at the beginning that a budget cut short: they found little, so that the
        gap that is usual would look as if it had widened.
        """
        notes = [note for note in self.record.notes(AUDIT) if note["gap"] is not None]
        whole = next((place for place, note in enumerate(notes) if not self._cut(note["generation"])), 0)
        return [Gap(**note["gap"]) for note in notes[whole:]]

    def _cut(self, generation: int) -> bool:
        return 2 * sum(result.evaluations for result in self.results(generation)) < self.plan.learning

    def results(self, generation: int) -> list[TaskResult]:
        note = self.record.of_generation(RESULT, generation)
        return [] if note is None else [TaskResult(**plain) for plain in note["results"]]

    def facts(self, generation: int) -> Facts:
        """What the decision of this generation rests on, from notes of it and of those before."""
        results = [note for note in self.record.notes(RESULT) if note["generation"] <= generation]
        trials = [trial for trial in self.trials() if trial.generation < generation]
        return Facts(
            self.settings.levers, tuple(trials), tuple(note["coverage"] for note in results),
            results[-1]["evaluations_left"], self.plan.look,
        )  # fmt: skip

    def trials(self) -> list[Trial]:
        """What each change came to; a gate is paid for once, whatever it decides on."""
        found = []
        for note in self.record.notes(DECISION):
            generation, levers = note["generation"], tuple(note["levers"])
            looks = [gate for gate in self.record.notes(GATE) if gate["generation"] == generation]
            cost = self.plan.learning + sum(gate["evaluations"] for gate in looks)
            if looks and looks[-1]["final"]:
                found.append(Trial(generation, levers, looks[-1]["result"], looks[-1]["difference"], cost))
            elif levers and self._drafted_nothing(generation, levers):
                found.append(Trial(generation, levers, "nothing", 0.0, cost))
        return found

    def _drafted_nothing(self, generation: int, levers: Sequence[LeverName]) -> bool:
        notes = [note for note in self.record.notes(CHANGE) if note["generation"] == generation]
        return len(notes) == len(levers) and all(note["change"] is None for note in notes)

    # What a generation does.

    def begin(self) -> None:
        """Notes which policy the run begins with."""
        if not self.record.notes(POLICY):
            harness, adapter = self._start
            policy = self.parts.open_policy(harness, adapter)
            self._note_policy(0, harness, adapter, policy.version, "what the run began with")

    def _note_policy(
        self, generation: int, harness: Path, adapter: Path | None, version: PolicyVersion, why: str
    ) -> None:
        folder = self.parts.folder
        trained = str(adapter.relative_to(folder)) if adapter else ""
        places = {"harness": str(harness.relative_to(folder)), "adapter": trained}
        self.record.note(
            POLICY, {"generation": generation, **places, "version": dataclasses.asdict(version), "why": why}
        )

    def open_present(self) -> Policy:
        """The policy that would act next."""
        present = self.present()
        return self._open(present.harness, present.adapter, present.version)

    def _open(self, harness: Path, adapter: Path | None, expected: PolicyVersion | None = None) -> Policy:
        policy = self.parts.open_policy(harness, adapter)
        if expected is not None and policy.version != expected:
            raise BadInput(
                f"{harness if policy.version.harness != expected.harness else adapter} is not what the run's record "
                "says acted there; put it back as it was, or start a new run"
            )
        return policy

    def _execute(self, generation: int) -> None:
        if self.record.of_generation(RESULT, generation) is not None:
            return
        present = self.present(generation)
        policy = self._open(present.harness, present.adapter, present.version)
        before = tuple(reward_phase(each) for each in range(generation)) if self.settings.reuse else ()
        stream = seed_of(self.settings.seed, "replies", generation)
        phase = Phase(reward_phase(generation), generation, before, stream=stream)
        results = execute(phase, policy, self._shares(generation, policy), self.parts.tools)
        note = {
            "generation": generation, "results": [dataclasses.asdict(result) for result in results],
            "coverage": coverage(self.record.rounds(phase.name)), "policy": dataclasses.asdict(policy.version),
            "evaluations_left": self.parts.tools.account.evaluations_left(), "left": self.parts.tools.account.left(),
        }  # fmt: skip
        self.record.note(RESULT, note)

    def _shares(self, generation: int, policy: Policy) -> list[Share]:
        """The tasks of a generation, and how the harness has its evaluations split among their families."""
        seed = self.settings.seed
        drawing = ("tasks",) if self.settings.reuse else ("tasks", generation)
        tasks = drawn(self._tasks[Split.REWARD], self.plan.tasks, seed_of(seed, *drawing))
        families = list(map(self._family, tasks))
        total = min(self.plan.learning, self.parts.tools.account.limits.evaluations)
        split = split_evaluations(total, families, policy.settings.shares, generation)
        words = ("inputs",) if self.settings.reuse else ("inputs", generation)
        return [
            Share(task, family, count, seed_of(seed, *words, task))
            for task, family, count in zip(tasks, families, split, strict=True)
        ]

    def _audit(self, generation: int) -> None:
        """Judges the bests once more, by the verifier that no lever sees; what it says stays in this note."""
        if self.record.of_generation(AUDIT, generation) is not None:
            return
        bests = [result for result in self.results(generation) if result.best and result.candidate]
        bests = sorted(bests, key=lambda result: -(result.best or 0.0))[: self.settings.audits]
        errands = [
            Errand(result.task, self.record.candidate(result.task, result.candidate or ""),
                   seed_of(self.settings.seed, "audit", generation, result.task), "audit")
            for result in bests
        ]  # fmt: skip
        judged = self.parts.tools.court.judge(errands)
        audited = [
            Audited(result.task, result.best or 0.0, judgement.reward)
            for result, judgement in zip(bests, judged, strict=True)
        ]
        gap = gap_of(audited)
        self.record.note(
            AUDIT,
            {"generation": generation, "gap": None if gap is None else dataclasses.asdict(gap),
             "audited": [dataclasses.asdict(each) for each in audited]},
        )  # fmt: skip

    def _choose(self, generation: int) -> Choice:
        noted = self.record.of_generation(DECISION, generation)
        if noted is None:
            choice = choose(self.facts(generation))
            note = {"generation": generation, **dataclasses.asdict(choice), "limit": self._limit}
            self.record.note(DECISION, note)
            self.parts.say(f"generation {generation}: {', '.join(choice.levers) or 'no lever'}: {choice.reason}")
            return choice
        return Choice(tuple(noted["levers"]), noted["stop"], noted["reason"], noted["numbers"])

    def _change(self, generation: int, levers: Sequence[LeverName]) -> None:
        """Drafts, has the gate decide, and adopts what it accepts."""
        changes: list[Change] = []
        for lever in levers:
            change = self._draft(generation, lever, changes)
            changes += [] if change is None else [change]
        if not changes:
            return
        present = self.present(generation)
        harness, adapter = present.harness, present.adapter
        for change in changes:
            if change.lever == "harness":
                harness = Path(change.folder)
            else:
                adapter = Path(change.folder)
        verdict = self._gate(generation, present, harness, adapter)
        self.parts.say(f"generation {generation}: gate: {verdict.result}: {verdict.reason}")
        if verdict.result is GateResult.ACCEPT and self.record.notes(POLICY)[-1]["generation"] <= generation:
            version = self._open(harness, adapter).version
            self._note_policy(generation + 1, harness, adapter, version, "; ".join(each.reason for each in changes))

    def _draft(self, generation: int, lever: LeverName, beside: Sequence[Change]) -> Change | None:
        """The lever's change, drafted once; a folder that an earlier session left behind half-written is written
        anew.
        """
        for note in self.record.notes(CHANGE):
            if (note["generation"], note["lever"]) == (generation, lever):
                return None if note["change"] is None else read_change(note["change"], self.parts.folder)
        into = self.parts.folder / CHANGES / f"g{generation}-{lever}"
        shutil.rmtree(into, ignore_errors=True)
        into.mkdir(parents=True)
        present = self.present(generation)
        view = LeverView(self.record, self.parts.folder)
        pulled = self.parts.levers[lever]
        seed = seed_of(self.settings.seed, lever, generation)
        change = pulled.draft(view, present.version, present.harness, present.adapter, into, seed, tuple(beside))
        plain = None if change is None else plain_change(change, self.parts.folder)
        said = pulled.said if change is None else change.reason
        self.record.note(CHANGE, {"generation": generation, "lever": lever, "change": plain, "said": said})
        self.parts.say(f"generation {generation}: {lever}: {said}")
        return change

    def _family(self, task: str) -> str:
        return self.parts.tools.court.session(task).family

    def _gate(self, generation: int, present: Present, harness: Path, adapter: Path | None) -> GateVerdict:
        sides = Sides(
            lambda: self._open(present.harness, present.adapter, present.version), lambda: self._open(harness, adapter)
        )
        spent = sum(note["evaluations"] for note in self.record.notes(GATE) if note["generation"] < generation)

        def looks(look: int) -> list[list[Share]]:
            tasks, seed = self._tasks[Split.GATE], self.settings.seed
            return pairs_of_look(tasks, self._family, self.plan, seed, generation, look)

        allowance = self.plan.gate * (generation + 1) - spent
        return run_gate(
            sides, looks, self.settings.rule, allowance, generation, self.parts.tools, self.settings.seed,
            self.plan.searches,
        )
