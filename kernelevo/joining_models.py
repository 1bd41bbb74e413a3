"""A language model as a proposer, opened: which model, behind which harness, on the record of a run.

Everything is imported when it is needed: a run without a model loads none of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from kernelevo.errors import BadInput
from kernelevo.initialise import samples_folder
from kernelevo.language_model import Adapter, Price
from kernelevo.settings import DEFAULT_KEY_VARIABLE, EMBEDDED, ModelRequest, Settings

if TYPE_CHECKING:
    from kernelevo.harness import Harness
    from kernelevo.interfaces import Model, Proposer, Store
    from kernelevo.joining_decisions import DecisionPolicy
    from kernelevo.language_model import Reply
    from kernelevo.proposers.policy import TaskWords
    from kernelevo.tasks import Task
    from kernelevo.types import Attempt

HARNESS = "default"
"""The folder of the harness that holds what a model is told."""


@dataclass
class Policy:
    """A model that is ready to be asked; `note` says which, by what harness and within what budget."""

    request: ModelRequest
    harness: Harness
    task: TaskWords
    note: str
    model: Model | None
    """None for a script: where it goes on depends on what the record says was given."""
    script: Sequence[Reply] = field(default_factory=list)

    def proposer(
        self, store: Store, children: Callable[[str], Sequence[Attempt]], left: Callable[[], float]
    ) -> Proposer:
        """The proposer on this record. `left` tells how many seconds may still be spent."""
        from kernelevo.models.budget import TokenBudget
        from kernelevo.models.recorded import CallTime, RecordedModel, recorded_turns
        from kernelevo.proposers.agent import AgentProposer
        from kernelevo.proposers.policy import PolicyProposer, policy_harness
        from kernelevo.sandbox_scripts import run_script

        if self.model is None:
            given = sum(len(turn.replies) for turn in recorded_turns(store).values())
            self.model = _scripted(self.request, self.script, given)
        budget = TokenBudget(self.request.max_tokens, self.request.max_cost, _price(self.request))
        dialogue = RecordedModel(self.model, store, budget, CallTime(self.request.call_seconds, left))
        if self.harness.dialogue.tools.on:
            return AgentProposer(dialogue, self.harness, self.task, children, run_script)
        return PolicyProposer(dialogue, policy_harness(self.harness), self.task, children)

    def joined_key(self, rules: str) -> str:
        """One hash of all texts that proposers go by; `rules` is that of the others'."""
        return hashlib.sha256(f"{rules}\0{self.harness.key}".encode()).hexdigest()

    def close(self) -> None:
        if self.model is not None:
            self.model.close()


def open_policy(request: ModelRequest, task: Task, bench: Any, settings: Settings) -> Policy | DecisionPolicy:
    """The model and its harness; raises BadInput for what is missing or wrong, before anything is recorded."""
    if request.kind == EMBEDDED:
        from kernelevo.joining_decisions import open_decisions

        return open_decisions(request, task, bench, settings)
    from kernelevo.harness import read_harness
    from kernelevo.proposers.policy import TaskWords

    folder, why = settings.choose_harness(samples_folder() / "harness")
    harness = read_harness(folder / HARNESS)
    words = _task_words(task, f"{bench.device} ({bench.how})", bench.properties)
    told = TaskWords(words, task.language, task.file_name, bench.band)
    price = "its cost is unknown: give --price IN OUT" if request.price is None else _price_words(request)
    script, model = _open(request)
    # Notes go into evidence, which strangers read: the server's address is not in them.
    way = "proposes in tool calls" if harness.dialogue.tools.on else "proposes"
    note = (
        f"model {request.shown}{_where(request, model)} {way}, at most {request.max_tokens:,} tokens, {price}; "
        f"harness {folder / HARNESS}: {why}"
    )
    return Policy(request, harness, told, note, model, script)


def _task_words(task: Task, device: str, properties: Mapping[str, int]) -> str:
    from kernelevo.proposers.policy import reference_source
    from kernelevo.proposers.policy.task_words import task_words

    source = reference_source(task.problem_content, task.problem.reference)
    return task_words(task.problem, task.language, device, properties, source)


def _open(request: ModelRequest) -> tuple[Sequence[Reply], Model | None]:
    """A script's replies, or the client of a server; with its adapter loaded, where there is one."""
    if request.kind == "scripted":
        from pathlib import Path

        from kernelevo.models.scripted import read_script

        return read_script(Path(request.model)), None
    return [], open_model(request)


def open_model(request: ModelRequest, given: int = 0) -> Model:
    """A model that answers any prompt, with its adapter loaded, where there is one; of a script `given` replies were
    given before.
    Raises BadInput for the embedded model, which answers observations alone.
    """
    if request.kind == EMBEDDED:
        raise BadInput("the embedded model makes decisions and writes no text; name another --model here")
    if request.kind == "scripted":
        return _scripted(request, _open(request)[0], given)
    if request.kind == "hf":
        return _open_local(request)
    variable = request.key_variable or DEFAULT_KEY_VARIABLE
    settings: dict[str, Any] = {"key": request.key(), "key_variable": variable, "base_url": request.base_url}
    if request.kind == "openai":
        from kernelevo.models.openai import OpenAIModel

        return OpenAIModel(request.model, price=_price(request), **settings)
    from kernelevo.models.vllm import VllmModel

    model = VllmModel(request.model, price=_price(request), **settings)
    if request.adapter is not None:
        model.load_adapter(_adapter(request.adapter))
    return model


def _where(request: ModelRequest, model: Any) -> str:
    """Which device a local model runs on, and why."""
    if request.kind != "hf":
        return ""
    return f" (on {model.device}: {'torch sees no other' if model.device == 'cpu' else 'torch sees one'})"


def _open_local(request: ModelRequest) -> Model:
    from pathlib import Path

    from kernelevo.models.hf import HfModel

    model = HfModel(Path(request.model).resolve(), price=_price(request))
    if request.adapter is not None:
        model.load_adapter(_adapter(request.adapter))
    return model


def _adapter(path: str) -> Adapter:
    """Named by its folder; the version is the hash of the whole path, so that two folders of one name differ."""
    name = PurePosixPath(path).name
    if not name:
        raise BadInput(f"--adapter {path!r} names no folder; give the adapter's, as the server sees it")
    return Adapter(name, int(hashlib.sha256(path.encode()).hexdigest()[:6], 16), path)


def _scripted(request: ModelRequest, script: Sequence[Reply], given: int) -> Model:
    from kernelevo.models.scripted import ScriptedModel

    return ScriptedModel(script, name=request.shown, given=given, price=_price(request))


def _price(request: ModelRequest) -> Price | None:
    return None if request.price is None else Price(*request.price)


def _price_words(request: ModelRequest) -> str:
    prompt, completion = request.price or (0, 0)
    limit = "" if request.max_cost is None else f", at most {request.max_cost:g} in all"
    return f"{prompt:g} and {completion:g} per million of prompt and completion{limit}"
