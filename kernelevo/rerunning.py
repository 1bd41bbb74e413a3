"""A bundle's claim, judged again on this machine: first on the recorded seeds, then on fresh ones.

Kernels are built and run behind the wall, as always. The problem file is trusted code that runs in this process:
whoever calls this has asked before, or gives a problem file of their own.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kernelevo import run
from kernelevo.errors import BadInput
from kernelevo.evidence.comparing import Outcome, Versions, compare_code, compare_replay, judge_claim
from kernelevo.evidence.consistency import HAPPENED, PROBLEM_CODE
from kernelevo.evidence.contents import Contents, Side
from kernelevo.evidence.documents import Judgement
from kernelevo.evidence.making import Exhibit, judgement, score_of
from kernelevo.evidence.manifest import sha256
from kernelevo.evidence.rows import Row, holds, refused, unchecked
from kernelevo.kernel.file_name import passed_on
from kernelevo.run_record import make_record
from kernelevo.settings import Limits, Request, Settings
from kernelevo.tasks import Admit, Task
from kernelevo.types import Attempt, Candidate, Status, Verdict

_NAME = re.compile(r"[^/]{1,100}\.(cu|py)")


@dataclass(frozen=True)
class Given:
    """What the person who checks gives: a problem file in place of the bundle's, a device, folders of headers."""

    device: str
    problem: Path | None
    include_folders: tuple[str, ...]
    unsafe: bool


@dataclass(frozen=True)
class Rerun:
    """The rows of what ran, and what became of the claim, with words. `settled` are the parts of which a bundle's own
    check said what could not be told without running it.
    """

    rows: tuple[Row, ...]
    outcome: Outcome
    words: str
    settled: tuple[str, ...] = (HAPPENED, PROBLEM_CODE)


@dataclass(frozen=True)
class _Stage:
    """Where it is judged again."""

    contents: Contents
    task: Task
    request: Request
    settings: Settings
    joints: run.Joints

    def judge(self, side: Side, seed: int | None) -> tuple[Verdict, run.Bench]:
        bench = self.joints.open_bench(replace(self.request, seed=seed), self.task, self.settings)
        try:
            judge = bench.at_level("sanitize") if side.judgement.mode == "sanitize" else bench.full
            return judge.evaluate(Candidate(side.text, side.judgement.defines), run.EVALUATION), bench
        finally:
            bench.close()


def rerun(
    contents: Contents,
    given: Given,
    settings: Settings,
    joints: run.Joints,
    announce: Callable[[str], None],
    admit: Admit,
) -> Rerun:
    """Judges best and start again; raises BadInput where that cannot be begun here. `admit` is shown the problem file
    before it is executed.
    """
    with tempfile.TemporaryDirectory(prefix="kernelevo-") as folder:
        request = _request(contents, given, Path(folder))
        whose = "the bundle's own problem file" if given.problem is None else f"the problem file {given.problem}"
        announce(f"judging again on {request.device}, behind the wall; {whose} is executed outside it")
        stage = _Stage(contents, joints.open_task(request, admit=admit), request, settings, joints)
        _require_same_arguments(stage, given)
        own = _problem_row(stage, given)
        alike = given.problem is None or own.state == "holds"
        rows = [own, *_replays(stage, drawn_alike=alike)]
        fresh = list(_fresh(stage))
        rows += [_code_row(stage, each) for each in fresh if each.verdict.score is not None]
        outcome, words = _outcome(contents, fresh)
    refusal = next((row for row in rows if row.state == "refused"), None)
    if refusal and outcome is not Outcome.DOES_NOT_HOLD:
        # Not the figures are why, and these are not told first.
        outcome, words = Outcome.DOES_NOT_HOLD, f"{refusal.part}: {refusal.words}. On fresh inputs: {words}"
    return Rerun(tuple(rows), outcome, words)


def _request(contents: Contents, given: Given, folder: Path) -> Request:
    asked, declared = contents.origin.asked, contents.declaration
    first = contents.start or contents.best
    kernel = _write(folder, asked.kernel, first.text.encode())
    problem = given.problem or _write(folder, declared.file_name, contents.problem)
    if contents.oracle is not None and declared.oracle_name and given.problem is None:
        _write(folder, declared.oracle_name, contents.oracle)
    if asked.include_folders and not given.include_folders:
        raise BadInput(f"this kernel was compiled with -I {asked.include_folders[0]}; give that folder with -I")
    return Request(
        kernel=kernel, problem=problem, device=given.device, driver=asked.driver, compiler=asked.compiler,
        cases=tuple(asked.cases), include_folders=given.include_folders, defines=dict(asked.defines),
        standard=asked.standard, unsafe=given.unsafe,
    )  # fmt: skip


def _write(folder: Path, name: str, content: bytes) -> Path:
    """A file of the bundle under its own name, as compilers are told it: nothing is written outside `folder`."""
    told = passed_on(name)
    if not _NAME.fullmatch(told):
        raise BadInput(f"the bundle names a file {name[:100]!r}, as no kernel or problem is called; it is not written")
    path = folder / told
    path.write_bytes(content)
    return path


