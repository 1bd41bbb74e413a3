"""`kernelevo harness diff|adopt|rollback`: what a run of the loop made of its harness, looked at and taken over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from kernelevo.commands import options as opt
from kernelevo.errors import BadInput
from kernelevo.harness import adopting
from kernelevo.initialise import samples_folder
from kernelevo.settings import Settings
from kernelevo.stores.folders import find_run
from kernelevo.wire.words import visible

app = typer.Typer(help="Look at the harness that a run made, and take it over.", no_args_is_help=True)

DEFAULT = "default"
To = Annotated[
    Path | None,
    typer.Option("--to", metavar="FOLDER", help="The harness folder it is about (default: harness/default)."),
]


@app.command("diff")
def diff(
    context: typer.Context, name: opt.RunName, to: To = None, as_json: opt.AsJson = False, runs: opt.Runs = None
) -> None:
    """Show what a run would change in your harness, and why.

    \b
    Example: kernelevo harness diff last
    """
    state = opt.State.of(context)
    proposal, target = _proposal(state.settings, name), _target(state.settings, to)
    patch = adopting.patch_into(proposal, target)
    if as_json:
        told = {"run": proposal.run, "folder": str(target), "reasons": list(proposal.reasons), "patch": patch}
        state.print_json(told)
        return
    for reason in proposal.reasons:
        print(f"accepted: {visible(reason)}")
    print(visible(patch) or f"run {proposal.run} kept what is in {target}; there is no difference", end="")
    print("" if patch else "\n", end="")


@app.command("adopt")
def adopt(
    context: typer.Context, name: opt.RunName, to: To = None, as_json: opt.AsJson = False, runs: opt.Runs = None
) -> None:
    """Take over the harness that a run kept, with a receipt and a copy of what was there.

    \b
    Example: kernelevo harness adopt last

    Refused where the folder is not what the run began with: your own changes are never overwritten.
    """
    state = opt.State.of(context)
    target = _target(state.settings, to, for_writing=True)
    receipt = adopting.adopt(_proposal(state.settings, name), target)
    words = f"adopted run {receipt.run} into {target}; `kernelevo harness rollback` undoes it"
    _tell(state, receipt, f"{words} ({receipt.before[:12]} -> {receipt.after[:12]}, receipt {receipt.number})", as_json)


@app.command("rollback")
def rollback(context: typer.Context, to: To = None, as_json: opt.AsJson = False) -> None:
    """Put back the harness that was there before the last adoption.

    \b
    Example: kernelevo harness rollback
    """
    state = opt.State.of(context)
    target = _target(state.settings, to, for_writing=True)
    receipt = adopting.roll_back(target)
    words = f"{target} is what it was before run {receipt.run} was adopted"
    _tell(state, receipt, f"{words} ({receipt.after[:12]} -> {receipt.before[:12]}, receipt {receipt.number})", as_json)


def _tell(state: opt.State, receipt: adopting.Receipt, words: str, as_json: bool) -> None:
    if as_json:
        state.print_json(receipt.plain())
    else:
        print(words)


def _target(settings: Settings, to: Path | None, for_writing: bool = False) -> Path:
    """The user's harness folder; the one that is installed is never written."""
    if to is not None:
        return to
    installed = samples_folder() / "harness"
    folder, _ = settings.choose_harness(installed)
    if for_writing and folder == installed:
        raise BadInput(
            "there is no harness folder of yours here, and the installed one is not changed; `kernelevo init` makes "
            "one, --to FOLDER names another"
        )
    return folder / DEFAULT


def _proposal(settings: Settings, name: str) -> adopting.Proposal:
    folder = find_run(settings.runs, name)
    start, kept = folder / "start" / "harness", folder / "harness"
    if not start.is_dir() or not kept.is_dir():
        raise BadInput(
            f"run {folder.name} kept no harness: it is no run of the loop, or none of its generations is finished; "
            "`kernelevo run kernels` makes one"
        )
    return adopting.Proposal(folder.name, start, kept, tuple(_reasons(folder)))


def _reasons(folder: Path) -> list[str]:
    """Of each change of the harness that the gate accepted, in order."""
    generations = sorted(folder.glob("gen_*/gate.json"), key=lambda file: (len(file.parent.name), file.parent.name))
    found = []
    for file in generations:
        gate = _read_gate(file)
        if gate is not None and gate.get("result") == "accept" and gate.get("lever") == "harness":
            found.append(f"{file.parent.name.replace('gen_', 'generation ')}: {gate.get('reason')}")
    return found


def _read_gate(file: Path) -> dict[str, Any] | None:
    try:
        gate = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(
            f"{file} cannot be read ({error}); export the run again with `kernelevo run --resume`"
        ) from error
    return gate if isinstance(gate, dict) else None
