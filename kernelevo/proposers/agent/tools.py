"""What tools say, and how they are told. None of it holds an expected value, a test size, a seed or a path: profiles
and outcomes are put together by proposers/policy/past.py, which keeps these out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kernelevo.harness import Harness
from kernelevo.proposers.policy.past import outcome_words, profile_words
from kernelevo.types import Attempt, Status, Verdict

DESCRIPTIONS = {
    "read_profile": '{"tool": "read_profile"}: where the time goes, of the last candidate that passed, else of the '
    "kernel you are given",
    "read_diagnostics": '{"tool": "read_diagnostics"}: what the compiler and the checks said of the last candidate',
    "load_skill": '{"tool": "load_skill", "name": NAME}: the text of a skill; with "reference": FILE one of its texts',
    "run_script": '{"tool": "run_script", "name": SKILL, "script": FILE}: what a skill\'s script prints of your last '
    "candidate that passed, else of the kernel you are given",
    "check_candidate": '{"tool": "check_candidate"}, then the whole file in one fenced block: it is judged, and you '
    "are told how it went",
    "submit": '{"tool": "submit"}, then the whole file in one fenced block: your answer; it ends the conversation',
}
TRIED_ELSEWHERE = "This very program was tried elsewhere in this search; change it, or say another."
Run = Callable[[str, str, str], str]
"""Runs a script behind the wall: its name, its text, what it is given; and gives what it printed."""
NOT_JUDGED = "It could not be judged, through no fault of its own."


@dataclass(frozen=True)
class Bench:
    """What tools look at: the attempt that is to be made faster, and the model's own last candidate with a verdict."""

    parent: Attempt
    last: Attempt | None
    file_name: str
    band: float

    @property
    def subject(self) -> Attempt:
        """The model's own last candidate, if it passed; else the parent."""
        passed = self.last is not None and self.last.verdict.status is Status.PASSED
        return self.last if passed and self.last is not None else self.parent


def tools_words(harness: Harness) -> str:
    """How the model calls, what there is to call, and which skills can be loaded."""
    settings = harness.dialogue.tools
    listed = "\n".join(f"- {DESCRIPTIONS[name]}" for name in settings.names)
    form = (
        "Make one call in each answer, in a line of JSON of its own. You may think aloud around it."
        if settings.relaxed
        else "Each of your answers is one call: its first line is the call in JSON, and nothing stands around it."
    )
    words = f"# Tools\n{form}\n\n{listed}\n\nYou have {settings.calls} calls; begin the file's block as the task says."
    checklist = checklist_words(harness)
    return f"{words}\n\n{checklist}" if checklist and "load_skill" in settings.names else words


def checklist_words(harness: Harness) -> str:
    """The skills by name and description; those on demand can be loaded."""
    names = harness.dialogue.skills
    if not names:
        return ""
    return "# Skills\n" + "\n".join(f"- {name}: {harness.skills[name].description}" for name in names)


def skill_words(harness: Harness, name: str, reference: str) -> str:
    """A skill's text, or one of its references: looked up by name among those that there are."""
    skill = harness.skills.get(name)
    if skill is None:
        return f"There is no such skill; there are {', '.join(harness.dialogue.skills) or 'none'}."
    if not reference:
        more = {"References": skill.references, "Scripts": skill.scripts}
        return skill.body + "".join(f"\n\n{kind}: {', '.join(names)}" for kind, names in more.items() if names)
    if reference not in skill.references:
        return f"{name} has no such reference; it has {', '.join(skill.references) or 'none'}."
    return harness.files[f"skills/{name}/references/{reference}"]


def script_words(harness: Harness, name: str, script: str, bench: Bench, run: Run) -> str:
    """What a skill's script prints of the kernel at hand; it is looked up by name among those that there are."""
    skill = harness.skills.get(name)
    if skill is None or script not in skill.scripts:
        there = [f"{each.name}: {', '.join(each.scripts)}" for each in harness.skills.values() if each.scripts]
        return f"There is no such script; there are {'; '.join(there) or 'none'}."
    return run(script, harness.files[f"skills/{name}/scripts/{script}"], bench.subject.candidate.text)


def read_profile(bench: Bench, findings: int) -> str:
    words = profile_words(bench.subject.verdict, bench.file_name, findings)
    return f"{'The kernel you were given' if bench.subject is bench.parent else 'Your last candidate'}:\n{words}"


def read_diagnostics(bench: Bench) -> str:
    if bench.last is None:
        return "No candidate of yours was judged yet."
    return checked_words(bench.last.verdict, bench)


def checked_words(verdict: Verdict, bench: Bench) -> str:
    if verdict.status is Status.INFRA:
        return NOT_JUDGED
    words = outcome_words(verdict, bench.parent, bench.band)
    return f"It {words}" if verdict.status is Status.PASSED else f"It failed, {words}"
