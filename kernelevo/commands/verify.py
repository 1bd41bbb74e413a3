"""`kernelevo verify` and `kernelevo sign`: evidence, checked by whoever likes, and vouched for by whoever made it."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kernelevo.commands import options as opt
from kernelevo.commands.options import State
from kernelevo.errors import BadInput
from kernelevo.report_evidence import print_rows_of, rows_json, summary_of
from kernelevo.report_file import write_file
from kernelevo.report_table import open_console
from kernelevo.trust import EVERY_FILE
from kernelevo.wire.words import visible_line

if TYPE_CHECKING:
    from kernelevo.rerunning import Rerun
    from kernelevo.run_evidence import Examined

BundleFile = Annotated[
    Path, typer.Argument(metavar="BUNDLE", help="Evidence: best/NAME.evidence.tar.", show_default=False)
]
PublicKey = Annotated[
    Path | None,
    typer.Option("--key", metavar="FILE", help="Public SSH keys, one of which must have signed it (NAME.pub)."),
]
PrivateKey = Annotated[
    Path, typer.Option("--key", metavar="FILE", help="Private SSH key to sign with.", show_default=False)
]
Replace = Annotated[bool, typer.Option("--replace", help="Put this signature in the place of one that is there.")]
Again = Annotated[bool, typer.Option("--rerun", help="Judge it again here, on the recorded seeds and on fresh ones.")]
OwnProblem = Annotated[
    Path | None, typer.Option("--problem", metavar="FILE", help="With --rerun: a problem file of your own instead.")
]


def verify(
    context: typer.Context,
    bundle: BundleFile,
    key: PublicKey = None,
    rerun: Again = False,
    trust: opt.Trust = False,
    problem: OwnProblem = None,
    device: opt.DeviceName = None,
    include: opt.Includes = None,
    unsafe: opt.Unsafe = False,
    as_json: opt.AsJson = False,
) -> None:
    """Check a claim's evidence: row by row what holds, what does not, and what cannot be checked without running it.

    \b
    Example: kernelevo verify best/softmax.evidence.tar
    Example: kernelevo verify best/softmax.evidence.tar --rerun --trust

    Nothing in the bundle is executed without --rerun. Exit code 0 if it holds, 1 if it is refused or does not hold
    here, 2 for bad input, 3 if this machine failed, 4 if it cannot be told here.
    """
    from kernelevo.run_evidence import examine  # here, because it loads numpy and pydantic

    state = State.of(context)
    if not rerun:
        _require_no_use(trust=trust, problem=problem, device=device, include=include, unsafe=unsafe)
    examined = examine(_read(bundle), key and _at_home(key))
    again = None
    if rerun and not examined.refused:
        again = _rerun(examined, context, state, as_json)
    _tell(bundle, examined, again, as_json, state)
    raise typer.Exit(1 if examined.refused else again.outcome.exit_code if again else 0)


def _require_no_use(**given: object) -> None:
    """Raises BadInput for an option that says how to judge again, where nothing is."""
    for name, value in given.items():
        if value:
            raise BadInput(f"--{name} says how a claim is judged again; give --rerun, too")


def sign(bundle: BundleFile, key: PrivateKey, replace: Replace = False) -> None:
    """Sign a claim's evidence with an SSH key of yours: you vouch for it, and whoever has your public key can see that.

    \b
    Example: kernelevo sign best/softmax.evidence.tar --key ~/.ssh/id_ed25519

    A bundle that is signed already is left as it is, unless you say --replace: it holds one signature.
    """
    from kernelevo.evidence import signature
    from kernelevo.run_evidence import examine

    if bundle.is_symlink():
        raise BadInput(f"{bundle} is a symbolic link, which a signed bundle would replace; sign {bundle.resolve()}")
    examined = examine(_read(bundle), None)
    if examined.sealed is None or any(row.state == "refused" and row.part != "signature" for row in examined.rows):
        raise BadInput(f"{bundle} is not signed, because it is refused itself: {summary_of(examined.rows)}")
    before = _signature_of(examined)
    if before and not replace:
        raise BadInput(f"{bundle} is signed already ({before}); give --replace to sign it with {key} instead")
    write_file(bundle, signature.sign(examined.sealed, _at_home(key)).encode(), "BUNDLE")
    if before:
        print(f"the signature that was there is gone ({before})")
    public = str(key) if key.suffix == ".pub" else f"{key}.pub"
    print(f"signed {bundle} with {key}; who has the public key checks it: kernelevo verify {bundle} --key {public}")


def _signature_of(examined: Examined) -> str:
    """What is to be said of a signature that is there, "" if there is none."""
    if examined.sealed is None or examined.sealed.signature is None:
        return ""
    return next(visible_line(row.words) for row in examined.rows if row.part == "signature")


def _at_home(key: Path) -> Path:
    """The path with a user's folder in place of `~`; raises BadInput for a user that is none."""
    try:
        return key.expanduser()
    except RuntimeError as error:
        raise BadInput(f"the key {key} cannot be found ({error}); give its path without ~") from error


def _read(path: Path) -> bytes:
    from kernelevo.evidence.container import MOST_BYTES

    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise BadInput(f"the bundle {path} cannot be read ({error.strerror}); check the path") from error


def _rerun(examined: Examined, context: typer.Context, state: State, as_json: bool) -> Rerun:
    from kernelevo.evidence.bundle import PROBLEM
    from kernelevo.rerunning import Given, rerun

    given, contents = context.params, examined.contents
    if contents is None:
        raise ValueError("what was refused is not run")
    asked = Given(
        given["device"] or contents.claim.device, given["problem"], tuple(map(str, given["include"] or ())),
        given["unsafe"],
    )  # fmt: skip
    # A folder that is one's own makes no file of a bundle one's own, wherever that is written to be executed.
    # The bundle's own file lies in a folder that goes away again.
    shown = f"tar xOf {shlex.quote(visible_line(str(given['bundle'])))} {PROBLEM} | less"
    gate = state.admit if asked.problem else dataclasses.replace(state.admit, reading=shown)
    if asked.problem is None and gate.variable != EVERY_FILE:
        gate = dataclasses.replace(gate, variable="")
    return rerun(contents, asked, state.settings, state.joints, opt.announcer(as_json), gate)


def _tell(bundle: Path, examined: Examined, again: Rerun | None, as_json: bool, state: State) -> None:
    # A sentence on what was not run would be wrong beside the run.
    checked = [row for row in examined.rows if again is None or row.part not in again.settled]
    rows = [*checked, *(again.rows if again else ())]
    contents, sealed = examined.contents, examined.sealed
    claim = contents.claim if contents else None
    if as_json:
        told: dict[str, Any] = {"bundle": str(bundle), "root": sealed and sealed.root, "refused": examined.refused}
        told |= {"claim": claim and claim.model_dump(), "rows": rows_json(rows)}
        told |= {"outcome": again and again.outcome.value, "words": again and again.words}
        state.print_json(told)
        return
    console = open_console(state.settings.plain)
    if claim is not None and contents is not None:
        console.print(visible_line(f"claim: {claim.words}"), soft_wrap=True, markup=False)
        origin = contents.origin
        made = f"run {origin.run}" if origin.run else "a single verdict"
        line = visible_line(f"made by {made}, kernelevo {origin.kernelevo}, {origin.started}")
        console.print(line, soft_wrap=True, markup=False)
    print_rows_of(console, rows)
    console.print(summary_of(checked), soft_wrap=True, markup=False)
    if again is not None:
        console.print(visible_line(f"{again.outcome.value}: {again.words}"), soft_wrap=True, markup=False)
