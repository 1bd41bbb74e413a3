"""Joins the loop: which backend, model, harness, levers, store and executor make a run of it.

Everything is imported when it is needed: a command that runs no loop loads none of it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import platform
import shutil
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kernelevo
from kernelevo.errors import BadInput, NotInstalled
from kernelevo.harness import read_harness, write_files
from kernelevo.initialise import samples_folder
from kernelevo.joining_backends import WITH_AGENT, open_asked
from kernelevo.joining_levers import DEFAULT_MODEL, OWN_AGENT, open_levers
from kernelevo.language_model import Adapter, Price
from kernelevo.learning import LeverName, PolicyVersion, Spending, folder_key
from kernelevo.learning_interfaces import SeededModel
from kernelevo.loop.budget import Account, LoopLimits
from kernelevo.loop.gate import GateRule
from kernelevo.loop.generation import Tools
from kernelevo.loop.judging import Codec, Court, Memo
from kernelevo.loop.plan import PAIR_COST, LoopSettings
from kernelevo.loop.policy import DecisionWay, Policy
from kernelevo.loop.record import Record
from kernelevo.loop.run_loop import Loop, Parts
from kernelevo.settings import ModelRequest, Settings
from kernelevo.stores.codec import from_json, to_json
from kernelevo.types import RunRecord, Verdict

if TYPE_CHECKING:
    from kernelevo.decisions import Grammar
    from kernelevo.interfaces import Dialogue, Model, Store
    from kernelevo.learning_interfaces import Agent, Backend, TaskSession
    from kernelevo.models.budget import Forecast, Spent, TokenBudget
    from kernelevo.models.recorded import CallTime, RecordedModel

OWN_MODELS = ("tiny", "prior", "uniform", "tabular")
"""Those that answer observations and are in this package; all but prior and uniform need the extra `lora`."""
MOST_SESSIONS = 64
"""Open tasks of a worker."""
NO_LIMIT = 10**15
CALL_SECONDS = 120.0
"""Of one question to a model, retries included."""
DEFAULT_HARNESS, PROGRAM_HARNESS = "default", "programs"
GAIN = "times as fast"
EVOLVER, JUDGE = "evolver", "judge"
"""The folders in a run's that hold what was asked of the evolver, and of the judge of compliance."""


