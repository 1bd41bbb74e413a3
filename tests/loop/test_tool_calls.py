"""A language model in the loop that works in tool calls: conversations over rounds, on the record, killed anywhere."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from kernelevo import joining_loop
from kernelevo.harness import Harness, read_harness, write_files
from kernelevo.initialise import samples_folder
from kernelevo.joining_loop import LoopRequest, Opened, loop_record, open_loop
from kernelevo.joining_programs import AgentWay
from kernelevo.language_model import Capabilities, Prompt, Reply, Stop, Usage
from kernelevo.learning import Split, Step
from kernelevo.loop.budget import LoopLimits
from kernelevo.loop.generation import execute
from kernelevo.loop.policy import Said
from kernelevo.loop.task_state import Phase, Share
from kernelevo.settings import Settings
from kernelevo.stores.memory import MemoryStore
from kernelevo.telemetry import telemetry
from kernelevo.types import Attempt, Candidate, Check, Figure, Status, Verdict

KERNEL = """#pragma kernelevo launch twice<<<ceildiv(n, 128), 128>>>(x, y, n)
extern "C" __global__ void twice(const float* x, float* y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = x[i] * 2.0f;
}
"""
SESSION = SimpleNamespace(words=lambda: "# The task\nDouble every element.", task="twice", family="twice")
SKILL = "coalescing"
CHECKS = (Check("outputs", True, "equal"),)


def shipped() -> Harness:
    return read_harness(samples_folder() / "harness" / "default")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The shipped harness with tools on, and its skills to be loaded."""
    files = dict(shipped().files)
    text = files["dialogue.toml"].replace("on = false", "on = true")
    listed = re.search(r"^inline = (.*)$", text, re.MULTILINE)
    assert listed is not None
    text = text.replace(listed[0], "inline = []").replace("on_demand = []", f"on_demand = {listed[1]}")
    write_files(tmp_path / "tools", files | {"dialogue.toml": text})
    return tmp_path / "tools"


@pytest.fixture
def way(folder: Path) -> AgentWay:
    return AgentWay(read_harness(folder), "model", lambda name, text, given: f"{name} printed")


def attempt(text: str, parent: str | None = None, us: float = 3.0) -> Attempt:
    candidate = Candidate(text, {}, "agent", parent, ("one",))
    score = Figure(us, "us", "virtual:h100", "modelled")
    return Attempt(candidate, Verdict(candidate.id, "virtual:h100", Status.PASSED, "", score, checks=CHECKS))


def reply(text: str, stop: Stop = Stop.COMPLETE) -> Reply:
    return Reply(text, stop, Usage(10, 10))


def program(tool: str, kernel: str) -> str:
    return f'{json.dumps({"tool": tool})}\nChange: another\n```cuda\n{kernel}```\n'


def test_a_call_makes_nothing_and_the_next_question_holds_what_it_brought(way: AgentWay) -> None:
    parent, call = attempt(KERNEL), reply(json.dumps({"tool": "load_skill", "name": SKILL}))
    found = way.read(SESSION, parent, call)
    assert (found.outcome, found.candidate, found.blamed, found.ends) == ("call_load_skill", None, False, False)
    first, then = way.prompt(SESSION, parent, [], ()), way.prompt(SESSION, parent, [], (), [Said(call)])
    assert first is not None and then is not None
    body = shipped().skills[SKILL].body
    assert body in then.messages[-1].text and all(body not in message.text for message in first.messages)


def test_a_checked_file_is_a_candidate_and_its_verdict_is_told(way: AgentWay) -> None:
    parent, checked = attempt(KERNEL), reply(program("check_candidate", KERNEL.replace("128", "256")))
    found = way.read(SESSION, parent, checked)
    assert found.outcome == "made" and not found.ends and found.candidate is not None
    made = attempt(found.candidate.text, parent.candidate.id, us=1.5)
    then = way.prompt(SESSION, parent, [], (), [Said(checked, made)])
    assert then is not None and "2.00 times as fast" in then.messages[-1].text
    last = way.read(SESSION, parent, reply(program("submit", KERNEL.replace("128", "64"))), [Said(checked, made)])
    assert last.outcome == "made" and last.ends


@pytest.mark.parametrize(
    ("text", "stop", "blamed"),
    [("I think.", Stop.COMPLETE, True), ("", Stop.CUT_OFF, False), ("", Stop.FILTERED, False)],
)
def test_what_is_no_call_is_worth_nothing_only_by_its_own_fault(
    way: AgentWay, text: str, stop: Stop, blamed: bool
) -> None:
    found = way.read(SESSION, attempt(KERNEL), reply(text, stop))
    assert found.candidate is None and found.blamed == blamed
    assert found.ends == (stop is Stop.FILTERED)


