"""Takes a run's harness over into a folder of the user's, after it was looked at, and back again.

Beside the folder `harness/NAME` lies `harness/.adopted/NAME/`, with a folder for each adoption, numbered from 1:

    receipt.json     which run, when, hashes before and after, why, and whether it was rolled back
    before/          the harness as it was

A folder is replaced only where it is what the run began with (adopt) or what was adopted (roll back): what people have
changed meanwhile is never overwritten. The new folder is written in full beside the old one and then takes its name.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kernelevo.errors import BadInput, Infrastructure
from kernelevo.harness.folder import read_harness
from kernelevo.harness.texts import harness_key, unified, write_files

ADOPTED, RECEIPT, BEFORE = ".adopted", "receipt.json", "before"


@dataclass(frozen=True)
class Proposal:
    """What a run has to give: the harness it began with and the one it kept, and why each change was made."""

    run: str
    start: Path
    kept: Path
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Receipt:
    """One adoption; `number` counts those into this folder."""

    number: int
    run: str
    when: str
    before: str
    after: str
    reasons: tuple[str, ...]
    rolled_back: bool = False

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def patch_into(proposal: Proposal, target: Path) -> str:
    """What adopting would change in `target`, as a unified diff."""
    return unified(read_harness(target).files, read_harness(proposal.kept).files)


def adopt(proposal: Proposal, target: Path, now: datetime | None = None) -> Receipt:
    """Puts what the run kept in the place of `target`. Raises BadInput where there is nothing to adopt, and where
    `target` is not what the run began with.
    """
    kept, present, start = read_harness(proposal.kept), read_harness(target), harness_key(proposal.start)
    if kept.key == present.key:
        raise BadInput(f"{target} is what run {proposal.run} kept already; there is nothing to adopt")
    if kept.key == start:
        raise BadInput(f"run {proposal.run} kept the harness that it began with; there is nothing to adopt")
    if present.key != start:
        raise BadInput(
            f"{target} is not the harness that run {proposal.run} began with: it was changed since, or is another one; "
            f"`kernelevo harness diff {proposal.run}` shows the difference, --to FOLDER takes another folder"
        )
    number = max((receipt.number for receipt in receipts(target)), default=0) + 1
    when = (now or datetime.now(UTC)).isoformat(timespec="seconds")
    receipt = Receipt(number, proposal.run, when, present.key, kept.key, proposal.reasons)
    place = _place(target, number)
    with _writing(place):
        write_files(place / BEFORE, present.files)
        _write_receipt(place, receipt)
        _replace(target, dict(kept.files))
    return receipt


def roll_back(target: Path) -> Receipt:
    """Puts back what was there before the last adoption that still holds. Raises BadInput where there is none, and
    where `target` was changed since.
    """
    held = [receipt for receipt in receipts(target) if not receipt.rolled_back]
    if not held:
        raise BadInput(f"nothing was adopted into {target} that could be rolled back")
    receipt = held[-1]
    place = _place(target, receipt.number)
    # A run of this program that was killed has written the receipt, and perhaps not the folder.
    if target.exists() and harness_key(target) not in (receipt.after, receipt.before):
        raise BadInput(
            f"{target} was changed since run {receipt.run} was adopted; take the files of {place / BEFORE} by hand"
        )
    back = read_harness(place / BEFORE)
    done = replace(receipt, rolled_back=True)
    with _writing(target):
        _replace(target, dict(back.files))
        _write_receipt(place, done)
    return done


def receipts(target: Path) -> Sequence[Receipt]:
    """Every adoption into `target`, the oldest first; raises BadInput for a receipt that cannot be read."""
    folder = _place(target, 0).parent
    if not folder.is_dir():
        return []
    places = [place for place in folder.iterdir() if re.fullmatch(r"[1-9]\d{0,8}", place.name)]
    return sorted((_read_receipt(place / RECEIPT) for place in places), key=lambda receipt: receipt.number)


def _place(target: Path, number: int) -> Path:
    whole = target.resolve()
    return whole.parent / ADOPTED / whole.name / str(number)


def _read_receipt(file: Path) -> Receipt:
    try:
        plain = json.loads(file.read_text(encoding="utf-8"))
        return Receipt(**{**plain, "reasons": tuple(plain["reasons"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BadInput(
            f"{file} is no receipt that can be read ({error}); put it right, or take its folder away"
        ) from error


def _write_receipt(place: Path, receipt: Receipt) -> None:
    """Whole or not at all."""
    unfinished = place / f".{RECEIPT}"
    unfinished.write_text(json.dumps(receipt.plain(), indent=1) + "\n", encoding="utf-8")
    os.replace(unfinished, place / RECEIPT)


def _replace(target: Path, files: dict[str, str]) -> None:
    """The folder with these files in the place of the one there; hidden files of people's stay in it."""
    whole = target.resolve()
    new, old = whole.parent / f".{whole.name}.new", whole.parent / f".{whole.name}.old"
    for left_over in (new, old):
        shutil.rmtree(left_over, ignore_errors=True)
    write_files(new, files)
    if whole.exists():
        for hidden in whole.glob(".*"):
            (shutil.copytree if hidden.is_dir() else shutil.copy2)(hidden, new / hidden.name)
        os.replace(whole, old)
    os.replace(new, whole)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def _writing(place: Path):
    try:
        yield
    except PermissionError as error:
        raise BadInput(f"{place} cannot be written ({error.strerror}); --to FOLDER takes another folder") from error
    except OSError as error:
        raise Infrastructure(f"{place} cannot be written ({error.strerror}); check the disk") from error
