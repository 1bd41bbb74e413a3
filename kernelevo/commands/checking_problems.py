"""`kernelevo check --problem FILE` without a kernel: judges the problem, which is to say its checks."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import typer

from kernelevo.commands import options as opt
from kernelevo.commands.problem_words import print_problem, problem_json
from kernelevo.errors import BadInput
from kernelevo.report_table import open_console
from kernelevo.tasks import open_problem, spelled_out

_MAKE_SENSE = {"problem", "as_json", "seed", "trust"}


def check_problem(context: typer.Context, problem: Path | None) -> NoReturn:
    """Prints what became of every mutant and honest style; exit code 0 if all mutants are refused and all honest
    styles pass, 1 if not. Raises BadInput for a file that is no problem, or has no reference.
    """
    if problem is None:
        raise BadInput("give a KERNEL to be judged, or a problem alone: kernelevo check --problem FILE")
    _require_sense(context)
    from kernelevo.evaluators.kernels import secret_generator, seeded_generator  # late: they load NumPy
    from kernelevo.evaluators.selftest import self_test

    state = opt.State.of(context)
    path = spelled_out(problem)
    opened, _ = open_problem(path, state.admit)
    if opened.oracle is not None:
        raise BadInput(
            f"{path} has no reference: whatever its oracle {opened.oracle.name} computes is right, "
            "so there is nothing to try its checks against; write a reference"
        )
    seed = context.params.get("seed")
    tested = self_test(opened, secret_generator() if seed is None else seeded_generator(seed)())
    if context.params.get("as_json"):
        state.print_json(problem_json(tested, str(path)))
    else:
        print_problem(open_console(state.settings.plain), tested)
    raise typer.Exit(0 if tested.separable else 1)


def _require_sense(context: typer.Context) -> None:
    """Refuses options that say how a kernel is judged."""
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE" and name not in _MAKE_SENSE:
            raise BadInput(f"{parameter.opts[0]} says how a kernel is judged, but no KERNEL is given; give one")