class Talker:
    """Loads a skill, looks at the profile, has a file checked, then submits another, in each conversation: what to say
    follows from the question alone. Stops the process's work after `alive` replies.
    """

    name = "talker"
    capabilities = Capabilities()

    def __init__(self, alive: int = 10**9) -> None:
        self.alive = alive
        self.asked: list[Prompt] = []

    def sample(self, prompt, n, settings, seconds):
        if len(self.asked) >= self.alive:
            raise KeyboardInterrupt
        self.asked.append(prompt)
        said = sum(message.role == "assistant" for message in prompt.messages)
        kernel = re.search(r"```cuda\n(.*?)```", prompt.messages[1].text, re.DOTALL)[1]
        marked = f"{kernel.rstrip()}\n// {said} {len(kernel)}\n"
        texts = [
            json.dumps({"tool": "load_skill", "name": SKILL}), json.dumps({"tool": "read_profile"}),
            program("check_candidate", marked), program("submit", marked),
        ]  # fmt: skip
        return [reply(texts[said])] * n

    def count_tokens(self, prompt):
        return prompt.estimated_tokens

    def load_adapter(self, adapter):
        assert adapter is None

    def close(self):
        """Nothing is open."""


@dataclasses.dataclass
class Bench:
    store: MemoryStore
    place: Path
    harness: Path
    patch: pytest.MonkeyPatch

    def opened(self, model: Talker) -> Opened:
        self.patch.setattr(joining_loop, "open_model", lambda request, grammar, asked: (model, None, "model talker"))
        limits = LoopLimits(evaluations=480)
        request = LoopRequest("kernels", "openai:talker", harness=str(self.harness), levers=("harness",), limits=limits)
        settings = Settings.from_environment({"KERNELEVO_CACHE": str(self.place / "cache"), "HOME": str(self.place)})
        found = open_loop(request, self.place, self.store, settings, lambda line: None)
        if not self.store.begun:
            self.store.begin(loop_record("run", "test", request, found.loop.parts.backend))
            self.store.begun = True
        return found

    def acted(self, model: Talker, task: str) -> list[Step]:
        opened = self.opened(model)
        try:
            loop = opened.loop
            loop.begin()
            share = Share(task, "family", 5, 1)
            execute(Phase("reward:0", 0), loop.open_present(), [share], loop.parts.tools)
            return [step for each in loop.record.rounds("reward:0") for step in each.steps]
        finally:
            opened.close()


@pytest.fixture
def bench(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    store = MemoryStore()
    store.begun = False
    return Bench(store, tmp_path / "run", folder, monkeypatch)


def test_conversations_make_candidates_on_a_real_task_and_go_on_where_they_were_killed(
    bench: Bench, tmp_path: Path
) -> None:
    opened = bench.opened(Talker())
    task = opened.loop.parts.backend.tasks(Split.REWARD)[0]
    opened.close()
    whole = Bench(MemoryStore(), tmp_path / "whole", bench.harness, bench.patch)
    whole.store.begun = False
    model = Talker()
    steps = whole.acted(model, task)
    outcomes = ["call_load_skill", "call_read_profile", "made", "made"]
    assert [step.outcome for step in steps] == outcomes * 2
    assert [step.ends for step in steps[:4]] == [False, False, False, True]
    made = [step for step in steps if step.candidate]
    assert all(step.status is Status.PASSED and step.reward for step in made)
    assert all(step.reward is None and step.status is None for step in steps if not step.candidate)
    assert len({step.candidate for step in made}) == 4, "each conversation made two of its own"
    seen = telemetry(steps, read_harness(bench.harness))
    assert seen.loaded.value == 1.0 and seen.readable.value == 1.0

    # Killed after any reply: nothing is asked twice, and the record comes to the same.
    asked: list[Prompt] = []
    for alive in (1, 2, 1, 3):
        talker = Talker(alive)
        with pytest.raises(KeyboardInterrupt):
            bench.acted(talker, task)
        asked += talker.asked
    last = Talker()
    again = bench.acted(last, task)
    assert [prompt.key for prompt in asked + last.asked] == [prompt.key for prompt in model.asked]
    assert [(step.outcome, step.candidate, step.reward, step.ends) for step in again] == [
        (step.outcome, step.candidate, step.reward, step.ends) for step in steps
    ]
