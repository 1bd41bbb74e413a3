"""The commands, gathered into one program. Loading this loads all of them; `kernelevo/cli.py` guards that, too."""

from __future__ import annotations

import errno
import os
import sys
from typing import Annotated

import typer
from typer.core import TyperGroup

import kernelevo
from kernelevo.commands import (
    adapters,
    evaluate,
    harness,
    judging,
    optimize,
    profiling,
    redteam,
    resume,
    run_replies,
    running,
    runs,
    sealed,
    setting_up,
    studying,
    verify,
)
from kernelevo.errors import Infrastructure, Interrupted

OUTPUT_CLOSED = 141
"""What a shell reports of a program whose reader went away (SIGPIPE), as in `kernelevo runs show last | head`."""


class _Commands(TyperGroup):
    """Takes interruptions and output errors before Typer does, whose exit code 1 would say that a kernel failed."""

    def invoke(self, ctx: typer.Context) -> object:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except KeyboardInterrupt:
            # Typer would make it exit code 130 without a word.
            raise Interrupted("stopped; what had finished is kept (`kernelevo runs list`)") from None
        except BrokenPipeError:
            _silence_output()
            raise typer.Exit(OUTPUT_CLOSED) from None
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            _silence_output()
            place = error.filename or "the place where the output goes"
            raise Infrastructure(f"no space left in {place}; free some space and run the command again") from error


app = typer.Typer(
    cls=_Commands,
    help="Make GPU kernels faster, and prove it; with or without a GPU.\n\n"
    "Example: kernelevo optimize kernels/softmax.cu\n\n"
    "Every command has --help with an example; docs/cli.md tells more.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("optimize", short_help="Search for a faster kernel, and prove it.")(optimize.optimize)
app.command("resume", short_help="Go on with a recorded run.")(resume.resume)
app.command("run", short_help="Improve the policy that proposes: the self-improving loop.")(running.run)
app.add_typer(studying.app, name="study", short_help="Compare ways of spending the same budget.")
app.add_typer(sealed.app, name="sealed", short_help="Answer sealed tests, and open their labels once for each claim.")
app.command("check", short_help="Judge one kernel with all checks.")(judging.check)
app.command("profile", short_help="Show where a kernel's time goes.")(profiling.profile)
app.command("verify", short_help="Check a claim's evidence.")(verify.verify)
app.command("sign", short_help="Sign a claim's evidence with an SSH key.")(verify.sign)
app.command("eval", short_help="Judge many candidates, as JSON lines.")(evaluate.evaluate)
app.command("redteam", short_help="Try known ways of cheating on this installation.")(redteam.redteam)
runs.app.command("replies")(run_replies.replies)
app.add_typer(runs.app, name="runs", short_help="List, show and compare recorded runs.")
app.add_typer(harness.app, name="harness", short_help="Look at the harness that a run made, and take it over.")
app.add_typer(adapters.app, name="adapter", short_help="Look at LoRA adapters, and merge them.")
app.command("new", short_help="Write a kernel and a problem to start from.")(setting_up.new)
app.command("import", short_help="Derive a launch plan from host code.")(setting_up.import_kernel)
app.command("init", short_help="Put the sample kernels into a folder.")(setting_up.init)
app.command("doctor", short_help="Say what this machine offers.")(setting_up.doctor)


def _silence_output() -> None:
    """What is still buffered has nowhere to go; Python would complain about it when it ends."""
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, sys.__stdout__.fileno() if sys.__stdout__ else 1)
    os.close(sink)


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
