"""The drafter of pipelines: of all that was tried on the reward split, which are worth most (worths.py).

The file holds several pipelines, which stand apart by a line of dashes: the agent writes them in this order. As many
of the best are drafted, if the first beats the present first one, and the gate has not rejected it in its place.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from kernelevo.counting import counted
from kernelevo.harness import Harness, pipeline_file
from kernelevo.learning import PolicyVersion, apart
from kernelevo.learning_interfaces import LoopRecord
from kernelevo.levers.harness.drafts import Draft
from kernelevo.levers.harness.edits import Edit, EditBudget
from kernelevo.levers.harness.rejected import past_edits
from kernelevo.levers.harness.worths import Lines, Worth, key_of, lines_of, worths

LEAST_TEXTS = 8
"""Different texts that have to be judged before any is preferred."""
APART = "---"
MOST_DRAFTED = 4
"""Pipelines of one file: as many as are written in answer to one question."""


class PipelineDrafter:
    """For the pipelines of one backend, by its name; `start` is the text of a task's start."""

    name = "pipelines"

    def __init__(self, backend: str, start: str) -> None:
        self.said = ""
        self._file, self._start = pipeline_file(backend), start

    def draft(
        self, record: LoopRecord, policy: PolicyVersion, harness: Harness, budget: EditBudget, seed: int
    ) -> Draft | None:
        present = lines_of(first(harness.files.get(self._file, "")) or self._start)
        steps = (step for number in range(record.generations()) for step in record.steps(number))
        found = worths(steps, policy.adapter)
        if len(found) < LEAST_TEXTS:
            self.said = f"{counted(len(found), 'pipeline')} tell nothing yet"
            return None
        known = found.get(key_of(present))
        own = known.value if known is not None else statistics.fmean(each.value for each in found.values())
        best = sorted(found.values(), key=lambda each: (-each.value, each.lines))
        rejected = self._rejected(record, harness)
        while best and best[0].value > own:
            for count in range(MOST_DRAFTED if key_of(best[0].lines) not in rejected else 0, 0, -1):
                edit = self._edit(harness, best[:count], best[0].value - own)
                if edit.characters <= budget.characters:
                    return self._drafted(edit, best[0], own, len(found))
            best = best[1:]
        self.said = f"of {counted(len(found), 'pipeline')} none within {budget.characters:,} characters is better"
        return None

    def _rejected(self, record: LoopRecord, harness: Harness) -> frozenset[Lines]:
        """Keys of the pipelines that were first in a change of this very file which the gate rejected."""
        text = harness.files.get(self._file, "")
        tried = [past.edit for past in past_edits(record) if past.said == "reject"]
        return frozenset(
            key_of(lines_of(first(edit["text"])))
            for edit in tried if (edit["file"], edit["anchor"]) == (self._file, text)
        )  # fmt: skip

    def _drafted(self, edit: Edit, best: Worth, own: float, texts: int) -> Draft:
        reason = (
            f"of {counted(texts, 'pipeline')} this one gains most, {best.value - own:+.3f} in log2 over the present "
            f"one, by {counted(best.values, 'value')} of its own and by those of pipelines like it; the next best "
            "stand behind it"
        )
        return Draft((edit,), reason, {"pipelines": texts, "gain": best.value - own, "values": best.values})

    def _edit(self, harness: Harness, wanted: Sequence[Worth], gain: float) -> Edit:
        whole = f"{APART}\n".join("".join(f"{line}\n" for line in each.lines) for each in wanted)
        text = harness.files.get(self._file, "")
        kind = "replace" if text else "insert"
        return Edit(kind, self._file, text, whole, f"the first is worth {gain:+.3f} in log2 on average")


def first(text: str) -> str:
    """Of the pipelines in a file."""
    return next(iter(apart(text)), "")
