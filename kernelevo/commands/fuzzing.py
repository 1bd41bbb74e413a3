"""`kernelevo check KERNEL --fuzz`: looks for the smallest sizes, inputs and pointer offsets on which a kernel fails."""

from __future__ import annotations

import dataclasses
import secrets
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

import typer
from rich.markup import escape

from kernelevo import run
from kernelevo.commands import options as opt
from kernelevo.counting import counted
from kernelevo.errors import BadInput
from kernelevo.report import verdict_json
from kernelevo.report_table import open_console
from kernelevo.report_verdict import print_verdict
from kernelevo.settings import Request
from kernelevo.tasks import Task
from kernelevo.types import Candidate, Status, Verdict

if TYPE_CHECKING:
    from kernelevo.evaluators.example import Example
    from kernelevo.evaluators.fuzzing import Fuzzed
    from kernelevo.evaluators.kernels import KernelEvaluator

SEEDS = 1 << 31


def check_shapes(context: typer.Context, kernel: Path, asked: bool, examples: int | None, as_json: bool) -> NoReturn:
    """Fuzzes, and prints the smallest failing example with a command that shows it again; raises typer.Exit with 0 if
    none failed, 1 if one did, 4 if the device cannot tell.
    """
    from kernelevo.evaluators.fuzzing import EXAMPLES, status_of  # late: they load NumPy

    _require_sense(context, asked, examples)
    state = opt.State.of(context)
    request, why = opt.read_request(context, kernel)
    seed = secrets.randbelow(SEEDS) if request.seed is None else request.seed
    task = state.joints.open_task(request)
    fuzzed = _fuzzed(context, request, task, why, examples or EXAMPLES, seed)
    repeated = _repeated(state, request, fuzzed) if fuzzed.failing else None
    if as_json:
        state.print_json(_as_json(fuzzed, task, request, repeated))
    else:
        _print(state, fuzzed, task, request, repeated)
    status = status_of(fuzzed)
    raise typer.Exit(0 if status is Status.PASSED else 1 if status.blames_candidate else 4)


def _require_sense(context: typer.Context, asked: bool, examples: int | None) -> None:
    if not asked:
        raise BadInput("--fuzz-examples says how long to look; give --fuzz, too")
    if examples is not None and examples < 1:
        raise BadInput(f"--fuzz-examples {examples} leaves nothing to try; give at least 1")
    for name in ("case", "inputs", "offset", "sanitize", "sarif", "max_findings", "bundle"):
        if context.params.get(name):
            words = name.replace("_", "-")
            raise BadInput(f"--fuzz draws sizes, inputs and offsets itself, and nothing else; leave out --{words}")


def _fuzzed(context: typer.Context, request: Request, task: Task, why: str, examples: int, seed: int) -> Fuzzed:
    from kernelevo.evaluators.fuzzing import fuzz

    state, announce = opt.State.of(context), opt.announcer(bool(context.params.get("as_json")))
    bench = state.joints.open_bench(request, task, state.settings)
    try:
        announce(f"device {bench.device} ({', '.join(filter(None, (bench.how, bench.calibration)))}): {why}")
        announce(f"fuzzing {task.kernel} with {counted(examples, 'example')}, seed {seed}")
        evaluator, candidate = cast("KernelEvaluator", bench.full), Candidate(task.text)

        def probe(example: Example) -> Verdict | None:
            return evaluator.probe(candidate, example, run.EVALUATION)

        return fuzz(task.problem, probe, examples, seed, state.settings.cache)
    finally:
        bench.close()


def _repeated(state: opt.State, request: Request, fuzzed: Fuzzed) -> Verdict:
    """The verdict of what the command for the failing example asks for."""
    assert fuzzed.failing is not None
    example, _ = fuzzed.failing
    again = dataclasses.replace(
        request, cases=(example.case,), inputs=example.index, offsets=dict(example.offsets), seed=example.seed
    )
    return run.judge(again, state.settings, state.joints, lambda line: None, "").verdict


def _command(example: Example, request: Request, task: Task) -> str:
    return f"{opt.check_command(request, request.kernel, task.problem_path)} {shlex.join(example.words())}"


def _covered(fuzzed: Fuzzed) -> str:
    sizes = ", ".join(f"{name} {low} to {fuzzed.largest[name]}" for name, low in fuzzed.smallest.items())
    kinds = f"{counted(len(fuzzed.drawn), 'choice')} of distributions"
    tried = f"{counted(fuzzed.examples, 'example')} in {fuzzed.seconds:.1f} s"
    return f"{tried}: {sizes}; {kinds}; pointers moved in {fuzzed.moved}"


def _print(state: opt.State, fuzzed: Fuzzed, task: Task, request: Request, repeated: Verdict | None) -> None:
    console = open_console(state.settings.plain)
    if fuzzed.unsupported is not None:
        print_verdict(console, fuzzed.unsupported)
    elif fuzzed.failing is None:
        console.print(f"no example failed: {_covered(fuzzed)} (seed {fuzzed.seed})", soft_wrap=True)
    else:
        from kernelevo.evaluators.trials import drawn_from

        example, verdict = fuzzed.failing
        moved = ", ".join(f"{name} moved by {counted(offset, 'byte')}" for name, offset in example.offsets)
        drawn = drawn_from(task.problem, example.trial(task.problem))
        where = "; ".join(filter(None, [example.case, drawn, moved]))
        console.print(f"[bold]fails[/bold] on {escape(where)}", soft_wrap=True)
        runs = counted(fuzzed.shrinking, "run")
        console.print(f"the smallest found, after {_covered(fuzzed)}, and {runs} to shrink it", soft_wrap=True)
        print_verdict(console, verdict)
        same = repeated is not None and repeated.status is verdict.status
        said = (
            "again (it was tried, and fails the same way)"
            if same
            else "again (tried, but it did NOT fail the same way)"
        )
        console.print(f"{said}: {escape(_command(example, request, task))}", soft_wrap=True)


def _as_json(fuzzed: Fuzzed, task: Task, request: Request, repeated: Verdict | None) -> dict[str, Any]:
    from kernelevo.evaluators.fuzzing import status_of
    from kernelevo.evaluators.trials import drawn_from

    failing = None
    if fuzzed.failing is not None:
        example, verdict = fuzzed.failing
        failing = {
            "case": example.case, "dims": dict(task.problem.case(example.case).dims), "inputs": example.index,
            "drawn_from": drawn_from(task.problem, example.trial(task.problem)), "offsets": dict(example.offsets),
            "seed": example.seed, "verdict": verdict_json(verdict), "command": _command(example, request, task),
            "reproduced": repeated is not None and repeated.status is verdict.status,
        }  # fmt: skip
    return {
        "kernel": str(task.kernel), "problem": task.name, "device": request.device, "seed": fuzzed.seed,
        "status": status_of(fuzzed).value, "passed": status_of(fuzzed) is Status.PASSED,
        "examples": fuzzed.examples, "shrinking": fuzzed.shrinking, "seconds": fuzzed.seconds,
        "sizes": {name: [low, fuzzed.largest[name]] for name, low in fuzzed.smallest.items()},
        "distributions": len(fuzzed.drawn), "moved": fuzzed.moved, "unsteady": fuzzed.unsteady, "failing": failing,
    }  # fmt: skip
