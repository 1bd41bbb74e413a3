"""What every Lever keeps. Subclass `LeverContract` with the fixtures `lever` and `given`: a record that this lever has
something to change for, and the policy with its folders.

`ListedRecord` is a record as levers see it, over lists; what belongs to the audit is planted in it, and nothing may
touch it.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

from kernelevo.language_model import Prompt, Reply, Stop, Token, Usage
from kernelevo.learning import Change, PolicyVersion, Step, TaskResult, folder_key
from kernelevo.learning_interfaces import Lever
from kernelevo.types import Status

CANARY = 0.7531902468
"""An audit reward that occurs nowhere else."""


class ListedRecord:
    def __init__(
        self, generations: Sequence[Sequence[Step]], results: Sequence[Sequence[TaskResult]] | None = None,
        changes: Sequence[tuple[Change, str]] = (),
    ) -> None:  # fmt: skip
        self._generations = [tuple(steps) for steps in generations]
        self._results = [tuple(each) for each in results or [()] * len(generations)]
        self._changes = tuple(changes)
        self._audits = {"audit": CANARY}
        self.touched: list[str] = []

    def generations(self) -> int:
        return len(self._generations)

    def steps(self, generation: int) -> Sequence[Step]:
        return self._generations[generation]

    def results(self, generation: int) -> Sequence[TaskResult]:
        return self._results[generation]

    def changes(self) -> Sequence[tuple[Change, str]]:
        return self._changes

    def __getattr__(self, name: str) -> NoReturn:
        # What is planted is found under any other name: audits, gate and sealed data, the store itself.
        self.__dict__.setdefault("touched", []).append(name)
        raise AssertionError(f"a lever touched {name}, which is no part of what it may know")


@dataclass(frozen=True)
class Given:
    """What a lever is asked with: the folders of the policy's harness, and of its adapter where it has one."""

    record: ListedRecord
    policy: PolicyVersion
    harness: Path
    adapter: Path | None = None


def step_of(number: int, prompt: Prompt, text: str, reward: float | None, policy: PolicyVersion, **more: Any) -> Step:
    """A judged reply, as the first of its task unless `more` says otherwise."""
    log_probability = more.pop("log_probability", None)
    tokens = None if log_probability is None else (Token(text, log_probability),)
    plain: dict[str, Any] = {
        "generation": 0, "turn": 0, "task": "task", "family": "family", "parent": "start", "depth": 0,
        "outcome": "program", "candidate": f"candidate-{number}", "fresh": True,
        "status": None if reward is None else Status.PASSED if reward > 0 else Status.WRONG, "best": reward,
        "move": text,
    }  # fmt: skip
    return Step(
        number=number, prompt=prompt, reply=Reply(text, Stop.COMPLETE, Usage(10, 1), tokens=tokens), reward=reward,
        policy=policy, **(plain | more),
    )  # fmt: skip


class LeverContract:
    def test_it_drafts_a_change_with_its_reason(self, lever: Lever, given: Given, tmp_path: Path) -> None:
        change = drafted(lever, given, tmp_path / "into")
        assert change.lever == lever.name and Path(change.folder) == tmp_path / "into"
        assert change.before == getattr(given.policy, "adapter" if lever.name == "weights" else "harness")
        assert change.after not in ("", change.before)
        assert change.reason and "\n" not in change.reason
        assert json.loads(json.dumps(dict(change.details)))

    def test_the_same_record_gives_the_same_change(self, lever: Lever, given: Given, tmp_path: Path) -> None:
        one = drafted(lever, given, tmp_path / "one")
        two = drafted(lever, given, tmp_path / "two")
        assert folder_key(tmp_path / "one") == folder_key(tmp_path / "two")
        assert dataclasses.replace(one, folder="") == dataclasses.replace(two, folder="")

    def test_it_writes_into_its_folder_alone(self, lever: Lever, given: Given, tmp_path: Path) -> None:
        kept = [folder for folder in (given.harness, given.adapter) if folder is not None]
        before = [folder_key(folder) for folder in kept]
        around = _files(tmp_path)
        drafted(lever, given, tmp_path / "into")
        assert [folder_key(folder) for folder in kept] == before
        new = _files(tmp_path) - around
        assert new and all(file.is_relative_to(tmp_path / "into") for file in new)

    def test_nothing_of_the_audit_reaches_it(self, lever: Lever, given: Given, tmp_path: Path) -> None:
        change = drafted(lever, given, tmp_path / "into")
        assert given.record.touched == []
        written = [file.read_bytes() for file in _files(tmp_path / "into")]
        told = json.dumps(dataclasses.asdict(change)).encode()
        assert not any(str(CANARY).encode() in content for content in [*written, told])
        with pytest.raises(AssertionError, match="audits"):
            given.record.audits()  # the control: the trap is set

    def test_it_says_why_there_is_nothing_to_change(self, lever: Lever, given: Given, tmp_path: Path) -> None:
        into = tmp_path / "into"
        assert drafts(lever, dataclasses.replace(given, record=ListedRecord([])), into) is None
        assert lever.said and not list(into.iterdir())


def drafts(lever: Lever, given: Given, into: Path, seed: int = 0) -> Change | None:
    into.mkdir()
    return lever.draft(given.record, given.policy, given.harness, given.adapter, into, seed)


def drafted(lever: Lever, given: Given, into: Path, seed: int = 0) -> Change:
    change = drafts(lever, given, into, seed)
    assert change is not None, lever.said
    assert lever.said
    return change


def _files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}
