"""`kernelevo study`: the arms of a study at equal cost, and who opened the sealed tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from kernelevo.commands import options as opt
from kernelevo.errors import BadInput
from kernelevo.settings import usable_cores

app = typer.Typer(help="Compare ways of spending the same budget.", no_args_is_help=True)
TaskName = Annotated[str | None, typer.Argument(metavar="[TASK]", help="Domain: kernels, legal, scrna, ...")]
ArmNames = Annotated[
    str, typer.Option("--arms", metavar="NAMES", help="base,H,W,W+H,best-of-N,by_hand,uniform, or some of them.")
]
Only = Annotated[list[str] | None, typer.Option("--only", metavar="TASK", help="Test on this task of the split alone.")]


@app.command("arms")
def arms(
    context: typer.Context,
    task: TaskName = None,
    arms: ArmNames = "base,H,W,W+H,best-of-N,by_hand,uniform",
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who acts: own (legal, scrna: default), tiny (else), prior, ...")
    ] = None,
    seeds: Annotated[int, typer.Option(metavar="N", help="Repetitions, each with draws of its own.")] = 5,
    learning: Annotated[int, typer.Option(metavar="N", help="Evaluations of an arm's loop, gates included.")] = 1200,
    test: Annotated[int, typer.Option(metavar="N", help="Evaluations on each task of the test.")] = 40,
    searches: Annotated[
        int, typer.Option(metavar="N", help="Searches of each task, with replies drawn anew; their mean counts.")
    ] = 1,
    generations: Annotated[int, typer.Option(metavar="N", help="Generations of an arm's loop.")] = 3,
    on: Annotated[str, typer.Option(metavar="SPLIT", help="development (default) or sealed.")] = "development",
    claim: Annotated[
        str | None, typer.Option(metavar="WORDS", help="What opening the sealed tasks is to show; each claim once.")
    ] = None,
    by_hand: Annotated[
        Path | None, typer.Option(metavar="FILE", help="decisions.toml written by a person (default: ours).")
    ] = None,
    only: Only = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the page here (default: in the run).")] = None,
    data: opt.Data = None,
    metric: opt.Metric = None,
    resume: Annotated[str | None, typer.Option(metavar="RUN", help="Go on with this study.")] = None,
    workers: opt.Workers = None,
    as_json: opt.AsJson = False,
    runs: opt.Runs = None,
) -> None:
    """Run arms at equal cost over seeds: means with intervals, cost for each gain, and a page with the plot.

    \b
    Example: kernelevo study arms kernels --seeds 3
    In half a minute: kernelevo study arms scripted --model prior --arms base,H,uniform --seeds 2 --learning 500

    Every evaluation is charged, also where its verdict was known from another arm. Two ways of counting are reported:
    all arms at the same total (an arm that does not learn spends on the test what learning took), and all arms with the
    same test, where learning is stated apart. The sealed tasks are opened once for each claim (`kernelevo study
    openings`); without a claim a study runs on the development split.
    """
    from kernelevo.run_of_study import resume_study, start_study

    state, say = opt.State.of(context), opt.announcer(as_json)
    if resume is not None:
        opt.require_resumable(context, resume, ("workers", "out"))
        outcome = resume_study(resume, state.settings, say, workers)
    else:
        outcome = start_study(read_study(context, task), state.settings, say)
    finish(outcome, out, as_json, state)


@app.command("matrix")
def matrix(
    context: typer.Context,
    task: Annotated[str, typer.Argument(metavar="TASK", help="Domain: kernels, legal, scrna, ...")],
    executor: Annotated[list[str], typer.Option(metavar="NAME", help="Who acts; may be given several times.")],
    kept: Annotated[
        list[str] | None, typer.Option(metavar="RUN", help="Harness and adapter that this run of the loop kept.")
    ] = None,
    seeds: Annotated[int, typer.Option(metavar="N", help="Repetitions, each with draws of its own.")] = 3,
    test: Annotated[int, typer.Option(metavar="N", help="Evaluations on each task of the test.")] = 40,
    only: Only = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the page here (default: in the run).")] = None,
    workers: opt.Workers = None,
    as_json: opt.AsJson = False,
    runs: opt.Runs = None,
) -> None:
    """Cross executors with harnesses and adapters: every model behind what every run kept, on the development split.

    \b
    Example: kernelevo study matrix kernels --executor tiny --executor prior --kept 2q7m --kept 2q9x

    Runs by different evolvers make the rows of an update-gain table, executors its columns; an adapter meets the
    harness that it was not trained behind. An adapter is loaded into the model that it was trained on alone.
    """
    from kernelevo.run_of_study import StudyRequest, kept_by, start_study
    from kernelevo.studies.arms import matrix as cells_of

    state, say = opt.State.of(context), opt.announcer(as_json)
    cells = cells_of(executor, {name: kept_by(name, state.settings) for name in kept or ()})
    request = StudyRequest(
        task, tuple(cell.name for cell in cells), ", ".join(executor), seeds, 0, test, 1,
        workers=usable_cores() if workers is None else workers, tasks=tuple(only or ()), cells=tuple(cells),
    )  # fmt: skip
    finish(start_study(request, state.settings, say), out, as_json, state)


def read_study(context: typer.Context, task: str | None) -> Any:
    from kernelevo.initialise import samples_folder
    from kernelevo.joining_backends import backend_names
    from kernelevo.joining_levers import default_model
    from kernelevo.run_of_study import StudyRequest
    from kernelevo.studies.arms import read_arms

    given = context.params
    if task is None:
        raise BadInput(f"name what the study is to run on: {', '.join(backend_names())}")
    if given["on"] not in ("development", "sealed"):
        raise BadInput(f"--on {given['on']!r}: a study tests on development, or on sealed tasks for a claim")
    hand = given["by_hand"] or samples_folder() / "harness" / "by-hand.toml"
    model = given["model"] or default_model(task)
    return StudyRequest(
        task, tuple(arm.name for arm in read_arms(given["arms"])), model, given["seeds"], given["learning"],
        given["test"], given["generations"], given["on"], given["claim"], str(hand),
        usable_cores() if given["workers"] is None else given["workers"], tuple(given["only"] or ()),
        searches=given["searches"], data=opt.data_path(given["data"]), metric=given["metric"],
    )  # fmt: skip


def finish(outcome: Any, out: Path | None, as_json: bool, state: opt.State) -> None:
    from kernelevo.report_study import study_lines, study_page

    told = outcome.plain()
    place = out or outcome.folder / "study.html"
    place.write_text(study_page(told), encoding="utf-8")
    if as_json:
        state.print_json({**told, "page": str(place)})
        return
    for each in study_lines(told):
        print(each)
    print(f"page: {place}")


@app.command("show")
def show(
    context: typer.Context, name: opt.RunName, out: opt.Out = None, as_json: opt.AsJson = False, runs: opt.Runs = None
) -> None:
    """Show what a study came to, or stands at, from its record alone.

    \b
    Example: kernelevo study show last
    """
    from kernelevo.run_of_study import recorded_study
    from kernelevo.stores.folders import find_run

    state = opt.State.of(context)
    finish(recorded_study(find_run(state.settings.runs, name)), out, as_json, state)


@app.command("openings")
def openings(context: typer.Context, as_json: opt.AsJson = False, runs: opt.Runs = None) -> None:
    """List every opening of the sealed tasks, with its claim and its outcome.

    \b
    Example: kernelevo study openings
    """
    from dataclasses import asdict

    from kernelevo.loop.ledger import openings as read
    from kernelevo.report_study import opening

    state = opt.State.of(context)
    found = read(state.settings.runs)
    if as_json:
        state.print_json([asdict(each) for each in found])
        return
    for each in found:
        print(f"{each.at}  run {each.run}  {each.claim!r}: {opening(each.outcome)}")
    if not found:
        print(f"the sealed tasks were never opened from {state.settings.runs}")
