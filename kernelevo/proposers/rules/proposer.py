"""Applies the rules to a candidate's text.

    read the parent -> apply every rule that is on, most promising first -> drop what was tried

A rule that is named in another's `then` is also applied to that one's results, for pairs of which the first alone
gains little.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kernelevo.kernel.problem import Problem
from kernelevo.proposers.rules.catalogue import RULES
from kernelevo.proposers.rules.evidence import symptoms
from kernelevo.proposers.rules.own_kernels import with_own_kernels
from kernelevo.proposers.rules.polynomials import TooComplex
from kernelevo.proposers.rules.settings import RuleSetting, RuleSettings
from kernelevo.proposers.rules.subject import Rewrite, Subject
from kernelevo.types import Attempt, Candidate

MAX_BYTES = 1 << 17
"""Texts longer than this are left alone: every rule reads all of it."""


class RulesProposer:
    """`properties` are the device's: `sms` and `warp` are used."""

    name = "rules"

    def __init__(self, problem: Problem, properties: Mapping[str, int], settings: RuleSettings) -> None:
        self._problem = problem
        self._properties = dict(properties)
        self._settings = settings

    def propose(self, parent: Attempt, tried: frozenset[str], limit: int) -> list[Candidate]:
        """At most `limit` untried rewrites of the parent's text, the most promising rules first.

        Raises PlanError if the parent's pragma lines cannot be read, which a parent that passed does not have.
        """
        candidate = parent.candidate
        if len(candidate.text) > MAX_BYTES:
            return []
        found: dict[str, Candidate] = {}
        for text, moves in self._rewrites(parent):
            if len(found) >= limit:
                break
            fresh = Candidate(text, candidate.defines, self.name, candidate.id, (*candidate.moves, *moves))
            if fresh.id not in tried and fresh.id != candidate.id:
                found.setdefault(fresh.id, fresh)
        return list(found.values())

    def _rewrites(self, parent: Attempt) -> Iterator[tuple[str, tuple[str, ...]]]:
        """The rewritten texts with their moves, in the order of promise."""
        shown = symptoms(parent.verdict, self._problem)
        subject = self._subject(parent.candidate.text, parent.candidate.defines)
        for setting in sorted(self._settings.rules, key=lambda rule: not (rule.helps & shown)):
            for rewrite in _apply(setting, subject):
                yield rewrite.text, (rewrite.move,)
                for following in filter(None, map(self._settings.named, setting.then)):
                    second = self._subject(rewrite.text, parent.candidate.defines)
                    for again in _apply(following, second):
                        yield again.text, (rewrite.move, again.move)

    def _subject(self, text: str, defines: Mapping[str, int]) -> Subject:
        """The text as the rules see it: every launch line with a kernel of its own."""
        subject = Subject.read(text, defines, self._problem, self._properties)
        own = with_own_kernels(subject)
        return subject if own == text else Subject.read(own, defines, self._problem, self._properties)


def _apply(setting: RuleSetting, subject: Subject) -> list[Rewrite]:
    """The rule's rewrites; none for a text with expressions beyond the limits of what rules follow."""
    try:
        return list(RULES[setting.name][0](subject, setting.parameters))
    except TooComplex:
        return []
