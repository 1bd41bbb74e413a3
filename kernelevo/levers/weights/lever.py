"""The weights lever: from the record of the last generations to another LoRA adapter, with the reasons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from kernelevo.language_model import Adapter
from kernelevo.learning import Change, PolicyVersion, folder_key
from kernelevo.learning_interfaces import Lever, LoopRecord, TrainableModel
from kernelevo.levers.weights.choose import Choice, Objective, choose, shape_of
from kernelevo.levers.weights.rows import Selection, select
from kernelevo.levers.weights.settings import WeightSettings
from kernelevo.levers.weights.training import Trained, train

LEAST_SHARE, MOST_SHARE = 1 / 16, 4.0
"""Bounds of what the gate's answers do to the size of a step: smaller ones change nothing that it could see, and much
larger ones leave the policy that the replies are of."""


@dataclass
class WeightsLever(Lever):
    """`temperature` tells which one the harness in a folder samples with: log-probabilities are those under it."""

    model: TrainableModel
    settings: WeightSettings
    temperature: Callable[[Path], float] = lambda harness: 1.0
    name: str = "weights"
    said: str = ""

    def draft(
        self, record: LoopRecord, policy: PolicyVersion, harness: Path, adapter: Path | None, into: Path, seed: int,
        beside: Sequence[Change] = (),
    ) -> Change | None:  # fmt: skip
        chosen = select(record, policy, self.settings)
        choice = choose(shape_of([chosen.values(group) for group in chosen.groups], _lengths(chosen)))
        objective = None if choice.objective is None else self.settings.objective or choice.objective
        used = chosen if objective in (None, "ppo") else _only(chosen, chosen.telling())
        if objective is None or len(used.rows) < self.settings.least:
            self.said = _why_nothing(choice, used, self.settings)
            return None
        settings = self._present(record, policy)
        before = None if adapter is None else Adapter("before", 0, str(adapter))
        trainer = self.model.trainer(before, settings.rank, seed, temperature=self.temperature(harness))
        trained = train(trainer, used, objective, settings, seed)
        trainer.save(into)
        self.said = _reason(objective, used, trained)
        details = _details(objective, choice, chosen, used, settings, trained)
        return Change("weights", str(into), policy.adapter, folder_key(into), self.said, details=details)

    def _present(self, record: LoopRecord, policy: PolicyVersion) -> WeightSettings:
        """The settings, after what the gate said of changes of this adapter. Each rejection halves the learning rate
        and how far the policy may move: it went too far, and less of the same may still help. Each time that the gate
        could not tell doubles how far it may move: the change was too small to be seen.
        """
        said = [
            result for change, result in record.changes()
            if change.lever == "weights" and change.before == policy.adapter
        ]  # fmt: skip
        smaller = max(0.5 ** said.count("reject"), LEAST_SHARE)
        larger = min(2.0 ** said.count("undecided"), MOST_SHARE)
        settings = self.settings
        return replace(
            settings, learning_rate=settings.learning_rate * smaller, kl_stop=settings.kl_stop * smaller * larger
        )


def _lengths(chosen: Selection) -> list[int]:
    return [row.length for row in chosen.rows]


def _only(chosen: Selection, groups: Sequence[tuple[int, ...]]) -> Selection:
    """The selection without the rows of other groups."""
    kept = sorted(row for group in groups for row in group)
    place = {row: number for number, row in enumerate(kept)}
    rows = [replace(chosen.rows[row], previous=place.get(chosen.rows[row].previous, -1)) for row in kept]
    return Selection(rows, [tuple(place[row] for row in group) for group in groups], chosen.excluded)


def _why_nothing(choice: Choice, used: Selection, settings: WeightSettings) -> str:
    why = choice.why
    if choice.objective is not None:
        why = f"{len(used.rows)} replies differ from others to the same prompt, fewer than {settings.least}"
    left_out = ", ".join(f"{count} of {why}" for why, count in used.excluded.items())
    return why + (f"; left out: {left_out}" if left_out else "")


def _reason(objective: Objective, used: Selection, trained: Trained) -> str:
    prompts = len(used.groups)
    return (
        f"{objective} on {len(used.rows)} replies to {prompts} prompts, in {len(trained.losses)} steps, moved the "
        f"policy by {trained.kl_before:.3g} nats a token"
    )


def _details(
    objective: Objective, choice: Choice, chosen: Selection, used: Selection, settings: WeightSettings, trained: Trained
) -> dict[str, Any]:
    return {
        "objective": objective,
        "objective_why": choice.why if objective == choice.objective else "the settings name it",
        "choice": choice.json(),
        "replies": len(used.rows),
        "groups": len(used.groups),
        "stale": sum(row.stale for row in used.rows),
        "excluded": {**chosen.excluded, "constant groups": len(chosen.rows) - len(used.rows)},
        "settings": asdict(settings),
        "losses": list(trained.losses),
        "kl_before": trained.kl_before,
        "kl_base": trained.kl_base,
        "stopped": trained.stopped,
        "recorded_apart": trained.recorded_apart,
    }
