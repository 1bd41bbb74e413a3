"""A loop on the scripted backend with a policy without weights, and levers that do what a test says."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest

from kernelevo.backends.scripted import GRAMMAR, ScriptedBackend
from kernelevo.decisions import DecisionSettings
from kernelevo.executors.serial import SerialExecutor
from kernelevo.interfaces import Store
from kernelevo.learning import Change, PolicyVersion, Spending, folder_key
from kernelevo.loop.budget import Account, LoopLimits
from kernelevo.loop.generation import Tools
from kernelevo.loop.judging import Codec, Court, Memo
from kernelevo.loop.plan import LoopSettings
from kernelevo.loop.policy import DecisionWay, Policy
from kernelevo.loop.record import Record
from kernelevo.loop.run_loop import Loop, Parts
from kernelevo.models.budget import TokenBudget
from kernelevo.models.prior import PriorModel
from kernelevo.models.recorded import CallTime, RecordedModel, recorded_turns
from kernelevo.stores.codec import from_json, to_json
from kernelevo.stores.memory import MemoryStore
from kernelevo.types import Verdict

RULES = {rule: 0.0 for rule in GRAMMAR.rules if rule not in ("stop", "lose")}
CODEC = Codec(lambda verdict: to_json(verdict, Verdict), lambda text: from_json(text, Verdict))


def write_harness(folder: Path, settings: DecisionSettings) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "decisions.json").write_text(json.dumps(asdict(settings), sort_keys=True))
    return folder


def read_settings(folder: Path) -> DecisionSettings:
    return DecisionSettings(**json.loads((folder / "decisions.json").read_text()))


class BiasLever:
    """Drafts one harness after the other from a list of settings; then has nothing more."""

    name = "harness"

    def __init__(self, *drafts: DecisionSettings | None) -> None:
        self.drafts = drafts
        self.said = ""
        self.seen: list[list[float | None]] = []

    def draft(self, record, policy, harness, adapter, into, seed, beside=()):
        generation = record.generations() - 1
        self.seen.append([step.best for step in record.steps(generation)])
        draft = self.drafts[generation] if generation < len(self.drafts) else None
        if draft is None:
            self.said = "nothing to be changed"
            return None
        write_harness(into, draft)
        after, reason = folder_key(into), f"draft {generation}"
        return Change("harness", str(into), policy.harness, after, reason, details={"n": seed})


@dataclass
class Bench:
    """What a loop of a test is made of; `again` makes another loop on the same record, as a resumed run does."""

    folder: Path
    store: Store
    settings: LoopSettings
    limits: LoopLimits
    backend: ScriptedBackend = field(default_factory=ScriptedBackend)
    levers: dict = field(default_factory=dict)
    start: DecisionSettings = field(default_factory=lambda: DecisionSettings(dict(RULES)))
    memo: Memo = field(default_factory=Memo)
    said: list[str] = field(default_factory=list)
    model: Callable[..., PriorModel] = PriorModel

    def loop(self) -> Loop:
        record = Record(self.store, self.backend.version, lambda: recorded_turns(self.store))
        asked: dict[str, int] = {}
        for turn in recorded_turns(self.store).values():
            asked[turn.prompt] = asked.get(turn.prompt, 0) + 1
        model = self.model("prior", self.settings.seed, asked)
        budget = TokenBudget(10**9 if self.limits.tokens is None else self.limits.tokens)
        dialogue = RecordedModel(model, self.store, budget, CallTime(60.0, lambda: account.left()["seconds"] or 1e9))
        sessions: dict = {}

        def session(task):
            if task not in sessions:
                sessions[task] = self.backend.open(task)
            return sessions[task]

        for key, judgement in record.judgements():
            self.memo.keep(key, judgement)

        def open_policy(harness, adapter):
            settings = read_settings(harness)
            way, version = DecisionWay(settings), PolicyVersion("prior", folder_key(harness))
            return Policy(version, settings, way, dialogue, restart=model.restart)

        court = Court(session, SerialExecutor(), CODEC, self.memo, record.keep_judgement)

        def spent() -> Spending:
            return record.spent() + Spending(tokens=dialogue.spent.tokens)

        account = Account(self.limits, spent, lambda: dialogue.refused)
        tools = Tools(record, court, account)
        parts = Parts(self.backend, open_policy, self.levers, tools, self.folder, say=self.said.append)
        return Loop(parts, self.settings, (self.folder / "start", None))


@pytest.fixture
def bench(tmp_path: Path) -> Callable[..., Bench]:
    def make(levers=None, evaluations: int = 400, start: DecisionSettings | None = None, **settings) -> Bench:
        store = MemoryStore()
        settings.setdefault("levers", tuple(levers or {}))
        made = Bench(
            tmp_path, store, LoopSettings(**settings), LoopLimits(evaluations), levers=dict(levers or {})
        )
        made.start = start or made.start
        write_harness(tmp_path / "start", made.start)
        return made

    return make
