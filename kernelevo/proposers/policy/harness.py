"""What of a harness a model is told in one message: the system prompt, skills and lessons, and how it is sampled."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kernelevo.harness import Harness, Skill, read_harness
from kernelevo.language_model import Sampling


@dataclass(frozen=True)
class PolicyHarness:
    """`skills` are told whole, in order; those that are loaded on demand are not here, since one message loads nothing.
    `key` changes with any text or setting of the folder.
    """

    system: str
    skills: tuple[Skill, ...]
    sampling: Sampling
    replies: int
    fruitless: int
    tried: int
    findings: int
    key: str
    lessons: tuple[str, ...] = ()


def read_policy_harness(folder: Path) -> PolicyHarness:
    """The harness in `folder`; raises BadInput naming the file and what is wrong with it."""
    return policy_harness(read_harness(folder))


def policy_harness(harness: Harness) -> PolicyHarness:
    told = harness.dialogue
    latest = harness.lessons[max(len(harness.lessons) - told.lessons, 0) :]
    return PolicyHarness(
        system=harness.system,
        skills=tuple(harness.skills[name] for name in told.inline),
        sampling=told.sampling,
        replies=told.replies,
        fruitless=told.fruitless,
        tried=told.tried,
        findings=told.findings,
        key=harness.key,
        lessons=tuple(f"{lesson.lesson} ({lesson.about})" for lesson in latest),
    )
