"""The drafter without a language model: it reads what each rule brought and moves the numbers of decisions.toml.

    steps of the present policy -> tries -> rules compared, counts with intervals -> proposals, the weightiest first
    -> as many as the budget of edits allows, each a change of one line

It changes priors, switches, how replies are drawn and how the run's own budget is split; never how large that is, and
nothing for which there is no more evidence than chance gives. That is modest, and it is all that numbers can tell.
Where they tell nothing, one number is tried (how many replies a question asks for), and the gate says.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from kernelevo.counting import counted
from kernelevo.harness import DecisionFile, Harness, read_decision_file
from kernelevo.harness.manifest import DECISIONS
from kernelevo.learning import PolicyVersion, Step
from kernelevo.learning_interfaces import LoopRecord
from kernelevo.levers.harness import breadth, numbers, proposals
from kernelevo.levers.harness.drafts import Draft
from kernelevo.levers.harness.edits import Edit, EditBudget
from kernelevo.levers.harness.pace import Pace
from kernelevo.levers.harness.proposals import Proposal
from kernelevo.levers.harness.rejected import own_changes, past_edits, rejected_keys
from kernelevo.levers.harness.tries import Comparison, Try, compare_rules, tries_of

LEAST_TRIES = 40
"""Of the present policy alone; with fewer, all that is recorded counts, whoever made it."""
_TOPIC = re.compile(r"\[([^\]]+)\] ")


class StatisticalDrafter:
    """For the rules and families of one backend, by its name."""

    name = "statistical"

    def __init__(self, backend: str, pace: Pace) -> None:
        self.said = ""
        self._backend = backend
        self._pace = pace

    def draft(
        self, record: LoopRecord, policy: PolicyVersion, harness: Harness, budget: EditBudget, seed: int
    ) -> Draft | None:
        steps, whose = _relevant(record, policy)
        tries = tries_of(steps)
        found = compare_rules(tries, seed)
        ordered = self._ordered(record, harness.decisions, steps, tries, found, seed)
        text, rejected = harness.files[DECISIONS], rejected_keys(record)
        edits = _edits(text, harness.decisions, ordered, budget, rejected)
        reason = f"{counted(len(edits), 'number')} of decisions.toml by what {len(tries)} tries of {whose} gained"
        if not edits:
            reason = f"a trial, since {len(tries)} tries of {whose} tell no number that should be changed"
            edits = _edits(text, harness.decisions, list(breadth.trial(harness.decisions, steps)), budget, rejected)
        self.said = f"{len(tries)} tries of {whose} tell no number that should be changed"
        if not edits:
            return None
        rules = {
            name: {"tries": gain.tries, "measured": gain.measured, "shrunk": gain.shrunk}
            for name, gain in found.rules.items()
        }
        return Draft(tuple(edits), reason, {"tries": len(tries), "whose": whose, "p": found.p, "rules": rules})

    def _ordered(
        self, record: LoopRecord, file: DecisionFile, steps: Sequence[Step], tries: Sequence[Try], found: Comparison,
        seed: int,
    ) -> list[Proposal]:  # fmt: skip
        """The weightiest first; what was in a change that was rejected weighs half for each time."""
        rejections = _rejected_topics(record)
        offered = self._offered(len(own_changes(record)), file, steps, tries, found, seed)
        return sorted(offered, key=lambda each: (-each.weight / 2 ** rejections[each.topic], each.topic))

    def _offered(
        self, drafted: int, file: DecisionFile, steps: Sequence[Step], tries: Sequence[Try], found: Comparison,
        seed: int,
    ) -> Iterator[Proposal]:  # fmt: skip
        rate, divergence = self._pace.rate, self._pace.divergence_at(drafted)
        switched = list(proposals.switches(file, self._backend, tries, seed))
        yield from switched
        touched = {each.topic.partition(" ")[2] for each in switched}
        biased = proposals.biases(file, self._backend, found, rate, divergence)
        yield from (each for each in biased if each.topic.split()[1] not in touched)
        yield from numbers.temperature(file, steps, tries, found, rate)
        yield from breadth.samples(file, steps, seed)
        yield from numbers.depth(file, tries)
        yield from numbers.retries(file, steps)
        yield from numbers.exploration(file, steps, rate)
        yield from numbers.shares(file, self._backend, steps, seed, rate)


def _relevant(record: LoopRecord, policy: PolicyVersion) -> tuple[list[Step], str]:
    """The steps of the present policy, or all of them where these are few; and whose they are, in words."""
    everything = [step for generation in range(record.generations()) for step in record.steps(generation)]
    own = [step for step in everything if step.policy == policy]
    if len(tries_of(own)) >= LEAST_TRIES:
        return own, "the present policy"
    return everything, "all policies so far"


def _rejected_topics(record: LoopRecord) -> Counter[str]:
    found = (_TOPIC.match(past.edit.get("reason", "")) for past in past_edits(record) if past.said == "reject")
    return Counter(match[1] for match in found if match)


def _edits(
    text: str, file: DecisionFile, offered: Sequence[Proposal], budget: EditBudget, rejected: frozenset[str]
) -> list[Edit]:
    """The proposals as edits of the file, as far as the budget goes, without those that were rejected."""
    edits: list[Edit] = []
    left = budget.characters
    for each in offered:
        after = each.make(file)
        edit = line_edit(text, file, after, f"[{each.topic}] {each.reason}")
        if edit is None or edit.key in rejected or edit.characters > left or len(edits) == budget.edits:
            continue
        edits.append(edit)
        left -= edit.characters
        text = text.replace(edit.anchor, edit.text if edit.kind == "replace" else edit.anchor + edit.text, 1)
        file = read_decision_file(text, DECISIONS)
    return edits


def line_edit(text: str, before: DecisionFile, after: DecisionFile, reason: str) -> Edit | None:
    """What makes `after` of `text`, which holds `before`: a change of one line, or a new file where people have written
    theirs in other words than the program does.
    """
    wanted = after.text()
    if text == wanted or before == after:
        return None
    if text != before.text():
        return Edit("replace", DECISIONS, text, wanted, reason)
    old, new = text.splitlines(keepends=True), wanted.splitlines(keepends=True)
    first = next(number for number, line in enumerate(new) if number >= len(old) or line != old[number])
    ahead = new[first - 1]
    if len(new) > len(old):
        return Edit("insert", DECISIONS, f"\n{ahead}", new[first], reason)
    return Edit("replace", DECISIONS, f"\n{old[first]}", f"\n{new[first]}", reason)
