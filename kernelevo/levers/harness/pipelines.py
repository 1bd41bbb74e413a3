"""The drafter of pipelines: of all that was tried on the reward split, which lines are worth most on average.

A pipeline is a text of lines `name = value` (kernelevo.backends.pipelines writes and reads them; here they are lines).
What a text is worth is log2 of its reward less the mean of its task in that generation. Lines are weighed by ridge
regression over all texts, and each text's own mean is shrunk towards what its lines say: a text that did well once on
one task is not taken for one that does well. What was written with another adapter than the present one counts less:
what a line is worth hangs on the network that it is beside. Of the texts within the budget of edits the best is
drafted, if it beats the present one.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kernelevo.counting import counted
from kernelevo.harness import Harness, pipeline_file
from kernelevo.learning import PolicyVersion, Step
from kernelevo.learning_interfaces import LoopRecord
from kernelevo.levers.harness.drafts import Draft
from kernelevo.levers.harness.edits import Edit, EditBudget
from kernelevo.levers.harness.rejected import rejected_keys

LEAST_TEXTS = 8
"""Different texts that have to be judged before any is preferred."""
PENALTY = 1.0
"""Of the ridge regression; also as how many values of its own a text's lines count."""
OF_ANOTHER_ADAPTER = 0.25
"""As how many values one counts that was found with another adapter."""
OF_A_NETWORK = "network"
"""The line that names an adapter is the weights', not the harness's."""
Lines = tuple[str, ...]


@dataclass(frozen=True)
class Worth:
    """Of a text: its lines as they were first written, its shrunk mean in log2 over the means of its tasks, and of how
    many values.
    """

    lines: Lines
    value: float
    values: int


class PipelineDrafter:
    """For the pipelines of one backend, by its name; `start` is the text of a task's start."""

    name = "pipelines"

    def __init__(self, backend: str, start: str) -> None:
        self.said = ""
        self._file, self._start = pipeline_file(backend), start

    def draft(
        self, record: LoopRecord, policy: PolicyVersion, harness: Harness, budget: EditBudget, seed: int
    ) -> Draft | None:
        present = lines_of(harness.files.get(self._file, "") or self._start)
        steps = (step for number in range(record.generations()) for step in record.steps(number))
        found = worths(steps, policy.adapter)
        if len(found) < LEAST_TEXTS:
            self.said = f"{counted(len(found), 'pipeline')} tell nothing yet"
            return None
        known = found.get(key_of(present))
        own = known.value if known is not None else statistics.fmean(each.value for each in found.values())
        for best in sorted(found.values(), key=lambda each: (-each.value, each.lines)):
            edits = self._edits(harness, present, best.lines, best.value - own)
            if best.value <= own:
                break
            if len(edits) <= budget.edits and not rejected_keys(record) & {edit.key for edit in edits}:
                return self._drafted(edits, best, own, len(found))
        self.said = f"of {counted(len(found), 'pipeline')} none within {counted(budget.edits, 'edit')} is better"
        return None

    def _drafted(self, edits: Sequence[Edit], best: Worth, own: float, texts: int) -> Draft:
        reason = (
            f"of {counted(texts, 'pipeline')} this one gains most, {best.value - own:+.3f} in log2 over the present "
            f"one, by {counted(best.values, 'value')} of its own and by its lines"
        )
        return Draft(tuple(edits), reason, {"pipelines": texts, "gain": best.value - own, "values": best.values})

    def _edits(self, harness: Harness, present: Lines, wanted: Lines, gain: float) -> list[Edit]:
        """Line by line; a file that is not there begins whole."""
        why = f"worth {gain:+.3f} in log2 on average"
        whole = "".join(f"{line}\n" for line in wanted)
        text = harness.files.get(self._file, "")
        if not text:
            return [Edit("insert", self._file, "", whole, why)]
        if any(f"\n{text}".count(f"{line}\n") != 1 for line in present):
            return [Edit("replace", self._file, text, whole, why)]  # a person's spacing, or lines that end alike
        before = {line.partition(" = ")[0]: line for line in present}
        after = {line.partition(" = ")[0]: line for line in wanted}
        edits = [
            Edit("replace", self._file, f"{line}\n", f"{after[name]}\n", why)
            for name, line in before.items() if name in after and after[name] != line
        ]  # fmt: skip
        new = [line for name, line in after.items() if name not in before]
        gone = [line for name, line in before.items() if name not in after]
        edits += [Edit("insert", self._file, "", f"{line}\n", why) for line in new]
        return edits + [Edit("delete", self._file, f"{line}\n", "", why) for line in gone]


def lines_of(text: str) -> Lines:
    """The lines that say something, without the network's."""
    plain = (line.partition("#")[0].partition("=") for line in text.splitlines())
    pairs = [(" ".join(name.split()), value.strip()) for name, _, value in plain if name.strip()]
    return tuple(f"{name} = {value}" for name, value in pairs if name != OF_A_NETWORK)


def key_of(lines: Lines) -> Lines:
    """The same in whatever order they stand."""
    return tuple(sorted(lines))


def worths(steps: Iterable[Step], adapter: str | None) -> Mapping[Lines, Worth]:
    """Of every text that was judged, by the key of its lines, for who goes on with this adapter."""
    rows = [
        (f"{step.generation} {step.task}", lines_of(step.reply.text), math.log2(step.reward),
         1.0 if step.policy.adapter == adapter else OF_ANOTHER_ADAPTER)
        for step in steps if step.candidate and step.reward
    ]  # fmt: skip
    by_task: dict[str, list[float]] = defaultdict(list)
    for task, _, gain, _ in rows:
        by_task[task].append(gain)
    means = {task: statistics.fmean(values) for task, values in by_task.items()}
    values: dict[Lines, list[tuple[float, float]]] = defaultdict(list)
    written: dict[Lines, Lines] = {}
    for task, lines, gain, count in rows:
        values[key_of(lines)].append((gain - means[task], count))
        written.setdefault(key_of(lines), lines)
    if not values:
        return {}
    counts = {key: sum(count for _, count in own) for key, own in values.items()}
    own = {key: sum(gain * count for gain, count in each) / counts[key] for key, each in values.items()}
    told = _by_lines(own, counts)
    return {
        key: Worth(written[key], (counts[key] * own[key] + PENALTY * told[key]) / (counts[key] + PENALTY), len(each))
        for key, each in values.items()
    }


def _by_lines(own: Mapping[Lines, float], values: Mapping[Lines, float]) -> Mapping[Lines, float]:
    """What the lines of each text say, by ridge regression of its own mean, which is of so many values, with a penalty
    on all but the mean.
    """
    words = sorted({line for lines in own for line in lines})
    place = {line: number for number, line in enumerate(words)}
    shown = np.zeros((len(own), len(words)))
    for row, lines in enumerate(own):
        shown[row, [place[line] for line in lines]] = 1.0
    counts, means = np.array(list(values.values())), np.array(list(own.values()))
    mean = float(np.average(means, weights=counts))
    apart = shown - np.average(shown, axis=0, weights=counts)
    left = (apart * counts[:, None]).T @ apart + PENALTY * np.eye(len(words))
    weights = np.linalg.solve(left, (apart * counts[:, None]).T @ (means - mean))
    return dict(zip(own, (mean + apart @ weights).tolist(), strict=True))
