"""The scorecard as data for people, machines and the documentation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kernelevo.counting import counted
from kernelevo.redteam.attack import Attack, Outcome, Skipped
from kernelevo.redteam.control import Controlled
from kernelevo.redteam.row import ANSWERS
from kernelevo.redteam.score import RowScore, Scored


@dataclass(frozen=True)
class Scorecard:
    """What came of the rows that were asked for, and of the controls."""

    device: str
    rows: tuple[RowScore, ...]
    controls: tuple[Controlled, ...]

    @property
    def attacks(self) -> list[Scored]:
        """Each attack once, in the order of the rows."""
        return list({each.attack.name: each for row in self.rows for each in row.attacks}.values())

    @property
    def open_rows(self) -> list[RowScore]:
        return [row for row in self.rows if row.open]

    @property
    def failed_controls(self) -> list[Controlled]:
        return [each for each in self.controls if each.failed]

    @property
    def good(self) -> bool:
        return not self.open_rows and not self.failed_controls

    @property
    def skips(self) -> list[tuple[str, str]]:
        """Names of attacks and controls that could not be made here, and why."""
        attacks = [(each.attack.name, each.reason) for each in self.attacks if each.state == "skipped"]
        return attacks + [(each.control.name, each.reason) for each in self.controls if _skipped(each)]


COLUMNS = ("row", "answer", "stopped as", "defence", "control", "what")


def table(card: Scorecard) -> Iterator[tuple[str, ...]]:
    """The lines of the scorecard, in the order of COLUMNS: one for each attack of a row, or one for the row."""
    for scored in card.rows:
        row = scored.row
        if not scored.attacks:
            yield row.number, _answer(scored), "", "", "", f"{row.title}: {row.why}"
        for place, each in enumerate(scored.attacks):
            first = place == 0
            control = each.control.status if isinstance(each.control, Outcome) else "skipped"
            words = f"{row.title}: {row.why}" if first else ""
            yield (
                row.number if first else "", _answer(scored) if first else "",
                f"{each.status}{'' if each.state == 'holds' else f' ({each.state})'}",
                " + ".join(each.attack.defences), control, " / ".join(filter(None, (words, f"[{each.attack.name}]"))),
            )  # fmt: skip


def summary(card: Scorecard) -> list[str]:
    """What is printed under the table."""
    answers = Counter(_answer(each) for each in card.rows)
    doors = Counter(each.attack.door for each in card.attacks if each.state == "holds")
    states = Counter(each.state for each in card.attacks)
    lines = [
        f"{counted(len(card.rows), 'row')}: {_counted(answers)}.",
        f"{counted(len(card.attacks), 'attack')}: {_counted(states)}. By door, those that hold: {_counted(doors)}.",
    ]
    if card.controls:
        honest = [each for each in card.controls if each.control.honest]
        right = sum(isinstance(each.outcome, Outcome) and not each.failed for each in honest)
        others = [each for each in card.controls if not each.control.honest]
        caught = sum(isinstance(each.outcome, Outcome) and not each.failed for each in others)
        passed, failed = f"{right} of {len(honest)} honest kernels pass", f"{caught} of {len(others)} wrong are caught"
        lines.append(f"Controls: {passed}, {failed}.")
    lines += [f"OPEN {each.attack.name} ({each.state}): {each.reason}" for each in card.attacks if _is_open(each)]
    lines += [f"FAILED control {each.control.name}: {each.reason}" for each in card.failed_controls]
    lines += [f"skipped {name}: {reason}" for name, reason in card.skips]
    return lines


def as_json(card: Scorecard) -> dict[str, Any]:
    """One object for machines (docs/redteam.md)."""
    return {
        "device": card.device,
        "good": card.good,
        "rows": [
            {
                "row": each.row.number, "title": each.row.title, "answer": each.row.answer, "why": each.row.why,
                "open": each.open, "attacks": [scored.attack.name for scored in each.attacks],
            }
            for each in card.rows
        ],
        "attacks": [_attack_json(each) for each in card.attacks],
        "controls": [
            {
                "name": each.control.name, "honest": each.control.honest, "status": _status(each.outcome),
                "failed": each.failed, "reason": each.reason,
            }
            for each in card.controls
        ],
    }  # fmt: skip


LISTED = ("rows", "door", "defence", "what")


def listing(attacks: Sequence[Attack]) -> Iterator[tuple[str, ...]]:
    """Attacks that would be made, as LISTED names the columns."""
    for attack in attacks:
        yield ", ".join(attack.rows), attack.door, " + ".join(attack.defences), f"{attack.name}: {attack.title}"


def _attack_json(scored: Scored) -> dict[str, Any]:
    attack = scored.attack
    return {
        "name": attack.name, "rows": list(attack.rows), "title": attack.title, "door": attack.door,
        "defences": list(attack.defences), "state": scored.state, "status": _status(scored.defended),
        "control": _status(scored.control), "reason": scored.reason,
    }  # fmt: skip


def _status(outcome: Outcome | Skipped) -> str:
    return outcome.status if isinstance(outcome, Outcome) else "skipped"


def _answer(scored: RowScore) -> str:
    if scored.open:
        return "OPEN"
    if scored.row.answer == "caught" and not scored.shown:
        return "not shown here"
    return ANSWERS[scored.row.answer]


def _is_open(scored: Scored) -> bool:
    return scored.state in ("open", "unproven")


def _skipped(controlled: Controlled) -> bool:
    return isinstance(controlled.outcome, Skipped)


def _counted(counts: Mapping[Any, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items(), key=lambda pair: -pair[1])) or "none"
