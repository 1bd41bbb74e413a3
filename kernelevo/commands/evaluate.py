"""`kernelevo eval`: the batch door for machines. One JSON verdict per line, in the order in which they are ready."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from kernelevo import run
from kernelevo.commands import options as opt
from kernelevo.errors import BadInput
from kernelevo.report import verdict_json
from kernelevo.types import Candidate, Verdict

Batch = Annotated[
    str,
    typer.Option(
        "--jsonl",
        metavar="FILE",
        help='File of candidates, `-` for standard input: one {"text": ..., "name": ...} per line.',
    ),
]


def evaluate(
    context: typer.Context,
    kernel: opt.Kernel,
    jsonl: Batch = "-",
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
    unsafe: opt.Unsafe = False,
    trust: opt.Trust = False,
    sanitize: opt.Sanitize = False,
    max_findings: opt.MaxFindings = None,
) -> None:
    """Judge many candidates for the problem of KERNEL, with all checks; one JSON verdict per line on standard output.

    \b
    Example: kernelevo eval kernels/softmax.cu --jsonl candidates.jsonl --workers 4

    A verdict's "name" is the one given, or the line number. Exit code 0 if all passed, 1 if one failed, 3 if one
    could not be judged because this machine failed, 4 if the device could not tell.
    """
    state = opt.State.of(context)
    opt.keep_for_results(context, True)
    request, why = opt.read_request(context, kernel)
    findings = opt.most_findings(sanitize, max_findings)
    batch = read_batch(_lines(jsonl))
    codes = [0]

    def tell(candidate: Candidate, verdict: Verdict) -> None:
        codes.append(opt.exit_code(verdict))
        state.print_json({"name": batch[candidate.id][0], **verdict_json(verdict)})

    candidates = [candidate for _, candidate in batch.values()]
    announce = opt.announcer(as_json=True)
    run.judge_many(request, candidates, state.settings, state.joints, tell, announce, why, findings)
    raise typer.Exit(next(code for code in (3, 4, 1, 0) if code in codes))


def read_batch(lines: Iterable[str]) -> dict[str, tuple[str, Candidate]]:
    """Candidates by id with their names, each once; raises BadInput naming the line that is not one."""
    batch: dict[str, tuple[str, Candidate]] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            text, defines, name = record["text"], record.get("defines", {}), str(record.get("name", number))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadInput(f'line {number} of the batch is no JSON object with a "text": {error!r}') from error
        if (
            not isinstance(text, str)
            or not isinstance(defines, dict)
            or not all(type(v) is int for v in defines.values())
        ):
            raise BadInput(f'line {number} of the batch: "text" must be a string and "defines" map names to integers')
        try:
            candidate = Candidate(text, defines)
        except ValueError as error:
            raise BadInput(f"line {number} of the batch: {error}") from error
        batch.setdefault(candidate.id, (name, candidate))
    if not batch:
        raise BadInput("the batch holds no candidate; give one JSON object per line")
    return batch


def _lines(source: str) -> Iterator[str]:
    if source == "-":
        return iter(sys.stdin)
    try:
        return iter(Path(source).read_text(encoding="utf-8").split("\n"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"the batch {source} cannot be read ({error}); give a file of JSON lines, or - for standard input"
        ) from error
