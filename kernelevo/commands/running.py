"""`kernelevo run`: the self-improving loop on one domain."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer

from kernelevo.commands import model_options as mod
from kernelevo.commands import options as opt
from kernelevo.counting import counted
from kernelevo.errors import BadInput
from kernelevo.report_model import talk_line
from kernelevo.settings import usable_cores

TaskName = Annotated[
    str | None,
    typer.Argument(
        metavar="[TASK]", help="Domain: kernels, legal, scrna, or one that another package offers.", show_default=False
    ),
]
LoopModel = Annotated[
    str | None,
    typer.Option(
        "--model", "--executor", metavar="NAME",
        help="Who acts: own (default of legal, scrna), tiny (else), prior, uniform, hf:PATH, openai:NAME, vllm:NAME.",
    ),
]  # fmt: skip
Evolver = Annotated[
    str | None,
    typer.Option("--evolver", metavar="NAME", help="Language model that drafts harness changes (default: statistics)."),
]
Levers = Annotated[
    str, typer.Option("--levers", metavar="WHICH", help="auto (default), harness, weights, harness,weights or none.")
]
Budget = Annotated[
    str | None,
    typer.Option(
        "--budget", metavar="LIMITS",
        help="evaluations=400,tokens=..,money=..,seconds=..,gpu_seconds=.. in all (default: 2000 evaluations).",
    ),
]  # fmt: skip
Harness = Annotated[
    str | None, typer.Option("--harness", metavar="FOLDER", help="Harness to begin with (default: harness/default).")
]
MAY_CHANGE = ("budget", "generations", "gap", "workers", "base_url", "key_variable", "price")
"""Options that a run may be given anew when it goes on."""
Resume = Annotated[str | None, typer.Option("--resume", metavar="RUN", help="Go on with this run.")]


def run(
    context: typer.Context,
    task: TaskName = None,
    model: LoopModel = None,
    evolver: Evolver = None,
    judge: Annotated[
        str | None, typer.Option("--judge", metavar="NAME", help="Language model that says if skills are followed.")
    ] = None,
    levers: Levers = "auto",
    generations: Annotated[int, typer.Option(metavar="N", help="At most so many generations.")] = 4,
    budget: Budget = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Decides draws of tasks, inputs and replies.")] = 0,
    harness: Harness = None,
    adapter: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="LoRA adapter of the model to begin with.")
    ] = None,
    grow_trees: Annotated[
        bool, typer.Option("--grow-trees", help="Go on with the trees of the generations before, on their tasks.")
    ] = False,
    gap: Annotated[
        float | None,
        typer.Option(metavar="X", help="Log2 by which the audit's gap may widen before a pause (default: 0.5)."),
    ] = None,
    resume: Resume = None,
    data: opt.Data = None,
    metric: opt.Metric = None,
    workers: opt.Workers = None,
    as_json: opt.AsJson = False,
    runs: opt.Runs = None,
    base_url: mod.BaseUrl = None,
    key_variable: mod.KeyVariable = None,
    price: mod.Price = None,
) -> None:
    """Improve the policy that proposes: its harness (text and settings) and its weights (LoRA), from its own verdicts.

    \b
    Example: kernelevo run kernels --generations 3 --budget evaluations=600,seconds=1800
    Without torch: kernelevo run kernels --model prior --levers harness
    In a second: kernelevo run scripted --model prior --levers harness

    A generation acts on tasks of the reward split, a lever drafts a change from the record, and a gate compares the
    changed policy with the present one on tasks that no lever saw; only what it accepts is adopted. Everything is
    recorded under runs/ID, and a run that was stopped goes on with --resume. Exit code 0 when the run ended, 2 for bad
    input, 3 if this machine failed, 4 if it paused because the reward ran away from the audit, 130 if it was stopped.
    docs/loop.md tells more.
    """
    from kernelevo.run_of_loop import resume_loop, start_loop

    state = opt.State.of(context)
    say = opt.announcer(as_json)
    if resume is not None:
        opt.require_resumable(context, resume, MAY_CHANGE)
        again = context.get_parameter_source("generations")
        more = generations if again is not None and again.name != "DEFAULT" else None
        anew = {"generations": more, "base_url": base_url, "key_variable": key_variable, "price": price}
        outcome = resume_loop(resume, {**changes(budget, gap, workers), **anew}, state.settings, say)
    else:
        request, why = read_request(context, task)
        outcome = start_loop(request, state.settings, say, why)
    finish(outcome, as_json, state)


def read_request(context: typer.Context, task: str | None) -> tuple[Any, str]:
    """The request that this command line makes, and why the model is the one it is."""
    from kernelevo.joining_backends import backend_names
    from kernelevo.joining_levers import default_model, levers_of
    from kernelevo.joining_loop import LoopRequest
    from kernelevo.loop.budget import LoopLimits, read_limits

    given = context.params
    if task is None:
        raise BadInput(f"name what the loop is to run on: {', '.join(backend_names())}, as in `kernelevo run kernels`")
    model = given["model"] or default_model(task)
    why = "given by --model" if given["model"] else "the default, ours, needs no server; choose another with --model"
    request = LoopRequest(
        task=task, model=model, evolver=given["evolver"], judge=given["judge"], harness=given["harness"],
        adapter=given["adapter"],
        levers=levers_of(given["levers"], model), generations=given["generations"], seed=given["seed"],
        reuse=given["grow_trees"], gap=0.5 if given["gap"] is None else given["gap"],
        limits=LoopLimits() if given["budget"] is None else read_limits(given["budget"]),
        workers=usable_cores() if given["workers"] is None else given["workers"], base_url=given["base_url"],
        data=opt.data_path(given["data"]), metric=given["metric"],
        key_variable=given["key_variable"], price=given["price"],
    )  # fmt: skip
    if request.workers < 1:
        raise BadInput(f"--workers {request.workers} leaves nobody to work; give at least 1")
    _ = request.settings  # what is wrong with them is said now
    return request, why


def changes(budget: str | None, gap: float | None, workers: int | None) -> dict[str, Any]:
    """What may be given anew to a run that goes on; limits that are not named stay as they were."""
    from kernelevo.loop.budget import read_limits

    limits = None
    if budget is not None:
        named = {word.partition("=")[0].strip().replace("-", "_") for word in budget.split(",")}
        limits = {name: value for name, value in dataclasses.asdict(read_limits(budget)).items() if name in named}
    return {"limits": limits, "gap": gap, "workers": workers}


def finish(outcome: Any, as_json: bool, state: opt.State) -> None:
    """Shows what a run of the loop came to; exit code 4 if it is paused."""
    told = outcome.plain()
    if as_json:
        state.print_json(told)
    else:
        show(told, outcome.folder)
    if told["paused"]:
        raise typer.Exit(4)


def show(told: dict[str, Any], folder: Path) -> None:
    """For a person: a line for each generation, then what is kept and why it ended."""
    for each in told["generations"]:
        print(generation_line(each, told["gain"]))
    accepted = counted(told["accepted"], "change")
    print(f"{told['evaluations']:,} evaluations in {told['seconds']:g} s, {accepted} accepted")
    for each in told["models"]:
        print(talk_line(each))
    policy = told["policy"]
    if policy:
        trained = f", adapter {folder / policy['adapter']}" if policy["adapter"] else ""
        kept = f"harness {folder / policy['harness']}{trained}"
        print(f"kept: {kept}: {policy['why']}")
    from kernelevo.stores.lock import writer_of

    state = "paused" if told["paused"] else "ended"
    if told["ended"]:
        print(f"{state}: {told['ended']}")
    elif writer_of(folder) is None:
        print(f"it was stopped; go on with `kernelevo run --resume {told['run']}`")
    else:
        print(f"it is running; `kernelevo runs show {told['run']}` tells more later")
    if told["paused"]:
        print(f"look at gen_*/metrics.json; `kernelevo run --resume {told['run']} --gap X` goes on with a wider gap")


def generation_line(each: dict[str, Any], gain: str) -> str:
    best = each["mean_log2_best"]
    found = "nothing passed" if best is None else f"{2**best:.2f} {gain}"
    gap = f", audit gap {each['audit']['gap']:.2f}" if each["audit"] else ""
    decision = each["decision"]
    levers = "not decided" if decision is None else ", ".join(decision["levers"]) or "no lever"
    gate = each["gate"]
    verdict = f": {gate['result']}, {gate['difference']:+.3f} in log2" if gate else ""
    return f"generation {each['generation']}: {found} over {len(each['tasks'])} tasks{gap}; {levers}{verdict}"
