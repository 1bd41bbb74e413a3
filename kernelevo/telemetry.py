"""How a policy goes by its harness: pure functions of recorded steps and the harness that they were made under.

    load rate        trajectories in which a skill was before the model / those of which it could have been
    following rate   programs that show a loaded skill (its `checks`) / those that could, since their start did not
    compliance       the following rate in the first, middle and last third of the trajectories
    pass rate        judged programs that passed, with a skill loaded and without

A trajectory is what a policy did on one task in one generation. A skill is loaded where its text stands in a prompt,
whoever put it there. A policy over decisions loads nothing; of it is told how often it does what the harness favours
(`heeded`: an option with a positive bias, where there is one), and how often each rule is used where it is legal.

The measures and their names follow "Harness Updating Is Not Harness Benefit" (arXiv:2605.30621), whose judge is a
language model; these checks are mechanical, cheaper and coarser: a word of a program says that a skill was used, not
that it was understood.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from kernelevo.decisions import Observation, read_decision, read_observation
from kernelevo.harness import Harness, Skill
from kernelevo.language_model import Prompt
from kernelevo.learning import CALLED, Step
from kernelevo.statistics import share_interval
from kernelevo.types import Status

PHASES = ("start", "middle", "end")
_FENCE = re.compile(r"^```[^\n]*\n(.*?)(?:^```|\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Rate:
    """`count` in `of`, with what the true share lies between (95 %); of nothing there is no value."""

    count: int = 0
    of: int = 0

    @property
    def value(self) -> float | None:
        return self.count / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float]:
        return share_interval(self.count, self.of)

    def plain(self) -> dict[str, float | int | None]:
        low, high = self.interval
        return {"count": self.count, "of": self.of, "value": self.value, "low": low, "high": high}


@dataclass(frozen=True)
class Telemetry:
    """Of one generation. `phases` is compliance (heeding, of decisions) by PHASES; `rules` how often each rule was
    chosen where it was legal; `readable` counts replies that held what was asked for.
    """

    trajectories: int
    loaded: Rate
    followed: Rate
    passed_loaded: Rate
    passed_otherwise: Rate
    readable: Rate
    heeded: Rate
    phases: Mapping[str, Rate]
    skills: Mapping[str, Mapping[str, Rate]]
    rules: Mapping[str, Rate]

    def plain(self) -> dict[str, object]:
        """For the record and for people; every rate with its count and its interval."""

        def told(value: object) -> object:
            if isinstance(value, Rate):
                return value.plain()
            return {name: told(each) for name, each in value.items()} if isinstance(value, Mapping) else value

        return {name: told(getattr(self, name)) for name in self.__dataclass_fields__}


@dataclass(frozen=True)
class _Told:
    """One step as telemetry sees it: its place in its trajectory, the skills before the model, and for each of them
    whether it was followed (None: cannot be told); of decisions, whether what is favoured was done (None: nothing is).
    """

    phase: str
    step: Step
    loaded: frozenset[str]
    followed: Mapping[str, bool]
    heeded: bool | None
    legal: frozenset[str]
    chosen: str | None


def telemetry(steps: Sequence[Step], harness: Harness) -> Telemetry:
    """What the steps of one generation, made under this harness, come to."""
    trajectories = _trajectories(steps)
    told = [each for one in trajectories for each in _read(one, harness)]
    able = trajectories if harness.dialogue.skills and not any(each.legal for each in told) else []
    passes = [each for each in told if each.step.status is not None and each.step.reward is not None]
    heeding = [(each.phase, each.heeded) for each in told if each.heeded is not None]
    following = [(each.phase, followed) for each in told for followed in each.followed.values()]
    return Telemetry(
        trajectories=len(trajectories),
        loaded=_rate(any(loaded_skills(step.prompt, harness) for step in one) for one in able),
        followed=_rate(followed for _, followed in following),
        passed_loaded=_rate(_passed(each.step) for each in passes if each.loaded),
        passed_otherwise=_rate(_passed(each.step) for each in passes if not each.loaded),
        readable=_rate(_readable(each) for each in told),
        heeded=_rate(heeded for _, heeded in heeding),
        phases={phase: _rate(held for when, held in following + heeding if when == phase) for phase in PHASES},
        skills={name: _of_skill(name, told) for name in harness.dialogue.skills if able},
        rules=_of_rules(told),
    )


def _readable(told: _Told) -> bool:
    return told.step.candidate is not None or told.chosen is not None or told.step.outcome.startswith(CALLED)


def _rate(held: Iterable[bool]) -> Rate:
    answers = list(held)
    return Rate(sum(answers), len(answers))


def _trajectories(steps: Sequence[Step]) -> list[list[Step]]:
    by_task: dict[tuple[int, str], list[Step]] = defaultdict(list)
    for step in sorted(steps, key=lambda step: step.number):
        by_task[step.generation, step.task].append(step)
    return list(by_task.values())


def _read(steps: Sequence[Step], harness: Harness) -> Iterator[_Told]:
    for place, step in enumerate(steps):
        phase = PHASES[min(2, 3 * place // len(steps))] if len(steps) > 2 else ("start", "end")[place]
        observation = _observation(step.prompt)
        if observation is not None:
            yield _decided(phase, step, observation)
            continue
        loaded = loaded_skills(step.prompt, harness)
        yield _Told(phase, step, frozenset(loaded), _followed(step, loaded), None, frozenset(), None)


def _observation(prompt: Prompt) -> Observation | None:
    try:
        return read_observation(prompt.messages[-1].text)
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def _decided(phase: str, step: Step, observation: Observation) -> _Told:
    decision = read_decision(step.reply.text)
    favoured = {option.decision for option in observation.options if option.bias > 0}
    heeded = decision in favoured if favoured and decision is not None else None
    legal = frozenset(option.decision.rule for option in observation.options)
    return _Told(phase, step, frozenset(), {}, heeded, legal, None if decision is None else decision.rule)


def loaded_skills(prompt: Prompt, harness: Harness) -> dict[str, Skill]:
    """The skills whose text stands in a prompt, whoever put it there."""
    texts = [message.text for message in prompt.messages]
    return {name: skill for name, skill in harness.skills.items() if any(skill.body in text for text in texts)}


def _followed(step: Step, loaded: Mapping[str, Skill]) -> dict[str, bool]:
    """Of each loaded skill that the program could newly show, whether it does."""
    question = next(message.text for message in step.prompt.messages if message.role == "user")
    program, before = code_in(step.reply.text), code_in(question)
    if step.candidate is None or not program:
        return {}
    answers = {name: skill.followed_by(program) for name, skill in loaded.items() if not skill.followed_by(before)}
    return {name: answer for name, answer in answers.items() if answer is not None}


def code_in(text: str) -> str:
    """The last fenced block of a text; empty if it has none."""
    blocks = _FENCE.findall(text)
    return blocks[-1] if blocks else ""


def _passed(step: Step) -> bool:
    return step.status is Status.PASSED


def _of_skill(name: str, told: Sequence[_Told]) -> dict[str, Rate]:
    own = [each for each in told if name in each.loaded]
    judged = [each.step for each in own if each.step.status is not None and each.step.reward is not None]
    return {
        "loaded": Rate(len(own), len(told)),
        "followed": _rate(each.followed[name] for each in own if name in each.followed),
        "passed": _rate(map(_passed, judged)),
    }


def _of_rules(told: Sequence[_Told]) -> dict[str, Rate]:
    names = sorted({rule for each in told for rule in each.legal})
    return {name: _rate(each.chosen == name for each in told if name in each.legal) for name in names}


@dataclass(frozen=True)
class Remedy:
    """A setting of dialogue.toml that may help, and the figures that say so."""

    setting: str
    value: object
    reason: str


LEAST = 8
"""Trajectories or replies before anything is said to be low."""
LOW_LOADING, LOW_READABLE, FALLING = 0.5, 0.75, 0.15


def remedies(seen: Telemetry, harness: Harness) -> list[Remedy]:
    """What to change where rates fell: skills that are not loaded are told at once; calls that are not found may stand
    in other text; the list of skills is told again where compliance falls along the way.
    """
    dialogue, found = harness.dialogue, []
    if dialogue.on_demand and _surely_below(seen.loaded, LOW_LOADING):
        told = f"a skill was loaded in {seen.loaded.count} of {seen.loaded.of} trajectories"
        found.append(Remedy("inline", list(dialogue.skills), f"{told}; tell all of them at once"))
    if dialogue.tools.on and not dialogue.tools.relaxed and _surely_below(seen.readable, LOW_READABLE):
        told = f"{seen.readable.of - seen.readable.count} of {seen.readable.of} replies held no call or program"
        found.append(Remedy("format", "relaxed", f"{told}; let a call stand in other text"))
    start, end = seen.phases["start"], seen.phases["end"]
    if dialogue.tools.on and _surely_less(end, start, FALLING) and dialogue.tools.checklist_every != 1:
        every = max(1, dialogue.tools.checklist_every // 2) if dialogue.tools.checklist_every else 4
        told = f"skills are followed in {start.value:.0%} of programs at the start and {end.value:.0%} at the end"
        found.append(Remedy("checklist_every", every, f"{told}; tell their names again every {every} calls"))
    return found


def _surely_below(rate: Rate, bound: float) -> bool:
    return rate.of >= LEAST and rate.interval[1] < bound


def _surely_less(one: Rate, other: Rate, least: float) -> bool:
    if min(one.of, other.of) < LEAST or one.value is None or other.value is None:
        return False
    return other.value - one.value > least and difference(one, other)[2] < 0


def difference(one: Rate, other: Rate) -> tuple[float, float, float]:
    """one - other with its interval (95 %): Newcombe's hybrid score interval (1998), of two rates that have values."""
    if one.value is None or other.value is None:
        raise ValueError("a rate of nothing has no difference to another")
    middle = one.value - other.value
    (low, high), (other_low, other_high) = one.interval, other.interval
    below = ((one.value - low) ** 2 + (other_high - other.value) ** 2) ** 0.5
    above = ((high - one.value) ** 2 + (other.value - other_low) ** 2) ** 0.5
    return middle, middle - below, middle + above


@dataclass(frozen=True)
class Effect:
    """How a rate moved from one generation to the next, with the interval of the difference."""

    rate: str
    before: float
    after: float
    low: float
    high: float

    def plain(self) -> dict[str, object]:
        return asdict(self)


EFFECTS = ("loaded", "followed", "readable", "passed_loaded", "heeded")


def effects(before: Telemetry, after: Telemetry) -> list[Effect]:
    """What became of each rate that both have, such as after a remedy. Tasks and luck differ, too: an interval that
    holds 0 says that nothing is known to have moved.
    """
    found = []
    for name in EFFECTS:
        one, other = getattr(after, name), getattr(before, name)
        if one.value is not None and other.value is not None:
            _, low, high = difference(one, other)
            found.append(Effect(name, other.value, one.value, low, high))
    return found