@dataclass(frozen=True)
class LoopRequest:
    """What the user asked of a run of the loop, as it is recorded."""

    task: str
    model: str = DEFAULT_MODEL
    evolver: str | None = None
    judge: str | None = None
    harness: str | None = None
    adapter: str | None = None
    levers: tuple[LeverName, ...] = ("harness", "weights")
    generations: int = 4
    seed: int = 0
    reuse: bool = False
    gap: float = 0.5
    limits: LoopLimits = field(default_factory=LoopLimits)
    workers: int = 1
    base_url: str | None = None
    key_variable: str | None = None
    price: tuple[float, float] | None = None
    data: str | None = None
    metric: str | None = None

    @property
    def settings(self) -> LoopSettings:
        return LoopSettings(self.levers, self.generations, self.seed, self.reuse, GateRule(), self.gap)

    def plain(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def read(cls, plain: Mapping[str, Any]) -> LoopRequest:
        limits = LoopLimits(**plain["limits"])
        price = None if plain["price"] is None else tuple(plain["price"])
        return cls(**{**plain, "limits": limits, "levers": tuple(plain["levers"]), "price": price})


class Workers:
    """A backend for each thread, made when the thread first asks, and its open sessions: tools that drive a child of
    their own are never shared.
    """

    def __init__(self, make: Callable[[], Backend]) -> None:
        self._make = make
        self._local = threading.local()
        self._guard = threading.Lock()
        self._made: list[Backend] = []

    def backend(self) -> Backend:
        """The calling thread's own."""
        if not hasattr(self._local, "backend"):
            with self._guard:
                self._local.backend = self._make()
                self._local.sessions = OrderedDict()
                self._made.append(self._local.backend)
        backend: Backend = self._local.backend
        return backend

    def session(self, task: str) -> TaskSession:
        """The calling thread's own session of a task; the one that was used longest ago is closed for a new one."""
        backend, sessions = self.backend(), self._local.sessions
        if task not in sessions:
            if len(sessions) >= MOST_SESSIONS:
                sessions.popitem(last=False)[1].close()
            sessions[task] = backend.open(task)
        sessions.move_to_end(task)
        session: TaskSession = sessions[task]
        return session

    def close(self) -> None:
        with self._guard:
            made, self._made = self._made, []
        for backend in made:
            backend.close()


@dataclass
class Opened:
    """A loop that is ready to run, and what is said of it first."""

    loop: Loop
    store: Store
    model: str
    notes: Sequence[str]
    closing: ExitStack = field(default_factory=ExitStack)
    judge: Dialogue | None = None

    def close(self) -> None:
        self.closing.close()


CODEC = Codec(lambda verdict: to_json(verdict, Verdict), lambda text: from_json(text, Verdict))
Progress = Callable[..., None]


def open_loop(
    request: LoopRequest, folder: Path, store: Store, settings: Settings, say: Callable[[str], None],
    progress: Progress = lambda phase, results: None, memo: Memo | None = None, workers: Workers | None = None,
    exported: Callable[[Loop, int], None] = lambda loop, generation: None,
) -> Opened:  # fmt: skip
    """The loop on this record; what is missing or wrong raises BadInput before anything is asked or judged. `workers`
    and `memo` may be shared by several loops on one backend.
    """
    from kernelevo.models.budget import TokenBudget
    from kernelevo.models.recorded import CallTime, RecordedModel, recorded_turns

    closing = ExitStack()
    own = workers or Workers(lambda: open_asked(request, settings))
    if workers is None:
        closing.callback(own.close)
    backend = own.backend()
    model, trainable, why = open_model(request, backend, _asked(store))
    closing.callback(model.close)
    record = Record(store, backend.version, lambda: recorded_turns(store))
    limits = request.limits
    price = _price(request)
    budget = TokenBudget(limits.tokens or NO_LIMIT, limits.money, price)

    dialogues: list[RecordedModel] = []

    def spent() -> Spending:
        used = [Spending(tokens=each.spent.tokens, money=each.spent.cost) for each in dialogues]
        return sum(used, record.spent())

    account = Account(limits, spent, lambda: dialogues[0].refused if dialogues else "")
    time = CallTime(CALL_SECONDS, lambda: _seconds_left(account))
    dialogue = RecordedModel(model, store, _Shared(budget, dialogues), time)
    dialogues.append(dialogue)
    aside: dict[str, RecordedModel] = {}
    for role, name in _asked_aside(request).items():
        aside[role] = _aside(name, folder / role, request, _Shared(budget, dialogues), time, closing)
        dialogues.append(aside[role])
    shared = memo or Memo()
    for key, judgement in record.judgements():
        shared.keep(key, judgement)
    executor = _executor(request.workers, closing)
    court = Court(own.session, executor, CODEC, shared, record.keep_judgement)

    def open_policy(harness: Path, adapter: Path | None) -> Policy:
        return _policy(harness, adapter, backend, model, dialogue)

    if request.adapter is not None:
        model.load_adapter(Adapter("start", 0, request.adapter))  # what cannot be loaded is said now
    levers = open_levers(request.model, request.levers, trainable, backend, aside.get(EVOLVER))
    tools = Tools(record, court, account, progress, getattr(backend, "uses_card", False))
    parts = Parts(backend, open_policy, levers, tools, folder, exported, say)
    start = _start(request, folder, settings, writes_programs(request.model, backend))
    begun = read_harness(start[0])
    begun.decisions.settings(backend.grammar)  # a rule that is none is said now
    if request.model == OWN_AGENT:
        from kernelevo.joining_texts import text_of

        trainable.check(text_of(begun, backend.name))  # and so is a pipeline that is none
    least = getattr(backend, "least_gain", GateRule.least_gain)
    cost = getattr(backend, "pair_cost", PAIR_COST)
    asked = dataclasses.replace(request.settings, rule=GateRule(least_gain=least), pair_cost=cost)
    return Opened(Loop(parts, asked, start), store, model.name, [why], closing, aside.get(JUDGE))


def _price(request: LoopRequest) -> Price | None:
    """What models cost; nothing, where all of them run in this process. Raises BadInput where money is limited and
    nobody knows what a reply costs.
    """
    if request.price is not None:
        return Price(*request.price)
    named = (request.model, request.evolver, request.judge)
    served = [name for name in named if name and name.startswith(("openai:", "vllm:"))]
    if request.limits.money is None:
        return None
    if served:
        raise BadInput(
            f"--budget money={request.limits.money:g} needs --price IN OUT: nobody knows what {served[0]} costs"
        )
    return Price(0.0, 0.0)


def _seconds_left(account: Account) -> float:
    left = account.left()["seconds"]
    return float("inf") if left is None else left


def _executor(workers: int, closing: ExitStack) -> Any:
    if workers == 1:
        from kernelevo.executors.serial import SerialExecutor

        return SerialExecutor()
    from kernelevo.executors.local import LocalExecutor

    executor = LocalExecutor(workers)
    closing.callback(executor.close)
    return executor


def _asked(store: Store) -> dict[str, int]:
    """How often each question was answered, by its prompt's key."""
    from kernelevo.models.recorded import recorded_turns

    return Counter(turn.prompt for turn in recorded_turns(store).values())


def _policy(harness: Path, adapter: Path | None, backend: Backend, model: Model, dialogue: Any) -> Policy:
    """Reads the harness and loads the adapter; the version is the hash of both."""
    read, grammar = read_harness(harness), backend.grammar
    decisions = read.decisions.settings(grammar)
    key = "" if adapter is None else folder_key(adapter)
    if adapter is not None:
        model.load_adapter(Adapter("loop", int(key[:6], 16), str(adapter)))
    elif model.capabilities.adapters:
        model.load_adapter(None)
    version = PolicyVersion(model.name, read.key, key)
    restart = model.restart if isinstance(model, SeededModel) else lambda seed, asked: None
    if model.name == OWN_AGENT:
        from kernelevo.joining_texts import TextWay, text_of

        return Policy(version, decisions, TextWay(text_of(read, backend.name), OWN_AGENT), dialogue, restart=restart)
    if writes_programs(model.name, backend):
        from kernelevo.joining_python import PythonWay

        written = PythonWay(read, model.name)
        return Policy(version, decisions, written, dialogue, tells_children=True, restart=restart)
    if _decides(model.name, grammar):
        return Policy(version, decisions, DecisionWay(decisions), dialogue, restart=restart)
    from kernelevo.joining_programs import AgentWay, ProgramWay
    from kernelevo.sandbox_scripts import run_script

    tools = read.dialogue.tools
    if tools.on:
        way = AgentWay(read, model.name, run_script)
        return Policy(version, decisions, way, dialogue, calls=tools.calls, restart=restart)
    program = ProgramWay(read, model.name)
    return Policy(version, decisions, program, dialogue, tells_children=True, restart=restart)


def writes_programs(model: str, backend: Backend) -> bool:
    """Whether this model acts by writing programs in Python: one of language does, where they are candidates."""
    return model not in (*OWN_MODELS, OWN_AGENT) and getattr(backend, "form", None) is not None


def _decides(model: str, grammar: Grammar) -> bool:
    """Our own models decide; one of language writes kernels, and decides where there is nothing to be written."""
    return model in OWN_MODELS or grammar.backend != "kernels"


def open_model(request: LoopRequest, backend: Backend, asked: Mapping[str, int]) -> tuple[Model, Any, str]:
    """The model that acts, what of it can be trained (None: nothing), and one line on which it is and why."""
    name, grammar = request.model, backend.grammar
    if name == OWN_AGENT:
        agent = require_agent(backend)
        why = f"model {name}: the agent of {backend.name}, with its own network"
        return agent.model(request.seed, asked), agent, why
    if name in ("prior", "uniform"):
        from kernelevo.models.prior import PriorModel

        return PriorModel(name, request.seed, asked), None, f"model {name}: no weights, it goes by the harness alone"
    if name in ("tiny", "tabular"):
        model, why = _own_model(name, grammar, request.seed, asked)
        return model, model, f"model {name}: {why}"
    return _served_model(request, sum(asked.values()))


def require_agent(backend: Backend) -> Agent:
    """Raises BadInput where the domain brings none."""
    agent: Agent | None = getattr(backend, "agent", None)
    if agent is None:
        if backend.name in WITH_AGENT:
            needed = f"the agent of {backend.name} needs torch and peft: pip install 'kernelevo[lora]'"
            raise NotInstalled(f"{needed}; or take --model prior")
        raise BadInput(f"the backend {backend.name} brings no agent of its own; give --model tiny or prior")
    return agent


def _own_model(name: str, grammar: Grammar, seed: int, asked: Mapping[str, int]) -> tuple[Any, str]:
    try:
        if name == "tabular":
            from kernelevo.models.tabular import TabularModel

            return TabularModel(seed=seed, asked=asked), "a table that starts at random, for trying out the loop"
        import torch

        from kernelevo.models.tiny import open_tiny

        # More threads make so small a network no faster, and results hang on their number.
        torch.set_num_threads(1)
        model = open_tiny(grammar, seed=seed, asked=asked)
        return model, model.base.sentence
    except ImportError as error:
        raise NotInstalled(
            f"the model {name} needs {error.name}: pip install 'kernelevo[lora]'; or take --model prior, which needs "
            "nothing and goes by the harness alone"
        ) from error


def _served_model(request: LoopRequest, given: int) -> tuple[Model, Any, str]:
    if request.adapter is not None and not request.model.startswith("hf:"):
        raise BadInput("the loop loads adapters of its own into a server; leave --adapter out, or take tiny or hf:PATH")
    from kernelevo.joining_models import open_model as open_request

    asked = ModelRequest(request.model, request.base_url, request.key_variable, request.price)
    model = open_request(asked, given)
    return model, model if hasattr(model, "trainer") else None, f"model {asked.shown}: given by --model"


@dataclass(frozen=True)
class _Shared:
    """One budget of several models: what any of them has used is gone for all."""

    budget: TokenBudget
    dialogues: Sequence[RecordedModel]

    def forecast(self, spent: Spent, prompt_tokens: int, n: int, max_tokens: int) -> Forecast | str:
        for each in self.dialogues:
            if each.spent is not spent:
                spent = spent.plus(each.spent.tokens, each.spent.cost)
        return self.budget.forecast(spent, prompt_tokens, n, max_tokens)


def _asked_aside(request: LoopRequest) -> dict[str, str]:
    """The models that are asked beside the one that acts, by what for. Raises BadInput for one that nobody asks."""
    if request.model == OWN_AGENT and request.evolver is not None:
        raise BadInput("--evolver drafts for other models; the pipeline of --model own is drafted from the record")
    evolver = request.evolver if "harness" in request.levers else None
    return {role: name for role, name in ((EVOLVER, evolver), (JUDGE, request.judge)) if name is not None}


def _aside(
    name: str, place: Path, request: LoopRequest, budget: _Shared, time: CallTime, closing: ExitStack
) -> RecordedModel:
    """A model on a record of its own beside the run's."""
    from kernelevo.joining_models import open_model as open_request
    from kernelevo.models.recorded import RecordedModel, recorded_turns
    from kernelevo.stores.sqlite import DATABASE, SqliteStore

    place.mkdir(parents=True, exist_ok=True)
    store = SqliteStore.resume(place) if (place / DATABASE).exists() else SqliteStore.create(place)
    closing.callback(store.close)
    given = sum(len(turn.replies) for turn in recorded_turns(store).values())
    asked = ModelRequest(name, request.base_url, request.key_variable, request.price)
    model = open_request(asked, given)
    closing.callback(model.close)
    return RecordedModel(model, store, budget, time)


def _start(request: LoopRequest, folder: Path, settings: Settings, programs: bool) -> tuple[Path, Path | None]:
    """Copies of the harness and of the adapter that the run begins with, inside its folder: what is edited outside
    later changes nothing here.
    """
    harness, adapter = folder / "start" / "harness", folder / "start" / "adapter"
    if not harness.exists():
        unfinished = harness.with_name(".harness")  # what a run that was killed has written in part is written anew
        shutil.rmtree(unfinished, ignore_errors=True)
        write_files(unfinished, read_harness(harness_folder(request, settings, programs)).files)
        unfinished.rename(harness)
    if request.adapter is not None and not adapter.exists():
        _copy_adapter(Path(request.adapter), adapter)
    return harness, adapter if adapter.exists() else None


def _copy_adapter(source: Path, adapter: Path) -> None:
    try:
        shutil.copytree(source, adapter)
    except OSError as error:
        shutil.rmtree(adapter, ignore_errors=True)
        raise BadInput(f"the adapter in {source} cannot be copied ({error}); give a folder of plain files") from error


def harness_folder(request: LoopRequest, settings: Settings, programs: bool) -> Path:
    """What the run begins with, where none was named: one of its own for who writes `programs` in Python."""
    if request.harness is not None:
        return Path(request.harness)
    installed = samples_folder() / "harness"
    folder, _ = settings.choose_harness(installed)
    if not programs:
        return folder / DEFAULT_HARNESS
    places = (folder / PROGRAM_HARNESS, installed / PROGRAM_HARNESS)
    return next((place for place in places if place.is_dir()), places[0])


def gain_words(backend: Backend) -> str:
    """What a reward of 2 is: twice as fast, where candidates are judged by their time."""
    return str(getattr(backend, "gain", GAIN))


def introduction(backend: Backend) -> Sequence[str]:
    """What a backend says of itself and its data before anything runs; most say nothing."""
    return tuple(getattr(backend, "introduction", ()))


def loop_record(run_id: str, command: str, request: LoopRequest, backend: Backend) -> RunRecord:
    """The head of a run's record."""
    plain = request.plain()
    data = {"data": str(key)} if (key := getattr(backend, "data", "")) else {}
    files = {"files": dict(named)} if (named := getattr(backend, "files", {})) else {}
    return RunRecord(
        id=run_id, command=command, started=datetime.now(UTC).isoformat(timespec="seconds"),
        device=str(getattr(backend, "device", backend.name)), how=getattr(backend, "how", "modelled"),
        task=f"{request.task} (loop)", settings={"loop": plain, "band": 0.0, "gain": gain_words(backend), **files},
        versions={"kernelevo": kernelevo.__version__, "python": platform.python_version(), "backend": backend.version},
        hashes={"grammar": backend.grammar.key, "request": hashlib.sha256(repr(plain).encode()).hexdigest(), **data},
    )  # fmt: skip


def require_as_begun(record: RunRecord, backend: Backend) -> None:
    """Raises BadInput where a record cannot be gone on with: decisions of another grammar cannot be read, and other
    data is dealt to the splits otherwise. Verdicts of another version are made again (they are not used).
    """
    if record.hashes["grammar"] != backend.grammar.key:
        raise BadInput(
            f"run {record.id} was begun with another grammar of {backend.name}; start a new run, or go back "
            f"to kernelevo {record.versions['kernelevo']}"
        )
    if record.hashes.get("data", data := str(getattr(backend, "data", ""))) != data:
        begun = "".join(f"; it began with {name}={file}" for name, file in record.settings.get("files", {}).items())
        raise BadInput(
            f"run {record.id} was begun on other data of {backend.name} (--data, or files that its variables "
            f"KERNELEVO_... name{begun}): name the same again, or start a new run"
        )
