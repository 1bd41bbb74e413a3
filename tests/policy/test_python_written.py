"""A language model on a domain of pipelines: what it is told, and what is found in its replies."""

from __future__ import annotations

import pytest
from python_programs.texts import BROKEN, FLAT, reply

from kernelevo.backends.pipelines import NoPipeline, Space
from kernelevo.backends.programs import ProgramForm
from kernelevo.harness import read_harness
from kernelevo.initialise import samples_folder
from kernelevo.language_model import Reply, Stop, Usage
from kernelevo.proposers.policy import policy_harness
from kernelevo.proposers.policy.python_prompt import PythonTask, outcome_words, python_prompt
from kernelevo.proposers.policy.python_reply import NO_SUMMARY, Forms, Outcome, read_written
from kernelevo.types import Attempt, Candidate, Check, Figure, Status, Verdict

FORM = ProgramForm("denoise", ("counts", "seed"), "`counts` are counts.")
SPACE = Space(("raw", "smooth"), (0, 1, 2), {"width": (3, 5)}, {"raw": 1}, {"width": ("smooth",)})
HARNESS = policy_harness(read_harness(samples_folder() / "harness" / "programs"))
PIPELINE = "weigh smooth = 2\nwidth = 5\n"


def as_pipeline(text: str) -> str:
    try:
        return SPACE.text(SPACE.read(text))
    except NoPipeline:
        return ""


FORMS = Forms(FORM.defined_by, as_pipeline)
TASK = PythonTask("The task.", "One thread.", FORM.signature, FORM.defined_by)


def said(text: str, stop: Stop = Stop.COMPLETE) -> Reply:
    return Reply(text, stop, Usage())


def passed(text: str, loss: float = 1.0, moves: tuple[str, ...] = (), parent: str | None = None) -> Attempt:
    candidate = Candidate(text, {}, "policy", parent, moves)
    score = Figure(loss, "loss", "scrna:sample", "measured")
    checks = (Check("reward", True, "drawn by 7"),)
    figures = "squared 0.2500, guarded 0.3000"
    return Attempt(candidate, Verdict(candidate.id, "scrna:sample", Status.PASSED, figures, score, checks=checks))


def failed(text: str, status: Status, words: str, moves: tuple[str, ...] = ()) -> Attempt:
    candidate = Candidate(text, {}, "policy", None, moves)
    return Attempt(candidate, Verdict(candidate.id, "scrna:sample", status, words))


@pytest.mark.parametrize(
    ("words", "outcome", "text"),
    [
        (reply(FLAT, "margins"), Outcome.PROGRAM, FLAT),
        (f"First.\n```text\nnothing\n```\nChange: margins\n~~~py\n{FLAT}~~~\nDone.", Outcome.PROGRAM, FLAT),
        (f"```python\n{BROKEN}```\nBetter:\n```python\n{FLAT}```", Outcome.PROGRAM, FLAT),
        (f"<think>\n```python\n{BROKEN}```\n</think>\n```python\n{FLAT}```", Outcome.PROGRAM, FLAT),
        (f"```python\n{FLAT}", Outcome.PROGRAM, FLAT),
        (FLAT, Outcome.PROGRAM, FLAT),
        (f"Change: margins\n{FLAT}", Outcome.PROGRAM, FLAT),
        (f"Change: smooth\n```\n# as told\n{PIPELINE}```", Outcome.PIPELINE, PIPELINE),
        (PIPELINE, Outcome.PIPELINE, PIPELINE),
        ("```python\nx = 1\n```", Outcome.NO_FUNCTION, ""),
        ("```python\nweigh magic = 1\n```", Outcome.NO_FUNCTION, ""),
        ("```python\nclass Denoiser:\n    def denoise(self, counts, seed): ...\n```", Outcome.NO_FUNCTION, ""),
        ("I would rather not.", Outcome.NO_CODE, ""),
        (f"```python\n{FLAT}    # ... rest of the code\n```", Outcome.ELIDED, ""),
        ("", Outcome.NOTHING, ""),
        ("<think>\n" + FLAT, Outcome.NOTHING, ""),
        ("```python\n" + "#" * (1 << 21), Outcome.TOO_LARGE, ""),
    ],
)  # fmt: skip
def test_what_a_reply_holds(words: str, outcome: Outcome, text: str) -> None:
    found = read_written(said(words, Stop.COMPLETE if words else Stop.EMPTY), FORMS)
    assert (found.outcome, found.text) == (outcome, text)
    assert found.outcome.is_candidate == bool(text)


def test_a_reply_that_was_cut_off_is_no_program_and_one_that_was_withheld_is_none() -> None:
    assert read_written(said(f"```python\n{FLAT}", Stop.LENGTH), FORMS).outcome is Outcome.TRUNCATED
    assert read_written(said("", Stop.CUT_OFF), FORMS).outcome is Outcome.TRUNCATED
    assert read_written(said(reply(FLAT, "x"), Stop.FILTERED), FORMS).outcome is Outcome.WITHHELD
    assert read_written(said(reply(FLAT, "margins"), Stop.LENGTH), FORMS).text == FLAT


def test_what_was_changed_is_kept_in_a_visible_line() -> None:
    assert read_written(said(reply(FLAT, "margins\x1b[2J")), FORMS).summary == "margins\\x1b[2J"
    assert read_written(said(FLAT), FORMS).summary == NO_SUMMARY


def test_the_prompt_holds_the_task_the_program_its_figures_and_what_was_tried() -> None:
    start = passed(FLAT, 0.5)
    better = passed(FLAT + "# b\n", 0.25, ("m: more",), start.candidate.id)
    broken = failed(BROKEN, Status.TRAPPED, "it failed: line 2: ZeroDivisionError", ("m: divide",))
    ours = failed(FLAT + "# c\n", Status.INFRA, "we failed", ("m: unlucky",))
    prompt = python_prompt(HARNESS, TASK, start, [better, broken, ours])
    system, user = (message.text for message in prompt.messages)
    assert system.startswith("You write programs that predict what was held out.") and "CUDA" not in system
    for words in (
        "# Task\nThe task.\n\nOne thread.", f"# The program to better\n```python\n{FLAT}```\nIt passed: loss 0.5",
        "(squared 0.2500, guarded 0.3000)", "- m: more: It passed: loss 0.25, 2 times less than this one's",
        "- m: divide: It failed (trapped): it failed: line 2: ZeroDivisionError", "`def denoise(counts, seed):`",
    ):  # fmt: skip
        assert words in user
    assert "unlucky" not in user and "we failed" not in user and "drawn by" not in user
    assert "# The pipeline to better\n```\nweigh raw = 1\n```" in python_prompt(
        HARNESS, TASK, passed("weigh raw = 1\n"), []
    ).messages[-1].text  # fmt: skip


def test_only_so_many_attempts_are_told_and_never_the_parent_itself() -> None:
    start = passed(FLAT)
    many = [start, *(passed(f"{FLAT}# {number}\n", 0.5, (f"m: step {number}.",)) for number in range(40))]
    user = python_prompt(HARNESS, TASK, start, many).messages[-1].text
    assert user.count("m: step") == HARNESS.tried and "m: step 39." in user
    assert "already" not in python_prompt(HARNESS, TASK, start, [start]).messages[-1].text


def test_no_folder_of_this_machine_is_told() -> None:
    found = failed(FLAT, Status.TRAPPED, "it failed: line 2: FileNotFoundError: '/home/someone/secret/counts.h5ad'")
    assert outcome_words(found.verdict) == "It failed (trapped): it failed: line 2: FileNotFoundError: 'counts.h5ad'"
