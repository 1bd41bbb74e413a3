"""What a model is told: what it needs, and nothing that it must not know."""

from __future__ import annotations

from pathlib import Path

import pytest

from kernelevo.kernel.languages import TRITON
from kernelevo.kernel.problem import load_problem
from kernelevo.language_model import Prompt, Reply, Stop, Usage
from kernelevo.models.scripted import ScriptedModel
from kernelevo.proposers.policy.past import outcome_words, scrubbed
from kernelevo.proposers.policy.program import Outcome
from kernelevo.proposers.policy.prompt import build_prompt
from kernelevo.proposers.policy.task_words import reference_source, task_words
from kernelevo.provenance import Provenance, TrialRecord
from kernelevo.types import Attempt, Candidate, Check, Diagnostic, Fault, SourceLine, Status, Verdict
from policy.made import KERNEL, harness, passed, policy, reply, task, variant

START = passed(Candidate(KERNEL))


def text_of(prompt: Prompt) -> str:
    return "\n".join(message.text for message in prompt.messages)


def test_the_prompt_holds_the_task_the_kernel_its_profile_and_the_skills() -> None:
    prompt = build_prompt(harness(), task(), START, [], [])
    system, user = (message.text for message in prompt.messages)
    assert system.startswith("You make GPU kernels faster.") and "## coalescing: " in system
    for words in ("x: f32[n], input", "Timed at: n=4096.", "#pragma kernelevo launch KERNEL", f"```cuda\n{KERNEL}",
                  "10 us (modelled), limited by DRAM bandwidth", "reference = lambda x: x * 2"):  # fmt: skip
        assert words in user


def test_what_was_tried_is_told_with_how_it_went() -> None:
    faster = passed(Candidate(variant(1), parent=START.candidate.id, moves=("m: wider",)), 5.0)
    build = Verdict(
        "0", "virtual:h100", Status.BUILD_ERROR, "no", diagnostics=(Diagnostic("error", "no `;`", "t.cu", 7),)
    )
    broken = Attempt(Candidate(variant(2), parent=START.candidate.id, moves=("m: shorter",)), build)
    ours = Attempt(
        Candidate(variant(3), moves=("m: unlucky",)), Verdict("1", "virtual:h100", Status.INFRA, "we failed")
    )
    user = build_prompt(harness(), task(), START, [faster, broken, ours], []).messages[-1].text
    assert "- m: wider: passed, 5 us, 2.00 times as fast as this one" in user
    assert "- m: shorter: build_error: The compiler refused it. line 7: no `;`" in user
    assert "unlucky" not in user and "we failed" not in user


def test_only_so_many_attempts_are_told_as_the_harness_says() -> None:
    many = [passed(Candidate(variant(number), moves=(f"m: step {number}.",)), 5.0) for number in range(40)]
    user = build_prompt(harness(), task(), START, many, []).messages[-1].text
    assert user.count("m: step") == harness().tried and "m: step 39." in user


def test_replies_without_a_program_are_told_by_kind() -> None:
    last = [Outcome.NO_CODE, Outcome.PROGRAM, Outcome.DIFF, Outcome.NO_CODE]
    user = build_prompt(harness(), task(), START, [], last).messages[-1].text
    assert "2 of 4: It held no code." in user and "1 of 4: It held a difference." in user


def test_what_stays_the_same_comes_first() -> None:
    first = build_prompt(harness(), task(), START, [], [])
    second = build_prompt(harness(), task(), passed(Candidate(variant(1))), [START], [Outcome.NO_CODE])
    assert first.messages[0] == second.messages[0]
    assert second.messages[1].text.startswith(task().text) and first.messages[1].text.startswith(task().text)


def test_a_triton_task_has_triton_s_plan() -> None:
    from policy.made import PROBLEM

    words = task_words(PROBLEM, TRITON, "virtual:a100 (modelled)", {"sms": 108, "warp": 32, "secret": 3}, "")
    assert "# kernelevo: launch KERNEL[GRID]" in words and "#pragma" not in words and "secret" not in words


PLANTED = '''"""A problem. GOLD-DOCSTRING"""
# GOLD-COMMENT: the answer is __shfl_xor_sync with 8 rows a warp
import numpy as np
from kernelevo import Input, Output, Problem, constant, normal

GOLD_TEXT = "GOLD-TEXT"
SCALE = 2.5
OTHER = 71.25

def helper(x):
    "GOLD-HELPER"
    return x * SCALE  # GOLD-REMARK

def unused(x):
    return "GOLD-UNUSED"

def reference(x):
    """GOLD-REFERENCE"""
    # GOLD-INSIDE
    def inner(x):
        "GOLD-INNER"
        "GOLD-AGAIN"
    if x.ndim == 1:
        "GOLD-BRANCH"
    return helper(x)

problem = Problem(
    [Input("x", "f32[n]"), Output("y", "f32[n]")], reference, ["n=4096"], tests=["n=31", "n=4099"],
    inputs={"x": [normal(), constant(1234.5)]},
)
'''
CANARIES = (
    "GOLD", "0.0732", "71.25", "1234.5", "4099", "n=31", "5eed5eed", "98765.4321", "/home/", "/secret/", "deadbeef",
)  # fmt: skip
HOME = "/home/someone/secret/include"


