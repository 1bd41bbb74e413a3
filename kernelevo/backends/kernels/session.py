"""One task on kernels: the joint TaskSession over the evaluator and the proposers that there are."""

from __future__ import annotations

from collections.abc import Sequence

from kernelevo.backends.kernels.memo import Memo, key_of, remembered
from kernelevo.backends.kernels.moves import legal_moves
from kernelevo.backends.kernels.observing import facts_of, slowest, words_of
from kernelevo.backends.kernels.places import place_word, time_shares
from kernelevo.backends.kernels.tools import KernelTask, Tools
from kernelevo.decisions import STOP, Decision, DecisionSettings, Grammar, Observation, Option, read_decision
from kernelevo.errors import Infrastructure
from kernelevo.interfaces import Evaluator
from kernelevo.reward import reward_of
from kernelevo.types import Attempt, Budget, Candidate, Status, Verdict

SIGNED = "kernels"
EVALUATION = Budget(seconds=30.0, memory_bytes=2 << 30, warp_instructions=500_000_000)
"""Of one candidate; the starts of generated problems need a hundredth of it."""
MOST_REMEMBERED = 64
"""Attempts whose legal decisions are kept at hand: a parent is asked again and again."""


class KernelSession:
    """`memo` keeps verdicts among sessions. Used by one thread at a time."""

    def __init__(self, task: KernelTask, tools: Tools, grammar: Grammar, memo: Memo) -> None:
        self.task = task.name
        self.family = task.family
        self.start = Candidate(task.text)
        self._task = task
        self._tools = tools
        self._grammar = grammar
        self._memo = memo
        self._starts: dict[tuple[str, str], Verdict] = {}
        self._moves: dict[str, dict[Decision, Candidate]] = {}

    def judge(self, candidate: Candidate, seed: int | None = None) -> Verdict:
        return self._judged("reward", self._tools.verifier(self._task, seed), candidate, seed)

    def audit(self, candidate: Candidate, seed: int | None = None) -> Verdict:
        return self._judged("audit", self._tools.auditor(self._task, seed), candidate, seed)

    def reward(self, verdict: Verdict) -> float | None:
        """Time of the start over the candidate's, both on the draw and by the verifier that the verdict is of."""
        if verdict.status is not Status.PASSED:
            return 0.0 if verdict.status.blames_candidate else None
        return reward_of(verdict, self._start_beside(verdict)).value

    def observe(self, attempt: Attempt, settings: DecisionSettings) -> Observation:
        """Raises ValueError for an attempt that did not pass: there is nothing to be observed."""
        facts = facts_of(attempt, self._task.problem, self.reward(attempt.verdict), self._tools.least_us(self._task))
        symptoms = self._tools.symptoms(attempt.verdict, self._task)
        words = set(words_of(attempt, symptoms, "kernel.cu")) & set(self._grammar.words)
        moves = tuple(move for move in map(read_decision, attempt.candidate.moves) if move is not None)
        deep = len(attempt.candidate.moves) >= settings.depth
        legal = [] if deep else [each for each in self._legal(attempt) if each.rule in settings.rules]
        shares, text = time_shares(slowest(attempt.verdict)), attempt.candidate.text
        options = tuple(
            Option(each, settings.rules.get(each.rule, 0.0), place_word(each, shares, text)) for each in (*legal, STOP)
        )
        return Observation(self._grammar.key, facts, tuple(sorted(words)), moves, options)

    def apply(self, attempt: Attempt, decision: Decision) -> Candidate | None:
        return self._legal(attempt).get(decision)

    def words(self) -> str:
        return self._tools.words(self._task)

    def close(self) -> None:
        """Nothing is held open: the tools are the backend's."""

    def _judged(self, level: str, evaluator: Evaluator, candidate: Candidate, seed: int | None) -> Verdict:
        def judge() -> Verdict:
            verdict = evaluator.evaluate(candidate, EVALUATION)
            if verdict.status is Status.INFRA:
                raise Infrastructure(f"{self.task} could not be judged: {verdict.feedback}")
            return verdict

        if seed is None:
            return judge()
        return remembered(self._memo, key_of(self._tools.version, level, self.task, candidate.id, str(seed)), judge)

    def _start_beside(self, verdict: Verdict) -> Verdict:
        """The start's verdict on the same draw as this one, by the verifier that gave this one."""
        if verdict.candidate == self.start.id:
            return verdict
        seed = verdict.provenance.seed if verdict.provenance else "0"
        key = (verdict.device, seed)
        if key not in self._starts:
            judged = self.judge(self.start, int(seed, 16))
            self._starts[key] = judged if judged.device == verdict.device else self.audit(self.start, int(seed, 16))
        return self._starts[key]

    def _legal(self, attempt: Attempt) -> dict[Decision, Candidate]:
        known = self._moves.get(attempt.candidate.id)
        if known is not None and _follows(known, attempt.candidate.moves):
            return known
        found = legal_moves(attempt, self._tools.proposers(self._task), self._grammar.rules, SIGNED)
        if len(self._moves) >= MOST_REMEMBERED:
            del self._moves[next(iter(self._moves))]
        self._moves[attempt.candidate.id] = found
        return found


def _follows(known: dict[Decision, Candidate], moves: Sequence[str]) -> bool:
    """Whether these programs were made of a candidate that was reached by the same moves."""
    return all(candidate.moves[:-1] == tuple(moves) for candidate in known.values())
