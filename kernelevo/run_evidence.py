"""Joins evidence with the parts that it speaks of: plans and schedules, the cache of builds, runs and their judges."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kernelevo import run
from kernelevo.answer import Answer
from kernelevo.compilers.cache import BuildCache
from kernelevo.errors import BadInput
from kernelevo.evaluators.rejection import Rejected
from kernelevo.evaluators.schedule import LaunchStep, Schedule, schedule_of
from kernelevo.evidence import bundle, consistency, contents, making, signature
from kernelevo.evidence.bundle import Bundle
from kernelevo.evidence.contents import Contents
from kernelevo.evidence.documents import Asked, Declaration, Launch, Origin
from kernelevo.evidence.making import Exhibit, Matter
from kernelevo.evidence.rows import Row, Tampered, holds
from kernelevo.kernel import dtypes
from kernelevo.kernel.arguments import Argument, Scalar, Tensor
from kernelevo.kernel.cases import Case
from kernelevo.kernel.expressions import parse
from kernelevo.kernel.languages import CUDA, TRITON, Language
from kernelevo.settings import Settings
from kernelevo.tasks import Task
from kernelevo.types import Attempt, BufferArgument, Candidate, Image, RunRecord, Verdict

LANGUAGES = {language.name: language for language in (CUDA, TRITON)}
_NEEDED = ("sms", "warp", "threads_per_block", "shared_bytes_per_block")

# Making a bundle.


def bundle_of_answer(answer: Answer, task: Task, settings: Settings) -> Bundle:
    """The evidence of a run's answer, which `task` was judged for."""
    cache = BuildCache(settings.cache / "builds")
    start = _exhibit(answer.start, task, answer.run, cache) if answer.improved else None
    matter = _matter(answer.run, task, _exhibit(answer.best, task, answer.run, cache), answer.band)
    return making.make(replace(matter, start=start, chosen=answer.chosen if answer.improved else None))


def bundle_of_judged(judged: run.Judged, settings: Settings) -> Bundle:
    """The evidence of one passed verdict."""
    task, verdict = judged.task, judged.verdict
    cache = BuildCache(settings.cache / "builds")
    exhibit = _exhibit(Attempt(Candidate(task.text), verdict), task, judged.record, cache)
    return making.make(_matter(judged.record, task, exhibit, judged.band))


def _matter(record: RunRecord, task: Task, best: Exhibit, band: float) -> Matter:
    oracle = task.problem.oracle
    return Matter(
        _origin(record), task.problem, task.problem_content, task.language, band, best,
        oracle=None if oracle is None else Path(oracle).read_bytes(),
    )  # fmt: skip


def _exhibit(attempt: Attempt, task: Task, record: RunRecord, cache: BuildCache) -> Exhibit:
    candidate = attempt.candidate
    cases = (*task.problem.tests, *task.problem.benchmarks)
    properties = record.settings.get("properties", {})
    arguments = task.problem.arguments
    launches, macros = _launches(candidate.text, candidate.defines, task.language, arguments, cases, properties)
    return Exhibit(attempt, launches, macros, _image(attempt.verdict, cache))


def _image(verdict: Verdict, cache: BuildCache) -> Image | None:
    """What was built, if the cache still has it, and it is that."""
    key = verdict.image.get("key")
    found = cache.get(key) if isinstance(key, str) and re.fullmatch(r"[0-9a-f]{64}", key) else None
    wanted = verdict.image.get("ptx_sha256")
    return found if isinstance(found, Image) and making.sha256(found.ptx.encode()) == wanted else None


def _origin(record: RunRecord) -> Origin:
    stored = record.settings["request"]
    return Origin(
        run=record.id or None, command=record.command, started=record.started, kernelevo=record.versions["kernelevo"],
        versions=dict(record.versions), device=record.device, how=record.how,
        calibration=record.settings.get("calibration", ""), properties=dict(record.settings.get("properties", {})),
        harness=record.hashes.get("harness") or None, adapter=record.hashes.get("adapter") or None,
        notes=list(record.settings.get("notes", ())),
        asked=Asked(
            kernel=Path(stored["kernel"]).name, compiler=stored["compiler"], driver=stored.get("driver", "cupy"),
            cases=list(stored["cases"]),
            include_folders=list(stored["include_folders"]), defines=dict(stored["defines"]),
            standard=stored["standard"],
        ),
    )  # fmt: skip


# Plans, read again.


def plan_of(
    text: str, defines: Mapping[str, int], declared: Declaration, properties: Mapping[str, int]
) -> consistency.Plan:
    """What `evidence.consistency` asks for: the plan of `text` on all declared cases. Raises ValueError in words."""
    language = LANGUAGES.get(declared.language)
    if language is None:
        raise ValueError(f"there is no language {declared.language!r}")
    try:
        cases = [Case(each.name, each.dims, each.weight) for each in (*declared.tests, *declared.benchmarks)]
        arguments = [_argument(each) for each in declared.arguments]
        return _launches(text, defines, language, arguments, cases, properties)
    except (BadInput, Rejected) as error:
        raise ValueError(str(error)) from error


def _launches(
    text: str,
    defines: Mapping[str, int],
    language: Language,
    arguments: Any,
    cases: Any,
    properties: Mapping[str, int],
) -> consistency.Plan:
    if missing := [name for name in _NEEDED if name not in properties]:
        raise ValueError(f"the device's property {missing[0]} was not recorded")
    plan = language.read_plan(text, f"kernel{language.suffix}", defines)
    launches = {case.name: _steps(schedule_of(plan, arguments, case, properties)) for case in cases}
    return launches, dict(plan.macros)


def _argument(said: Any) -> Argument:
    kind = dtypes.named(said.dtype, f"argument {said.name}")
    if said.role == "scalar":
        return Scalar(said.name, kind, said.value)
    return Tensor(said.name, kind, tuple(parse(extent) for extent in said.shape), said.role, said.aligned)


def _steps(made: Schedule) -> list[Launch]:
    return [
        Launch(
            kernel=step.kernel, grid=step.grid, block=step.block, shared_bytes=step.shared_bytes,
            arguments=[each.buffer if isinstance(each, BufferArgument) else repr(each.value)
                       for each in step.arguments],
        )
        if isinstance(step, LaunchStep)
        else Launch(kernel="zero", grid=None, block=None, shared_bytes=0, arguments=[step.buffer])
        for step in made.steps
    ]  # fmt: skip


# Checking one.


@dataclass(frozen=True)
class Examined:
    """What was found out about a bundle without running anything; `contents` is there unless it was refused."""

    rows: tuple[Row, ...]
    sealed: Bundle | None = None
    contents: Contents | None = None

    @property
    def refused(self) -> bool:
        return any(row.state == "refused" for row in self.rows)


def examine(data: bytes, key: Path | None) -> Examined:
    """Integrity, signature, consistency; nothing in the bundle is executed. Raises BadInput for a bad key file."""
    try:
        sealed = bundle.decode(data)
        read = contents.read(sealed)
    except Tampered as found:
        return Examined((found.row,))
    words = f"{len(sealed.members)} members are as the manifest says, and nothing else is in it; root {sealed.root}"
    rows = [holds("integrity", words), signature.check(sealed, key), *consistency.check(read, plan_of)]
    return Examined(tuple(rows), sealed, read)
