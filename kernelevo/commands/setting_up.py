"""`kernelevo new`, `import`, `init` and `doctor`: before there is anything to make faster."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from kernelevo import doctor as examination
from kernelevo import sandbox
from kernelevo.commands import options as opt
from kernelevo.errors import BadInput, NotInstalled
from kernelevo.initialise import initialise
from kernelevo.kernel import scaffold
from kernelevo.kernel.source import read_kernel
from kernelevo.report_file import write_file
from kernelevo.report_table import open_console, print_rows

Oracle = Annotated[
    Path | None, typer.Option("--from", help="A kernel that is right: it becomes the start, and the oracle.")
]
Folder = Annotated[Path, typer.Argument(help="Where to put them.")]
ImportOut = Annotated[
    Path | None, typer.Option("--out", help="Where to write it (default: NAME.kernelevo.cu beside the file).")
]


def new(
    name: Annotated[str, typer.Argument(help="Name of the problem.", show_default=False)],
    oracle: Oracle = None,
    folder: Annotated[Path, typer.Option(help="Folder for the two files.")] = Path("kernels"),
) -> None:
    """Write a kernel and its problem file to start from; with --from, from a kernel of yours that is known to be right.

    Example: kernelevo new gelu        Example: kernelevo new gelu --from mine.cu
    """
    made = scaffold.new_from_kernel(folder, name, oracle) if oracle else scaffold.new_problem(folder, name)
    for path in made.files:
        print(f"wrote {path}")
    for note in made.notes:
        print(note)
    print(f"next: look at {folder / f'{name}.problem.py'}, then `kernelevo check {folder / f'{name}.cu'}`")


def import_kernel(kernel: opt.Kernel, out: ImportOut = None) -> None:
    """Turn a .cu file with a host launcher into device code with a launch plan.

    Example: kernelevo import mine.cu --out kernels/mine.cu

    Understood is a straight-line launcher: launches, integers and dim3; anything else is refused, naming the line.
    """
    path = out or kernel.with_name(f"{kernel.stem}.kernelevo.cu")
    if path.exists():
        raise BadInput(f"{path} exists already; give another place with --out")
    text, notes = read_kernel(kernel)
    write_file(path, text)
    print(*notes, f"wrote {path}", sep="\n")


def init(folder: Folder = Path(".")) -> None:
    """Put the sample kernels and the default harness into a folder; files that are there are left alone.

    Example: kernelevo init work && cd work && kernelevo optimize kernels/softmax.cu
    """
    result = initialise(folder)
    print(f"wrote {len(result.written)} files into {folder}; kept {len(result.kept)} that were there")
    print(f"next: cd {folder} && kernelevo optimize kernels/softmax.cu")


def doctor(context: typer.Context, as_json: opt.AsJson = False) -> None:
    """Look at what this machine offers (compilers, devices, wall layers, extras), and say what to do about what is
    missing.

    Example: kernelevo doctor

    Exit code 0 if the main job can run here, 2 if something it needs is missing.
    """
    findings = examination.examine(_layers())
    if as_json:
        print(json.dumps([dataclasses.asdict(finding) for finding in findings]))
    else:
        rows = [(found.name, found.state, f"{found.detail}; {found.advice}".strip("; ")) for found in findings]
        console = open_console(opt.State.of(context).settings.plain)
        print_rows(console, {"part": "left", "state": "left", "found; what to do": "left"}, rows)
    raise typer.Exit(2 if any(finding.state == "missing" for finding in findings) else 0)


def _layers() -> Mapping[str, Any] | None:
    """What the wall's launcher says of this machine; None if it is not installed, which is a finding of its own."""
    try:
        return sandbox.layers()
    except NotInstalled:
        return None
