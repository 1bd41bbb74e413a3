"""The head of a record: what was asked, on what, with which versions and hashes; whether a task is still the same."""

from __future__ import annotations

import dataclasses
import hashlib
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import kernelevo
from kernelevo.errors import BadInput
from kernelevo.floors import floors
from kernelevo.settings import Limits, Request
from kernelevo.types import RunRecord

if TYPE_CHECKING:
    from kernelevo.run import Bench
    from kernelevo.tasks import Task


def make_record(
    run_id: str,
    command: str,
    request: Request,
    limits: Limits,
    task: Task,
    bench: Bench,
    notes: Sequence[str],
    harness: str = "",
) -> RunRecord:
    """The record of what is about to be judged; `harness` is the hash of the texts that proposers go by."""
    stored = dataclasses.asdict(request) | {"kernel": str(request.kernel), "problem": str(task.problem_path)}
    if request.model is None:
        del stored["model"]
    return RunRecord(
        id=run_id,
        command=command,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        device=bench.device,
        how=bench.how,
        task=task.name,
        settings={
            "request": stored, "limits": dataclasses.asdict(limits), "band": bench.band, "notes": list(notes),
            "calibration": bench.calibration, "properties": dict(bench.properties),
            "floors": {name: vars(floor) for name, floor in floors(task.problem, bench.properties).items()},
        },
        versions={"kernelevo": kernelevo.__version__, "python": platform.python_version(), **bench.versions},
        hashes={**_hashes(task), "harness": harness},
    )  # fmt: skip


def is_loop(record: RunRecord) -> bool:
    """Whether this is a run of the self-improving loop, and no search."""
    return "loop" in record.settings


def is_study(record: RunRecord) -> bool:
    """Whether this is a study of the loop's arms."""
    return "study" in record.settings


def _hashes(task: Task) -> dict[str, str]:
    contents = {"kernel": task.text.encode(), "problem": task.problem_content}
    return {what: hashlib.sha256(content).hexdigest() for what, content in contents.items()}


def require_same(record: RunRecord, task: Task) -> None:
    """Verdicts of another problem or another start must not be mixed with new ones."""
    for what, value in _hashes(task).items():
        if record.hashes[what] != value:
            path = task.kernel if what == "kernel" else task.problem_path
            raise BadInput(
                f"{path} has changed since run {record.id} began; "
                "restore it, or start a new run with `kernelevo optimize`"
            )
