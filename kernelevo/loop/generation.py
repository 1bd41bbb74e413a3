"""Executes a policy on tasks: rounds of questions, what the replies make is judged, and all of it goes into the record.

    judge the starts -> (choose a parent in each task -> ask -> read -> judge -> record the round)*

A round's choices rest on the record before it, so that a run that was killed chooses the same again, finds what was
answered and judged, and goes on. A reply that makes what its search has seen already is not judged again and uses no
evaluation; whatever else it makes uses one of the search's share. What the run pays for is what it has no verdict of
yet (on the same draw), also where the verdict was known from another run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from kernelevo.language_model import Prompt, Turn
from kernelevo.learning import Step, TaskResult
from kernelevo.loop.budget import Account
from kernelevo.loop.judging import Court, Errand, Judgement
from kernelevo.loop.policy import STOPPED, Policy, Reading, Said
from kernelevo.loop.record import Record, Round, Start
from kernelevo.loop.task_state import Phase, Share, TaskState, restored, take
from kernelevo.types import Attempt, Status

FEW_TASKS = 4
"""Fewer are asked about several parents in one round, so that all workers have something to do."""


@dataclass(frozen=True)
class Tools:
    """What executing takes; `progress` is told after each round."""

    record: Record
    court: Court
    account: Account
    progress: Callable[[Phase, Sequence[TaskResult]], None] = lambda phase, results: None
    measures: bool = False
    """Whether verdicts are measured on a card, whose time the budget counts then."""


@dataclass(frozen=True)
class Asked:
    """One answered question, and what its replies hold."""

    state: TaskState
    parent: Attempt
    depth: int
    turn: Turn
    prompt: Prompt
    readings: tuple[Reading, ...]


def execute(phase: Phase, policy: Policy, shares: Sequence[Share], tools: Tools) -> list[TaskResult]:
    """Uses what each task got, or ends earlier where nothing is left to ask or the budget allows no more."""
    states = restored(phase, policy, shares, tools.record)
    policy.restart(phase.stream, tools.record.answered(phase.name))
    _judge_starts(phase, policy, states, tools)
    while asked := _ask_round(phase, policy, states, tools):
        made = _judge_round(phase, policy, asked, tools)
        for state in states:
            take(state, made, policy, phase)
        tools.progress(phase, [state.result() for state in states])
    return [state.result() for state in states]


def _judge_starts(phase: Phase, policy: Policy, states: Sequence[TaskState], tools: Tools) -> None:
    """The start of every task that has none yet and may still be judged, as a round of its own."""
    todo = [state for state in states if state.start is None and state.left > 0]
    if not todo or tools.account.stops(len(todo)):
        return
    errands = []
    for state in todo:
        start = tools.court.session(state.task).start
        tools.record.keep_candidate(state.task, start)
        errands.append(Errand(state.task, start, state.share.seed))
    judged = tools.court.judge(errands)
    starts = tuple(
        Start(errand.task, errand.candidate.id, judgement.status, judgement.reward)
        for errand, judgement in zip(errands, judged, strict=True)
    )
    made = Round(phase.name, phase.generation, starts, (), *_paid(errands, tools))
    tools.record.add_round(made, _gpu_seconds(judged, tools))
    for state in todo:
        take(state, made, policy, phase)


def _ask_round(phase: Phase, policy: Policy, states: Sequence[TaskState], tools: Tools) -> list[Asked]:
    """One question for each task that goes on (several, where there are few tasks), as far as the budget allows."""
    going = [state for state in states if state.goes_on]
    several = going and phase.strategy == "tree" and policy.calls == 1
    per_task = max(1, FEW_TASKS // len(going)) if several else 1
    asked: list[Asked] = []
    planned = Counter[str]()
    for state in going:
        ordinal = state.turns
        for parent, prompt in _questions(phase, policy, state, per_task, tools):
            wanted = min(_samples(phase, policy), state.left - planned[state.task])
            whole = planned.total() + wanted
            if wanted < 1 or tools.account.stops(whole):
                break
            about = f"{phase.name}|{state.task}|{ordinal}"
            turn = _turn(policy, about, prompt, wanted)
            if turn is None:
                break
            ordinal += 1
            planned[state.task] += len(turn.replies)
            asked.append(_read(policy, state, parent, turn, prompt, tools))
    return asked


def _samples(phase: Phase, policy: Policy) -> int:
    return 1 if phase.strategy == "rollouts" or policy.calls > 1 else max(1, policy.settings.samples)


def _questions(
    phase: Phase, policy: Policy, state: TaskState, count: int, tools: Tools
) -> list[tuple[Attempt, Prompt]]:
    """At most `count` questions about the next parents; those about which nothing can be asked are closed, and others
    chosen instead: a resumed run, which has closed none yet, asks the same. A conversation is gone on with first.
    """
    session = tools.court.session(state.task)
    if state.talk:
        parent = _attempt(state, state.talk[0].parent, tools)
        prompt = policy.way.prompt(session, parent, [], _made(phase, state), _said(state, tools))
        return [] if prompt is None else [(parent, prompt)]
    while True:
        found: list[tuple[Attempt, Prompt]] = []
        closed = False
        for name in state.parents(phase.strategy, count):
            parent = _attempt(state, name, tools)
            children = _children(phase, state, name, tools) if policy.tells_children else []
            prompt = policy.way.prompt(session, parent, children, _made(phase, state))
            if prompt is not None:
                found.append((parent, prompt))
            elif state.tree is not None:
                state.tree.close(name)
                closed = True
        if not closed:
            return found


def _said(state: TaskState, tools: Tools) -> list[Said]:
    """The conversation so far, with what became of the candidates that it made."""
    return [
        Said(step.reply, None if step.candidate is None else _attempt(state, step.candidate, tools))
        for step in state.talk
    ]


def _made(phase: Phase, state: TaskState) -> Collection[str]:
    """All that was made of a task; nothing for independent samples, of which one may begin as another did."""
    return () if state.tree is None or phase.strategy == "rollouts" else state.tree.parents


def _turn(policy: Policy, about: str, prompt: Prompt, n: int) -> Turn | None:
    """What was answered before the run was stopped; else what is answered now, None where the budget allows none."""
    before = policy.dialogue.turns(about)
    return before[0] if before else policy.dialogue.ask(about, prompt, n, policy.way.sampling())


def _attempt(state: TaskState, name: str, tools: Tools) -> Attempt:
    """A judged candidate of this task, as the record has it."""
    candidate = tools.record.candidate(state.task, name)
    judgement = tools.record.judgement(Errand(state.task, candidate, state.share.seed).key)
    if judgement is None:
        raise LookupError(f"candidate {name} of {state.task} is in a tree, but was not judged")
    return Attempt(candidate, tools.court.verdict(judgement))


def _children(phase: Phase, state: TaskState, name: str, tools: Tools) -> list[Attempt]:
    """What was made of an attempt and judged, in the order in which it was."""
    rounds = [each for phase_name in (*phase.before, phase.name) for each in tools.record.rounds(phase_name)]
    steps = [step for each in rounds for step in each.steps if step.task == state.task and step.parent == name]
    made = dict.fromkeys(step.candidate for step in steps if step.candidate is not None)
    return [_attempt(state, child, tools) for child in made]


def _read(
    policy: Policy, state: TaskState, parent: Attempt, turn: Turn, prompt: Prompt, tools: Tools
) -> Asked:
    """Reads the replies; what they make is in the record before it is judged."""
    session = tools.court.session(state.task)
    said = _said(state, tools)
    readings = tuple(policy.way.read(session, parent, reply, said) for reply in turn.replies)
    made = [reading.candidate for reading in readings if reading.candidate is not None]
    with tools.record.store.together():
        for candidate in made:
            tools.record.keep_candidate(state.task, candidate)
        if not turn.read:
            policy.dialogue.note_reading(turn.number, [each.outcome for each in readings], [each.id for each in made])
    depth = 0 if state.tree is None else len(state.tree.lineage(parent.candidate.id)) - 1
    return Asked(state, parent, depth, turn, prompt, readings)


def _judge_round(phase: Phase, policy: Policy, asked: Sequence[Asked], tools: Tools) -> Round:
    """Judges what is new, once each, and records the round."""
    fresh: dict[str, Errand] = {}
    for one in asked:
        for errand in _errands(one):
            if errand is not None and one.state.tree is not None and errand.candidate.id not in one.state.tree.parents:
                fresh.setdefault(errand.key, errand)
    judged = dict(zip(fresh, tools.court.judge(list(fresh.values())), strict=True))
    steps: list[Step] = []
    unseen = dict(judged)
    for one in asked:
        for place, errand in enumerate(_errands(one)):
            new = errand is not None and unseen.pop(errand.key, None) is not None
            known = None if errand is None else judged.get(errand.key) or tools.record.judgement(errand.key)
            number = tools.record.next_step() + len(steps)
            steps.append(_step(phase, policy, one, place, known, new, number))
    made = Round(phase.name, phase.generation, (), tuple(steps), *_paid(list(fresh.values()), tools))
    tools.record.add_round(made, _gpu_seconds(list(judged.values()), tools))
    return made


def _paid(errands: Sequence[Errand], tools: Tools) -> tuple[Counter[str], Counter[str], tuple[str, ...]]:
    """Of what a round judged: by task what it pays for and what searches used of their shares; and the keys of what it
    pays for, which no round has judged before.
    """
    new = [errand for errand in errands if not tools.record.is_paid(errand.key)]
    counts = (Counter(errand.task for errand in each) for each in (new, errands))
    return (*counts, tuple(errand.key for errand in new))  # type: ignore[return-value]


def _gpu_seconds(judged: Sequence[Judgement], tools: Tools) -> float:
    """What was judged by measuring has kept a card busy."""
    return sum(each.seconds for each in judged) if tools.measures else 0.0


def _errands(one: Asked) -> list[Errand | None]:
    """For each reply what is to be judged of it, if it made anything."""
    share = one.state.share
    made = (reading.candidate for reading in one.readings)
    return [None if candidate is None else Errand(share.task, candidate, share.seed) for candidate in made]


def _step(
    phase: Phase, policy: Policy, one: Asked, place: int, known: Judgement | None, fresh: bool, number: int
) -> Step:
    reading, reply = one.readings[place], one.turn.replies[place]
    parent = one.parent.candidate.id
    status, reward = (known.status, known.reward) if known else (None, _worth(one, reading))
    return Step(
        number=number, generation=phase.generation, turn=one.turn.number, task=one.state.task,
        family=one.state.share.family, parent=parent, depth=one.depth, prompt=one.prompt, reply=reply,
        policy=policy.version, outcome=reading.outcome, fresh=fresh, status=status, reward=reward, best=None,
        candidate=None if reading.candidate is None else reading.candidate.id, move=reading.move, ends=reading.ends,
    )  # fmt: skip


def _worth(one: Asked, reading: Reading) -> float | None:
    """Of a reply that made nothing: to stop keeps what there is, and what cannot be read or applied is worth nothing.
    A reply that was cut off is not the policy's doing.
    """
    if reading.outcome == STOPPED and one.state.tree is not None:
        node = one.state.tree.nodes.get(one.parent.candidate.id)
        return None if node is None else node.reward
    return 0.0 if reading.blamed else None


def coverage(rounds: Sequence[Round]) -> float:
    """The part of what was judged that could be told (1.0 where nothing was): what failed by our fault is missing."""
    statuses = [step.status for each in rounds for step in each.steps if step.fresh]
    statuses += [start.status for each in rounds for start in each.starts]
    return 1.0 if not statuses else sum(status is not Status.INFRA for status in statuses) / len(statuses)
