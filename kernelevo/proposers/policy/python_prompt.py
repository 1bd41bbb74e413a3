"""What a model is asked that writes programs in Python or pipelines: the harness's system prompt with its skills, then
the task, the candidate to be bettered with what it came to, and what was tried. What does not change comes first, so
that a server can keep it.

Of a verdict are told its figures, or the words of its failure: these say what the candidate itself made or raised, and
no expected value (backends/programs.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kernelevo.language_model import Message, Prompt
from kernelevo.proposers.policy.harness import PolicyHarness
from kernelevo.proposers.policy.past import scrubbed
from kernelevo.proposers.policy.prompt import system_words
from kernelevo.types import Attempt, Status, Verdict


@dataclass(frozen=True)
class PythonTask:
    """`words` are the task's; `limits` tell what a program may use; `is_program` tells a program from a pipeline."""

    words: str
    limits: str
    signature: str
    is_program: Callable[[str], bool]


def python_prompt(harness: PolicyHarness, task: PythonTask, parent: Attempt, children: Sequence[Attempt]) -> Prompt:
    """The question: a candidate that loses less than the parent. `children` were made of it."""
    user = _user(harness, task, parent, children)
    return Prompt((Message("system", system_words(harness)), Message("user", user)))


def _user(harness: PolicyHarness, task: PythonTask, parent: Attempt, children: Sequence[Attempt]) -> str:
    text = parent.candidate.text
    kind, fence = ("program", "python") if task.is_program(text) else ("pipeline", "")
    sections = [
        f"# Task\n{task.words}\n\n{task.limits}",
        f"# The {kind} to better\n```{fence}\n{text.rstrip()}\n```\n{outcome_words(parent.verdict)}",
    ]
    made = [child for child in children if child.candidate.id != parent.candidate.id]
    told = [child for child in made if child.verdict.status is not Status.INFRA]
    if tried := [_tried(child, parent) for child in told[-harness.tried :] if harness.tried]:
        sections.append("# What was made of it already\n" + "\n".join(tried))
    sections.append(
        "Write one whole program, or one pipeline, that loses less. First one line that begins with `Change:` and says "
        "what you change and why it helps; then the whole text in one block fenced by ```python and ```; in a program "
        f"it holds `{task.signature}` at the beginning of a line."
    )
    return "\n\n".join(sections)


def outcome_words(verdict: Verdict, parent: Verdict | None = None) -> str:
    """Its loss and figures, and how its loss compares with the parent's; or how it failed."""
    if verdict.score is None:
        return f"It failed ({verdict.status.value}): {scrubbed(verdict.feedback)}"
    figures = f" ({verdict.feedback})" if verdict.feedback else ""
    compared = ""
    if parent is not None and parent.score is not None and verdict.score.value > 0:
        compared = f", {parent.score.value / verdict.score.value:.3g} times less than this one's"
    return f"It passed: loss {verdict.score.value:.4g}{compared}{figures}."


def _tried(child: Attempt, parent: Attempt) -> str:
    moves = child.candidate.moves[len(parent.candidate.moves) :] or child.candidate.moves[-1:]
    return f"- {scrubbed(' then '.join(moves)) or 'a change'}: {outcome_words(child.verdict, parent.verdict)}"