def _problem_row(stage: _Stage, given: Given) -> Row:
    declared = stage.contents.declaration
    if given.problem is None:
        words = f"{declared.file_name} of the bundle was executed to judge by; read it to know what it asks for"
        return unchecked(PROBLEM_CODE, words)
    if sha256(given.problem.read_bytes()) == declared.sha256:
        return holds(PROBLEM_CODE, f"{given.problem} is the very file of the bundle")
    return unchecked(PROBLEM_CODE, f"judged by {given.problem}, which is another file than the bundle's")


def _require_same_arguments(stage: _Stage, given: Given) -> None:
    """Raises BadInput for a problem of one's own that is another problem's: no kernel could be right there."""
    own, said = [each.name for each in stage.task.problem.arguments], stage.contents.declaration.arguments
    if given.problem is not None and own != (theirs := [each.name for each in said]):
        raise BadInput(
            f"{given.problem} has the arguments {', '.join(own)}, and the bundle's problem {', '.join(theirs)}; "
            "give a problem file for this kernel with --problem"
        )


def _replays(stage: _Stage, drawn_alike: bool) -> Iterator[Row]:
    """Both sides on the recorded seed; `drawn_alike` if the problem file is the one that it drew inputs for."""
    contents = stage.contents
    for side in contents.sides:
        part, said = f"{side.name}, run again", side.judgement
        if said.seed is None:
            raise ValueError("a judgement without a seed was refused before")
        if stage.request.device != contents.claim.device:
            yield unchecked(part, f"judged on {contents.claim.device}; only the same device must give the same counts")
        elif not drawn_alike:
            yield unchecked(part, "the recorded seed draws the same inputs for the bundle's own problem file only")
        else:
            yield _replay(stage, side, part, int(said.seed, 16))


def _replay(stage: _Stage, side: Side, part: str, seed: int) -> Row:
    verdict, bench = stage.judge(side, seed)
    if verdict.status is not Status.PASSED:
        state = refused if verdict.status.blames_candidate else unchecked
        return state(part, f"on seed {seed:x} it is {verdict.status.value}: {verdict.feedback}")
    return compare_replay(part, side.judgement, _judgement(side, verdict), _versions(stage, bench))


def _versions(stage: _Stage, bench: run.Bench) -> Versions:
    now = make_record("", "verify", stage.request, Limits(), stage.task, bench, ()).versions
    was = stage.contents.origin.versions
    changed = {name: (was.get(name, "not there"), now.get(name, "not there")) for name in was.keys() | now.keys()}
    return {name: pair for name, pair in changed.items() if pair[0] != pair[1]}


def _judgement(side: Side, verdict: Verdict) -> Judgement:
    candidate = Candidate(side.text, side.judgement.defines)
    return judgement(Exhibit(Attempt(candidate, verdict), side.judgement.launches, side.judgement.macros))


@dataclass(frozen=True)
class _Fresh:
    """A side judged on a seed that nobody has seen."""

    side: Side
    verdict: Verdict
    band: float
    versions: Versions


def _fresh(stage: _Stage) -> Iterator[_Fresh]:
    """Both sides, or those up to the first that does not pass."""
    for side in stage.contents.sides:
        verdict, bench = stage.judge(side, None)
        yield _Fresh(side, verdict, bench.band, _versions(stage, bench))
        if verdict.score is None:
            return


def _code_row(stage: _Stage, fresh: _Fresh) -> Row:
    again = _judgement(fresh.side, fresh.verdict)
    return compare_code(f"{fresh.side.name}, compiled again", fresh.side.judgement, again, fresh.versions)


def _outcome(contents: Contents, fresh: Sequence[_Fresh]) -> tuple[Outcome, str]:
    """The claim by runs on fresh seeds."""
    last = fresh[-1]
    if last.verdict.score is None:
        failed = last.side.name == contents.best.name and last.verdict.status.blames_candidate
        words = f"the {last.side.name} is {last.verdict.status.value} on fresh inputs: {last.verdict.feedback}"
        return (Outcome.DOES_NOT_HOLD if failed else Outcome.CANNOT_BE_TOLD), words
    figures = [score_of(each.verdict) for each in fresh]
    best, start = figures[0], figures[1] if len(figures) > 1 else None
    outcome, words = judge_claim(contents.claim, best, start, last.band)
    return outcome, words + "".join(_by_blocks(each.verdict) for each in fresh)


def _by_blocks(verdict: Verdict) -> str:
    """Where the start was timed beside it: how many times as fast, with intervals."""
    cases = verdict.measurements.cases if verdict.measurements else ()
    ratios = [f"{case.case}: {case.ratio}" for case in cases if case.ratio is not None]
    return f"; times as fast as the start, call by call in turn: {', '.join(ratios)}" if ratios else ""
