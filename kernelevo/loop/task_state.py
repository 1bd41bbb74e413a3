"""Where one task stands in a phase, rebuilt from the rounds of the record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from kernelevo.decisions import STOP
from kernelevo.learning import Step, TaskResult
from kernelevo.loop.policy import Policy
from kernelevo.loop.record import Record, Round, Start
from kernelevo.loop.tree import Tree, TreeSettings

TURNS_PER_EVALUATION = 4
"""A task whose questions bring nothing new ends after so many (conversations, of a policy that has them) for each of
its evaluations.
"""
Strategy = Literal["tree", "rollouts"]
"""How parents are chosen: PUCT over all that was made; or one move after the other until it fails or stops, again and
again from the start (independent samples: best of N).
"""


@dataclass(frozen=True)
class Share:
    """What one task gets: its evaluations, the start's included, and the seed of its inputs."""

    task: str
    family: str
    evaluations: int
    seed: int


@dataclass(frozen=True)
class Phase:
    """A stretch of the record with a name of its own. `before` are phases whose trees it goes on with."""

    name: str
    generation: int
    before: tuple[str, ...] = ()
    strategy: Strategy = "tree"
    stream: int = 0
    """The seed of what a model draws in this phase; the same for two policies that are compared."""


@dataclass
class TaskState:
    """`tree` is None until the start is judged, and where it did not pass; `talk` holds the replies so far of a
    conversation that goes on, which may take `calls`.
    """

    share: Share
    calls: int = 1
    tree: Tree | None = None
    start: Start | None = None
    used: int = 0
    turns: int = 0
    fruitless: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    last: Step | None = None
    talk: list[Step] = field(default_factory=list)

    @property
    def task(self) -> str:
        return self.share.task

    @property
    def left(self) -> int:
        return self.share.evaluations - self.used

    @property
    def goes_on(self) -> bool:
        most = TURNS_PER_EVALUATION * (self.share.evaluations + 1) * self.calls
        return self.tree is not None and self.left > 0 and self.turns < most

    def result(self) -> TaskResult:
        best = None if self.tree is None else self.tree.best()
        start, name = self.start and self.start.reward, best and best.name
        return TaskResult(self.task, self.share.family, start, best and best.reward, name, self.used)

    def parents(self, strategy: Strategy, count: int) -> list[str]:
        """The next attempts to be asked about."""
        if self.tree is None:
            return []
        if strategy == "tree":
            return self.tree.choose(count)
        return [self._going_down(self.tree)] if not self.tree.nodes[self.tree.start].closed else []

    def _going_down(self, tree: Tree) -> str:
        """What the last move made, if it passed and more moves are allowed; else the start."""
        last = self.last
        down = last is not None and last.candidate is not None and last.reward and last.move != str(STOP)
        if last is None or not down or last.depth + 1 >= tree.settings.depth or last.candidate not in tree.nodes:
            return tree.start
        return tree.start if tree.nodes[last.candidate].closed else last.candidate


def restored(phase: Phase, policy: Policy, shares: Sequence[Share], record: Record) -> list[TaskState]:
    """The states at the end of what the record says."""
    states = [TaskState(share, policy.calls) for share in shares]
    for name in (*phase.before, phase.name):
        for each in record.rounds(name):
            for state in states:
                take(state, each, policy, phase, own=name == phase.name)
    return states


def take(state: TaskState, each: Round, policy: Policy, phase: Phase, own: bool = True) -> None:
    """What a round says of this task. A round of an earlier phase closes nothing, and uses nothing up."""
    for start in each.starts:
        if start.task == state.task:
            state.start = start
            state.tree = Tree(start.candidate, start.reward, _settings(policy, phase)) if start.reward else None
    steps = [step for step in each.steps if step.task == state.task]
    turns = list(dict.fromkeys(step.turn for step in steps))
    if own:
        state.used += each.used_by(state.task)
        state.turns += len(turns)
        state.last = steps[-1] if steps else state.last
    for turn in turns if state.tree is not None else []:
        replies = [step for step in steps if step.turn == turn]
        news = _grow(state, replies)
        if own:
            _take_turn(state, replies, news, policy, phase)


def _take_turn(state: TaskState, replies: Sequence[Step], news: bool, policy: Policy, phase: Phase) -> None:
    """A conversation is fruitless as a whole: only its last reply can make it so."""
    talk, ends = [*state.talk, *replies], replies[-1].ends
    state.talk = [] if ends else talk
    if phase.strategy == "tree" and (news or ends):
        _close_if_fruitless(state, replies[0].parent, news or any(step.fresh for step in talk), policy)


def _grow(state: TaskState, steps: Sequence[Step]) -> bool:
    """Adds the replies of one turn; whether any of them was new."""
    tree = state.tree
    news = [tree is not None and tree.add_reply(step.parent, step.candidate, step.reward) for step in steps]
    return any(news)


def _close_if_fruitless(state: TaskState, parent: str, news: bool, policy: Policy) -> None:
    state.fruitless[parent] = 0 if news else state.fruitless[parent] + 1
    if state.tree is not None and state.fruitless[parent] > policy.settings.retries:
        state.tree.close(parent)


def _settings(policy: Policy, phase: Phase) -> TreeSettings:
    """Rollouts keep everything, since they choose by what came last."""
    settings = policy.settings
    if phase.strategy == "rollouts":
        return TreeSettings(settings.exploration, 1, settings.depth, most_children=10**9, most_nodes=10**9)
    return TreeSettings(settings.exploration, max(1, settings.samples), settings.depth)
