"""`kernelevo new`, `import`, `init` and `doctor`: before there is anything to make faster."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from kernelevo import doctor as examination
from kernelevo import sandbox, trust
from kernelevo.commands import options as opt
from kernelevo.counting import counted
from kernelevo.errors import BadInput, NotInstalled
from kernelevo.initialise import initialise
from kernelevo.report_file import write_file
from kernelevo.report_table import open_console, print_rows

Oracle = Annotated[
    Path | None,
    typer.Option("--from", metavar="FILE", help="A kernel that is right: it becomes the start, and the oracle."),
]
Folder = Annotated[Path, typer.Argument(metavar="[FOLDER]", help="Where to put them.")]
HostKernel = Annotated[
    Path, typer.Argument(metavar="FILE.cu", help="Kernels and one host function that launches them.")
]
ImportOut = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Where to write it (default: NAME.kernelevo.cu beside the file)."),
]


def new(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the problem.", show_default=False)],
    oracle: Oracle = None,
    folder: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder for the files.")] = Path("kernels"),
    triton: Annotated[bool, typer.Option("--triton", help="Write the kernel in Triton.")] = False,
) -> None:
    """Write a kernel and its problem file to start from; with --from, from a kernel of yours that is known to be right.

    \b
    Example: kernelevo new gelu
    Example: kernelevo new gelu --triton
    Example: kernelevo new gelu --from mine.cu
    """
    from kernelevo.kernel import languages, scaffold  # late: they load NumPy and a parser

    language = languages.TRITON if triton else languages.CUDA
    if triton and oracle:
        raise BadInput("--from takes a .cu file, which stays what it is; leave --triton or --from out")
    made = scaffold.new_from_kernel(folder, name, oracle) if oracle else scaffold.new_problem(folder, name, language)
    for path in made.files:
        print(f"wrote {path}")
    _know(made.files, opt.State.of(context).settings.cache)
    for note in made.notes:
        print(note)
    kernel = folder / f"{name}{language.suffix}"
    print(f"next: look at {folder / f'{name}.problem.py'}, then `kernelevo check {kernel}`,")
    print(f"then  `kernelevo optimize {kernel}`")


def _know(files: Sequence[Path], cache: Path) -> None:
    """A problem file that was written here need not be asked about."""
    for path in files:
        if path.name.endswith(".problem.py") and (complaint := trust.remember(cache, path, path.read_bytes())):
            print(complaint)


def import_kernel(kernel: HostKernel, out: ImportOut = None) -> None:
    """Turn a .cu file with a host launcher into device code with a launch plan.

    \b
    Example: kernelevo import mine.cu --out kernels/mine.cu

    Understood is a straight-line launcher: launches, integers and dim3; anything else is refused, naming the line.
    """
    from kernelevo.kernel.source import read_kernel  # late: it loads NumPy and a parser

    text, notes = read_kernel(kernel)
    if not notes:
        raise BadInput(f"{kernel} has a launch plan and no host code, so there is nothing to import; use it as it is")
    path = out or kernel.with_name(f"{kernel.stem}.kernelevo.cu")
    if path.exists():
        raise BadInput(f"{path} exists already; give another place with --out")
    write_file(path, text)
    print(*notes, f"wrote {path}", sep="\n")


def init(folder: Folder = Path(".")) -> None:
    """Put the sample kernels and the default harness into a folder; files that are there are left alone.

    \b
    Example: kernelevo init work && cd work && kernelevo optimize kernels/softmax.cu
    """
    result = initialise(folder)
    print(f"wrote {counted(len(result.written), 'file')} into {folder}; kept {len(result.kept)} that were there")
    change = "" if folder == Path(".") else f"cd {shlex.quote(str(folder))} && "
    print(f"next: {change}kernelevo optimize kernels/softmax.cu")


def doctor(context: typer.Context, as_json: opt.AsJson = False) -> None:
    """Look at what this machine offers (compilers, devices, wall layers, extras), and say what to do about what is
    missing.

    \b
    Example: kernelevo doctor

    Exit code 0 if the main job can run here, 2 if something it needs is missing.
    """
    findings = examination.examine(_layers())
    if as_json:
        opt.State.of(context).print_json([dataclasses.asdict(finding) for finding in findings])
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
