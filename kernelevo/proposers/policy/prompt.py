"""Builds what a model is asked: the harness's system prompt with its skills, then the task, the kernel to be changed,
where its time goes, what was tried, and what became of the last replies. What does not change comes first, so that a
server can keep it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from kernelevo.kernel.languages import Language
from kernelevo.language_model import Message, Prompt
from kernelevo.proposers.policy.harness import PolicyHarness
from kernelevo.proposers.policy.past import profile_words, tried_words
from kernelevo.proposers.policy.program import Outcome
from kernelevo.types import Attempt

_FENCES = {".cu": "cuda", ".triton.py": "python"}


@dataclass(frozen=True)
class TaskWords:
    """The task as it is told in every prompt, its language, what kernel files are called, and the device's band."""

    text: str
    language: Language
    file_name: str
    band: float


def build_prompt(
    harness: PolicyHarness, task: TaskWords, parent: Attempt, children: Sequence[Attempt], last: Sequence[Outcome]
) -> Prompt:
    """The question: a faster kernel file than the parent's. `children` were made of it; `last` is what the last replies
    about it held.
    """
    return Prompt(
        (Message("system", system_words(harness)), Message("user", _user(harness, task, parent, children, last)))
    )


def system_words(harness: PolicyHarness) -> str:
    skills = [f"## {skill.name}: {skill.description}\n\n{skill.body}" for skill in harness.skills]
    lessons = "\n".join(f"- {lesson}" for lesson in harness.lessons)
    sections = [harness.system.strip(), *(["# What usually helps", *skills] if skills else [])]
    return "\n\n".join([*sections, *([f"# What was learned before\n\n{lessons}"] if lessons else [])])


def settled_text(parent: Attempt, language: Language) -> str:
    """The parent's program as one text: values that were set from outside are written into it."""
    candidate = parent.candidate
    return language.with_values(candidate.text, candidate.defines) if candidate.defines else candidate.text


def _user(
    harness: PolicyHarness, task: TaskWords, parent: Attempt, children: Sequence[Attempt], last: Sequence[Outcome]
) -> str:
    fence = _FENCES[task.language.suffix]
    sections = [task.text, f"# The kernel file to make faster\n```{fence}\n{settled_text(parent, task.language)}\n```"]
    if profile := profile_words(parent.verdict, task.file_name, harness.findings):
        sections.append(f"# Where its time goes\n{profile}")
    if tried := tried_words(parent, children, task.band, harness.tried):
        sections.append(f"# What was made of it already\n{tried}")
    if remarks := _remarks(last):
        sections.append(f"# Your last replies\n{remarks}")
    sections.append(
        "Write one whole kernel file that is faster and right at every size. First one line that begins with "
        f"`Change:` and says what you change and why it helps; then the file in one block fenced by ```{fence} and ```."
    )
    return "\n\n".join(sections)


def _remarks(last: Sequence[Outcome]) -> str:
    """What became of replies without a program, each kind once."""
    counted = Counter(outcome for outcome in last if outcome is not Outcome.PROGRAM)
    return "\n".join(f"- {count} of {len(last)}: {outcome.sentence}" for outcome, count in sorted(counted.items()))
