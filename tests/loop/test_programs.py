"""A language model in the loop: how it is asked for kernels or decisions, and what its replies are worth."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from kernelevo.harness import read_harness
from kernelevo.initialise import samples_folder
from kernelevo.joining_programs import ProgramWay
from kernelevo.language_model import Reply, Stop, Usage
from kernelevo.types import Attempt, Candidate, Check, Figure, Status, Verdict

KERNEL = """#pragma kernelevo launch twice<<<ceildiv(n, 128), 128>>>(x, y, n)
extern "C" __global__ void twice(const float* x, float* y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = x[i] * 2.0f;
}
"""


def attempt(text: str, parent: str | None = None) -> Attempt:
    candidate = Candidate(text, {}, "policy", parent, ("one",))
    score = Figure(3.0, "us", "virtual:h100", "modelled")
    checks = (Check("outputs", True, "equal"),)
    return Attempt(candidate, Verdict(candidate.id, "virtual:h100", Status.PASSED, "", score, checks=checks))


@pytest.fixture
def way() -> ProgramWay:
    return ProgramWay(read_harness(samples_folder() / "harness" / "default"), "model")


SESSION = SimpleNamespace(words=lambda: "# The task\nDouble every element.", task="twice", family="twice")


def reply(text: str, stop: Stop = Stop.COMPLETE) -> Reply:
    return Reply(text, stop, Usage(1, 1))


def test_it_is_told_the_task_the_kernel_and_what_was_tried(way: ProgramWay) -> None:
    parent = attempt(KERNEL)
    prompt = way.prompt(SESSION, parent, [attempt(KERNEL.replace("2.0f", "2"), parent.candidate.id)], ())
    system, user = prompt.messages
    assert system.text.startswith("You make GPU kernels faster") and "Double every element." in user.text
    assert KERNEL.strip() in user.text and "What was made of it already" in user.text
    assert way.sampling().max_tokens > 1000


def test_a_kernel_in_a_reply_is_a_candidate(way: ProgramWay) -> None:
    parent = attempt(KERNEL)
    text = f"Change: fewer blocks\n\n```cuda\n{KERNEL.replace('128', '256')}```\n"
    found = way.read(SESSION, parent, reply(text))
    assert found.outcome == "made" and found.candidate is not None
    assert found.candidate.parent == parent.candidate.id and found.candidate.moves == ("one", "model: fewer blocks")


@pytest.mark.parametrize(
    ("text", "stop", "blamed"),
    [
        ("I cannot.", Stop.COMPLETE, True),
        ("", Stop.CUT_OFF, False),
        ("no", Stop.FILTERED, False),
        (f"```cuda\n{KERNEL[:150]}", Stop.LENGTH, False),
    ],
)
def test_a_reply_without_a_kernel_is_worth_nothing_only_by_its_own_fault(
    way: ProgramWay, text: str, stop: Stop, blamed: bool
) -> None:
    found = way.read(SESSION, attempt(KERNEL), reply(text, stop))
    assert found.candidate is None and found.outcome != "made" and found.blamed == blamed


def test_json_of_a_reading_is_plain(way: ProgramWay) -> None:
    assert json.dumps(way.read(SESSION, attempt(KERNEL), reply("I cannot.")).outcome)