def planted_attempts() -> list[Attempt]:
    """Failures and a success whose verdicts hold what must not be told."""
    trial = TrialRecord("n=4099", 0, False, False, True, 0.1, {"x": "deadbeef" * 8}, {"y": "deadbeef" * 8})
    provenance = Provenance("5eed5eed", "final", (trial,))
    wrong = "y: 3 of 4099 elements are wrong (0.0732 %).\n  y[7] = 1, expected 98765.4321: 30 times the tolerance"
    fault = Fault(
        "out_of_bounds", "4 bytes past the end of x at n=4099", "twice", source=SourceLine("twice.cu", 9),
        address=0xDEADBEEF, cases=("n=4099",),
    )  # fmt: skip
    errors = (Diagnostic("error", f"{HOME}/private.h: no such file at n=31", f"{HOME}/private.h", 3),)
    verdicts = [
        Verdict(
            "1", "virtual:h100", Status.WRONG, wrong, provenance=provenance, checks=(Check("outputs", False, wrong),)
        ),
        Verdict("2", "virtual:h100", Status.TRAPPED, "n=4099: past the end", fault=fault, provenance=provenance),
        Verdict("3", "virtual:h100", Status.BUILD_ERROR, str(errors[0]), diagnostics=errors),
        Verdict(
            "4", "virtual:h100", Status.RULE_BROKEN, f"the grid is 0 at n=31 ({HOME}/private.h)\nexpected 98765.4321"
        ),
        Verdict("5", "virtual:h100", Status.RACE, "at n=4099 in y", fault=fault),
        Verdict("6", "virtual:h100", Status.INFRA, f"{HOME} is gone"),
        Verdict("7", "virtual:h100", Status.TIMEOUT, "n=4099 took 5 s under seed 5eed5eed"),
        Verdict("8", "virtual:h100", Status.DECOY, "at n=4099 outputs are the same without it"),
    ]
    return [Attempt(Candidate(variant(number), moves=("m: try",)), verdict) for number, verdict in enumerate(verdicts)]


def test_the_canaries_are_there_to_be_found() -> None:
    everything = PLANTED + "".join(str(attempt.verdict) for attempt in planted_attempts())
    assert all(canary in everything for canary in CANARIES)


def test_no_answer_seed_expected_value_test_size_or_path_is_in_any_prompt(tmp_path: Path) -> None:
    file = tmp_path / "secret" / "twice.problem.py"
    file.parent.mkdir()
    file.write_text(PLANTED)
    content = file.read_bytes()
    problem = load_problem(file, content)
    from kernelevo.kernel.languages import CUDA

    words = task_words(
        problem, CUDA, "virtual:h100 (modelled)", {"sms": 132}, reference_source(content, problem.reference)
    )
    model = ScriptedModel([Reply(text, Stop.COMPLETE, Usage(1, 1)) for text in ("none", "none", reply(1))])
    asks = policy(model, children=lambda about: planted_attempts())
    object.__setattr__(asks._task, "text", words)
    asks.propose(START, frozenset(), 2)
    assert len(model.asked) == 2
    told = "\n".join(map(text_of, model.asked))
    assert "def helper(x):\n    return x * SCALE" in told and "SCALE = 2.5" in told
    assert "About 0.07 % of the elements" in told and "out_of_bounds in twice at line 9" in told
    assert [canary for canary in (*CANARIES, str(tmp_path)) if canary in told] == []


@pytest.mark.parametrize(
    ("words", "bare"),
    [
        ("/usr/local/include/cuda_fp16.h:12: no", "cuda_fp16.h:12: no"),
        ('"/tmp/a b/c.cu"', '"a b/c.cu"'),
        ("at rows=4, cols=7: no", "at some sizes: no"),
        ("x / y and a/b", "x / y and a/b"),
        ("two\nlines", "two lines"),
        ("x" * 1000, "x" * 397 + "..."),
    ],
)
def test_words_are_scrubbed_of_paths_and_sizes(words: str, bare: str) -> None:
    assert scrubbed(words) == bare


def test_every_failure_has_words() -> None:
    for status in Status:
        if status is not Status.PASSED:
            words = outcome_words(Verdict("0", "virtual:h100", status, "n=4099"), START, 0.25)
            assert words.startswith(f"{status.value}: {status.sentence}") and "4099" not in words


def test_a_reference_that_is_a_lambda_is_told_and_one_without_source_is_not() -> None:
    content = b"f = lambda x: (x + 1)  # GOLD\n"
    space: dict = {}
    exec(compile(content, "p", "exec"), space)
    assert reference_source(content, space["f"]) == "reference = lambda x: x + 1"
    assert reference_source(b"", space["f"]) == reference_source(content, None) == reference_source(content, len) == ""
