"""`kernelevo redteam`: known ways of cheating, tried on this installation."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kernelevo.commands import options as opt
from kernelevo.errors import BadInput
from kernelevo.report_table import open_console, print_rows

if TYPE_CHECKING:
    from kernelevo.redteam.attack import Attack
    from kernelevo.redteam.row import Row
    from kernelevo.redteam.scorecard import Scorecard

Only = Annotated[
    str | None,
    typer.Option("--only", metavar="ROWS", help="Rows to try, with commas between them, e.g. H42,K1 (no controls)."),
]
List = Annotated[bool, typer.Option("--list", help="Show what would be tried, and try nothing.")]


def redteam(
    context: typer.Context,
    device: opt.DeviceName = None,
    only: Only = None,
    as_json: opt.AsJson = False,
    listed: List = False,
) -> None:
    """Try known ways of cheating on this installation, each with a control that succeeds without its defence.

    \b
    Example: kernelevo redteam
    Example: kernelevo redteam --only H33,H42

    A row is open if an attack of it gets through, or if its control shows nothing. Exit code 0 if no row is open and no
    control failed, 1 otherwise, 3 if this machine failed. docs/redteam.md says how to read the scorecard.
    """
    from kernelevo.redteam.attacks import corpus  # late: it loads NumPy

    rows, attacks = _chosen(corpus(), only)
    state = opt.State.of(context)
    console = open_console(state.settings.plain)
    if listed:
        from kernelevo.redteam.scorecard import LISTED, listing

        found = list(listing(attacks))
        if as_json:
            state.print_json([dict(zip(LISTED, line, strict=True)) for line in found])
        else:
            print_rows(console, dict.fromkeys(LISTED, "left"), found)
        return
    name, why = state.settings.choose_device(device)
    card = _tried(name, f"device {name}: {why}", opt.announcer(as_json), rows, attacks, with_controls=only is None)
    if as_json:
        from kernelevo.redteam.scorecard import as_json as card_json

        state.print_json(card_json(card))
    else:
        _show(console, card)
    raise typer.Exit(0 if card.good else 1)


def _chosen(attacks: Sequence[Attack], only: str | None) -> tuple[list[Row], list[Attack]]:
    """The rows that were asked for, and the attacks on them; raises BadInput for a row that is none."""
    from kernelevo.redteam.rows import ROWS

    if only is None:
        return list(ROWS), list(attacks)
    numbers = [number for part in only.split(",") if (number := part.strip().upper())]
    if not numbers:
        raise BadInput(f"--only {only!r} names no row; give some, e.g. H42,K1, or leave it out to try all")
    known = {row.number for row in ROWS}
    if unknown := next((number for number in numbers if number not in known), None):
        raise BadInput(f"--only {only}: there is no row {unknown!r}; there are H1 to H105 and K1 to K{len(ROWS) - 105}")
    chosen = [attack for attack in attacks if set(attack.rows) & set(numbers)]
    return [row for row in ROWS if row.number in numbers], chosen


def _tried(
    device: str,
    why: str,
    announce: Callable[[str], None],
    rows: Sequence[Row],
    attacks: Sequence[Attack],
    with_controls: bool,
) -> Scorecard:
    """All attacks and controls on this device, which is opened first: no row holds on a card that is not there."""
    from kernelevo.redteam.control import Controlled
    from kernelevo.redteam.controls import CONTROLS
    from kernelevo.redteam.range import Range
    from kernelevo.redteam.score import by_row, score_all
    from kernelevo.redteam.scorecard import Scorecard

    controls = CONTROLS if with_controls else ()
    tell = _progress(len(attacks) + len(controls))
    with Range(device) as range_:
        range_.open()
        announce(f"{why}; {range_.where}" if range_.where != device else why)
        scored = score_all(attacks, range_, lambda each: tell(f"{each.attack.name}: {each.state}"))
        controlled = []
        for control in controls:
            controlled.append(Controlled(control, control.run(range_)))
            tell(f"{control.name}: {'FAILED' if controlled[-1].failed else 'as it should be'}")
        where = range_.where
    return Scorecard(where, tuple(by_row(rows, scored)), tuple(controlled))


def _progress(total: int) -> Callable[[str], None]:
    """Says how far it is, on standard error: in one line on a terminal, else now and then."""
    done = 0

    def tell(words: str) -> None:
        nonlocal done
        done += 1
        if sys.stderr.isatty():
            end = "\n" if done == total else ""
            print(f"\r\033[K{done} of {total}  {words[:90]}", end=end, file=sys.stderr, flush=True)
        elif done % 20 == 0 or done == total:
            print(f"{done} of {total} tried", file=sys.stderr, flush=True)

    return tell


def _show(console: Any, card: Scorecard) -> None:
    from kernelevo.redteam.scorecard import COLUMNS, summary, table

    print_rows(console, dict.fromkeys(COLUMNS, "left"), list(table(card)))
    for line in summary(card):
        console.print(line, markup=False, soft_wrap=True)
