"""`kernelevo eval`: the batch door for machines. JSON lines in, one JSON answer per line out, as each is ready."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from kernelevo import run
from kernelevo.batch import BAD, Answer, Batch
from kernelevo.batch_lines import Asked, LineReader, requests
from kernelevo.commands import options as opt
from kernelevo.errors import BadInput, Interrupted
from kernelevo.executors.local import PerWorker
from kernelevo.executors.streaming import StreamingExecutor
from kernelevo.report import verdict_json
from kernelevo.reward import Unsupported
from kernelevo.settings import DEFAULT_FINDINGS, LEVELS, Level, Request
from kernelevo.types import Candidate, Status, Verdict

if TYPE_CHECKING:
    from kernelevo.kernel.problem import Problem

Lines = Annotated[
    str,
    typer.Option(
        "--jsonl",
        metavar="FILE",
        help='File of candidates, `-` for standard input: one {"text": ..., "name": ...} per line.',
    ),
]
CheckLevel = Annotated[
    str | None,
    typer.Option("--level", metavar="LEVEL", help="How much is checked: search, final (default) or sanitize."),
]


UnsupportedReward = Annotated[
    str,
    typer.Option(
        "--unsupported",
        metavar="WORTH",
        help="Reward of what the device cannot execute: masked (missing data), or zero (a rule of your task).",
    ),
]


def evaluate(
    context: typer.Context,
    kernel: opt.Kernel,
    jsonl: Lines = "-",
    level: CheckLevel = None,
    problem: opt.ProblemFile = None,
    device: opt.DeviceName = None,
    case: opt.Cases = None,
    workers: opt.Workers = None,
    seed: opt.Seed = None,
    compiler: opt.CompilerName = "nvrtc",
    driver: opt.DriverName = "cupy",
    include: opt.Includes = None,
    define: opt.Defines = None,
    standard: opt.Standard = None,
    times_from: opt.TimesFrom = "machine-code",
    unsafe: opt.Unsafe = False,
    trust: opt.Trust = False,
    sanitize: opt.Sanitize = False,
    max_findings: opt.MaxFindings = None,
    unsupported: UnsupportedReward = "masked",
) -> None:
    """Judge many candidates for the problem of KERNEL, as their lines come; one JSON answer per line, as each is ready.

    \b
    Example: kernelevo eval kernels/softmax.cu --jsonl candidates.jsonl --workers 4
    Example: trainer | kernelevo eval kernels/softmax.cu --jsonl - | trainer

    An answer's "name" is the one given, or the line number; its "reward" is a number, or masked where data are missing.
    Exit code 0 if all passed, 1 if one failed, 2 if a line was no request, 3 if one could not be judged because this
    machine failed, 4 if the device could not tell; of several the first of 3, 2, 4, 1.
    """
    state = opt.State.of(context)
    opt.keep_for_results(context, True)
    request, why = opt.read_request(context, kernel)
    checks, findings = _level(level, sanitize), opt.most_findings(sanitize or level == "sanitize", max_findings)
    codes: set[int] = set()
    executor = StreamingExecutor(request.workers, ahead=request.workers)
    opened = _open_batch(state, request, why, checks, findings or DEFAULT_FINDINGS, _worth(unsupported))
    with _source(jsonl) as source, opened as (batch, of):
        try:
            lines = LineReader(source.read)
            for answer in batch.answers(requests(lines, of.case), executor, verdict_json):
                state.print_json(answer)
                codes.add(_exit_code(answer))
        except KeyboardInterrupt:
            raise Interrupted("stopped; what was answered is printed, send the other lines again") from None
        finally:
            executor.close()
    if not codes:
        raise BadInput("the batch holds no candidate; give one JSON object per line")
    raise typer.Exit(next(code for code in (3, 2, 4, 1, 0) if code in codes))


@contextmanager
def _open_batch(
    state: opt.State, request: Request, why: str, level: Level, most_findings: int, unsupported: Unsupported
) -> Iterator[tuple[Batch, Problem]]:
    """A batch whose start is the request's kernel file, and its problem; walls stay open, one set for each worker."""
    task = state.joints.open_task(request)
    benches = PerWorker(lambda: state.joints.open_bench(request, task, state.settings))

    def judge(asked: Asked) -> Verdict:
        evaluator = benches.get().at_level(level, seed=asked.seed, cases=asked.cases, most_findings=most_findings)
        return evaluator.evaluate(asked.candidate, run.EVALUATION)

    try:
        bench = benches.first()
        run.introduce(bench, task, opt.announcer(as_json=True), why)
        yield Batch(judge, Candidate(task.text), level, bench.device, unsupported), task.problem
    finally:
        benches.close()


def _level(asked: str | None, sanitize: bool) -> Level:
    if sanitize and asked not in (None, "sanitize"):
        raise BadInput(f"--sanitize is level sanitize, but --level is {asked}; give one of them")
    wanted = "sanitize" if sanitize else asked or "final"
    for level in LEVELS:
        if level == wanted:
            return level
    raise BadInput(f"there is no level {wanted!r}; choose one of {', '.join(LEVELS)}")


def _worth(asked: str) -> Unsupported:
    for worth in get_args(Unsupported):
        if worth == asked:
            return worth
    raise BadInput(f"--unsupported {asked!r} is no reward; choose one of {', '.join(get_args(Unsupported))}")


def _exit_code(answer: Answer) -> int:
    """0 passed, 1 the candidate failed, 2 no request, 3 we failed, 4 this device cannot tell."""
    return 2 if answer["status"] == BAD else opt.exit_code_of(Status(answer["status"]))


def _source(place: str) -> io.FileIO | io.BytesIO:
    """The batch, which is read as it comes."""
    if place == "-":
        return _standard_input()
    try:
        return io.FileIO(Path(place))
    except OSError as error:
        raise BadInput(
            f"the batch {place} cannot be read ({error.strerror}); give a file of JSON lines, or - for standard input"
        ) from error


def _standard_input() -> io.FileIO | io.BytesIO:
    """Unbuffered: a thread that waits in a buffer's lock would keep Python from ending."""
    if sys.stdin is None:
        raise BadInput("standard input is closed, and the batch was to come from there; give a file with --jsonl")
    try:
        return io.FileIO(sys.stdin.fileno(), closefd=False)
    except io.UnsupportedOperation:
        return io.BytesIO(sys.stdin.read().encode())
