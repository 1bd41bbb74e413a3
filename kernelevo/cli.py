"""The command line. Each command is a file in `commands`; here they are gathered, and errors become a sentence and an
exit code.

Exit codes: 0 good, 1 the thing judged failed, 2 bad input, 3 this machine or this program failed, 4 inconclusive, 130
stopped.
"""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import Annotated, NoReturn

import typer

import kernelevo
from kernelevo.commands import evaluate, judging, optimize, resume, runs, setting_up
from kernelevo.commands.options import State
from kernelevo.errors import KernelevoError
from kernelevo.run import REAL, Joints
from kernelevo.settings import Settings

app = typer.Typer(
    help="Make GPU kernels faster, and prove it; with or without a GPU.\n\n"
    "Start with: kernelevo optimize kernels/softmax.cu",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("optimize")(optimize.optimize)
app.command("resume")(resume.resume)
app.command("check")(judging.check)
app.command("profile")(judging.profile)
app.command("eval")(evaluate.evaluate)
app.add_typer(runs.app, name="runs")
app.command("new")(setting_up.new)
app.command("import")(setting_up.import_kernel)
app.command("init")(setting_up.init)
app.command("doctor")(setting_up.doctor)


def main(arguments: Sequence[str] | None = None, joints: Joints = REAL) -> int:
    """Runs one command line and returns its exit code; what goes wrong is one sentence on standard error."""
    words = _with_joined_standard(sys.argv[1:] if arguments is None else arguments)
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        app(args=words, prog_name="kernelevo", obj=State(joints, Settings.from_environment()))
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except KernelevoError as fault:
        print(f"kernelevo: {fault}", file=sys.stderr)
        return fault.exit_code
    except Exception:
        # A fault of this program; exit code 1 would say that the kernel failed.
        traceback.print_exc()
        print(
            "kernelevo: this is a fault of kernelevo, not of your kernel; please report it with the lines above",
            file=sys.stderr,
        )
        return 3
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


def _with_joined_standard(words: Sequence[str]) -> list[str]:
    """`-std=c++17`, as compilers spell it, is `--std=c++17` here."""
    return [f"-{word}" if word.startswith("-std=") else word for word in words]


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    """SIGTERM stops a run as Ctrl-C does: children are ended, and what finished is kept."""
    raise KeyboardInterrupt


def _version(asked: bool) -> None:
    if asked:
        print(f"kernelevo {kernelevo.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of the program itself."""
