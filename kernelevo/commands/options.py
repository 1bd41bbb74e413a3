"""Options that several commands share, and what they are turned into."""

from __future__ import annotations

import dataclasses
import functools
import json
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from kernelevo.errors import BadInput
from kernelevo.initialise import samples_folder
from kernelevo.run import Joints
from kernelevo.settings import DEFAULT_FINDINGS, MOST_FINDINGS, Request, Settings, usable_cores
from kernelevo.trust import Gate, hashes_in
from kernelevo.types import Status, Verdict

KernelOrNone = Annotated[
    Path | None,
    typer.Argument(
        metavar="[KERNEL]",
        help="Kernel file, NAME.cu or NAME.triton.py. Without one, the problem of --problem is judged itself.",
        show_default=False,
    ),
]
Kernel = Annotated[
    Path,
    typer.Argument(
        metavar="KERNEL",
        help="Kernel file, NAME.cu or NAME.triton.py; its problem file NAME.problem.py is beside it.",
        show_default=False,
    ),
]
ProblemFile = Annotated[
    Path | None, typer.Option("--problem", metavar="FILE", help="Problem file, if it is not beside the kernel.")
]
DeviceName = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="NAME",
        help="Device to judge on: virtual:h100 (default), h200, a100, l4, rtx4090; cuda:0 (a card), cuda:virtual.",
    ),
]
DriverName = Annotated[
    str, typer.Option("--driver", metavar="NAME", help="What a card is driven through: cupy, or pycuda (unmeasured).")
]
CompilerName = Annotated[
    str, typer.Option("--compiler", metavar="NAME", help="nvrtc (from its wheel) or nvcc (if it is installed).")
]
Cases = Annotated[
    list[str] | None,
    typer.Option(
        "--case",
        metavar="SIZES",
        help="Sizes to time instead of the problem's own, e.g. rows=4096,cols=1000; may be given several times.",
    ),
]
Includes = Annotated[
    list[Path] | None,
    typer.Option("-I", "--include", metavar="FOLDER", help="Folder of headers that the kernel includes."),
]
Defines = Annotated[
    list[str] | None,
    typer.Option("-D", "--define", metavar="NAME[=VALUE]", help="Macro for the compiler."),
]
Standard = Annotated[
    str | None,
    typer.Option("--std", metavar="STD", help="C++ standard, e.g. c++17 (-std=c++17 is understood, too)."),
]
Seed = Annotated[
    int | None,
    typer.Option("--seed", metavar="N", help="Draw the same inputs each time (default: from the system's entropy)."),
]
Sampled = Annotated[
    int | None,
    typer.Option(
        "--sample",
        metavar="N",
        help="Model L1 and latency on about N blocks of a large grid only (provisional; light checks).",
    ),
]
Workers = Annotated[
    int | None, typer.Option("--workers", metavar="N", help="Evaluations at a time (default: one per core).")
]
Trust = Annotated[
    bool, typer.Option("--trust", help="Run a problem file that is new to this machine, and remember it as known.")
]
TimesFrom = Annotated[
    str,
    typer.Option(
        "--times-from",
        metavar="WHAT",
        help="What modelled times rest on: machine-code (where nvdisasm is installed) or ptx (quicker, further off).",
    ),
]
Unsafe = Annotated[
    bool, typer.Option("--unsafe", help="Run even where no wall can be built. Only for kernels you wrote yourself.")
]


def keep_for_results(context: typer.Context, asked: bool) -> bool:
    """Standard output belongs to JSON: what else is printed (by a problem file, say) goes to standard error."""
    if asked:
        if sys.stdout is None:
            raise BadInput("standard output is closed, and the answer was to go there; give it a place, as in > FILE")
        context.with_resource(redirect_stdout(sys.stderr))
    return asked


AsJson = Annotated[
    bool,
    typer.Option(
        "--json", callback=keep_for_results, help="Print one JSON object on standard output and nothing else there."
    ),
]
Sanitize = Annotated[
    bool,
    typer.Option("--sanitize", help="Search all cases for faults, races and uninitialised values, and show every one."),
]
MaxFindings = Annotated[
    int | None,
    typer.Option("--max-findings", metavar="N", help="With --sanitize: findings that are kept (default: 20)."),
]
Sarif = Annotated[
    Path | None,
    typer.Option("--sarif", metavar="FILE", help="With --sanitize: write the findings as SARIF 2.1.0, too."),
]
Inputs = Annotated[
    int | None,
    typer.Option(
        "--inputs", metavar="N", help="Begin with one trial on the --case, every input from its N-th distribution."
    ),
]
Offsets = Annotated[
    list[str] | None,
    typer.Option("--offset", metavar="NAME=BYTES", help="With --inputs: move the pointer of this tensor."),
]
Fuzz = Annotated[
    bool, typer.Option("--fuzz", help="Look for sizes, inputs and pointer offsets that fail; show the smallest ones.")
]
FuzzExamples = Annotated[
    int | None, typer.Option("--fuzz-examples", metavar="N", help="With --fuzz: examples to try (default: 200).")
]
BundlePlace = Annotated[
    Path | None,
    typer.Option("--bundle", metavar="FILE", help="Write the verdict's evidence, which `kernelevo verify` checks."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress display.")]
Data = Annotated[
    Path | None,
    typer.Option("--data", metavar="FILE", help="Your own data, of a task that has a sample (KERNELEVO_DATA)."),
]
Metric = Annotated[
    str | None,
    typer.Option("--metric", metavar="NAME", help="scrna: guarded (default), openproblems, openproblems-constrained."),
]
Runs = Annotated[
    Path | None,
    typer.Option("--runs", metavar="FOLDER", help="Folder of recorded runs (default: runs, or KERNELEVO_RUNS)."),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Where the best kernel is written (default: best/NAME)."),
]
RunName = Annotated[
    str, typer.Argument(metavar="RUN", help="The run's id, a prefix of it, or `last`.", show_default=False)
]


@dataclass(frozen=True)
class State:
    """What every command finds in its context: the parts, where things are, and where results go."""

    joints: Joints
    settings: Settings
    output: TextIO
    vouched: bool = False
    """Whether this command line says --trust."""

    @property
    def admit(self) -> Gate:
        """What a problem file must pass before it is executed."""
        # A stream that was closed before the program began is None.
        ask = _asked if all(stream and stream.isatty() for stream in (sys.stdin, sys.stderr)) else None
        installed = functools.partial(hashes_in, samples_folder)
        return Gate(self.settings.cache, installed, self.vouched, self.settings.trust, ask, _told)

    def print_json(self, value: Any) -> None:
        """One line of JSON on standard output."""
        print(json.dumps(value), file=self.output, flush=True)

    @classmethod
    def of(cls, context: typer.Context) -> State:
        """The state, with the folder of runs that this command line gives, if it does, and with problem files held to
        `admit`.
        """
        state: State = context.find_root().obj
        state = dataclasses.replace(state, vouched=bool(context.params.get("trust")))
        if (runs := context.params.get("runs")) is not None:
            state = dataclasses.replace(state, settings=dataclasses.replace(state.settings, runs=Path(runs)))
        open_task = functools.partial(state.joints.open_task, admit=state.admit)
        return dataclasses.replace(state, joints=dataclasses.replace(state.joints, open_task=open_task))


def _asked(question: str) -> str:
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline()


def _told(text: str) -> None:
    print(f"kernelevo: {text}", file=sys.stderr, flush=True)


def read_request(context: typer.Context, kernel: Path) -> tuple[Request, str]:
    """What this command line asks of `kernel`, and why its device is the one it is; an option the command lacks has
    its default.
    """
    given: dict[str, Any] = {name: value for name, value in context.params.items() if value is not None}
    device, why = State.of(context).settings.choose_device(given.get("device"))
    request = Request(
        kernel=kernel,
        problem=Path(given["problem"]) if "problem" in given else None,
        device=device,
        compiler=given.get("compiler", "nvrtc"),
        driver=given.get("driver", "cupy"),
        cases=tuple(given.get("case", ())),
        include_folders=tuple(map(str, given.get("include", ()))),
        defines=read_defines(given.get("define", ())),
        standard=given.get("standard"),
        seed=given.get("seed"),
        sample=given.get("sample"),
        inputs=given.get("inputs"),
        offsets=read_offsets(given.get("offset", ())),
        unsafe=given.get("unsafe", False),
        workers=given.get("workers", usable_cores()),
        times_from=given.get("times_from", "machine-code"),
    )
    return request, why


def most_findings(sanitize: bool, asked: int | None, sarif: Path | None = None) -> int | None:
    """How many findings a search for faults may tell, None if there is to be none; raises BadInput for options that
    need --sanitize.
    """
    for name, value in (("--max-findings", asked), ("--sarif", sarif)):
        if value is not None and not sanitize:
            raise BadInput(f"{name} says what becomes of findings; give --sanitize, too")
    if not sanitize:
        return None
    if asked is not None and not 1 <= asked <= MOST_FINDINGS:
        raise BadInput(f"--max-findings {asked} is not from 1 to {MOST_FINDINGS}; give a number that is")
    return asked or DEFAULT_FINDINGS


def read_defines(words: Sequence[str]) -> dict[str, str]:
    """-D words as name and value; raises BadInput on what is no macro name."""
    defines = {}
    for word in words:
        name, _, value = word.partition("=")
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise BadInput(f"-D {word}: {name!r} is no macro name; write -D NAME or -D NAME=VALUE")
        defines[name] = value
    return defines


def read_offsets(words: Sequence[str]) -> dict[str, int]:
    """--offset words as name and bytes; raises BadInput on what is none."""
    offsets = {}
    for word in words:
        match = re.fullmatch(r"([A-Za-z_]\w*)=([0-9]{1,4})", word, re.ASCII)
        if match is None:
            raise BadInput(f"--offset {word}: write the name of a tensor and bytes, as in --offset x=4")
        offsets[match.group(1)] = int(match.group(2))
    return offsets


def exit_code(verdict: Verdict) -> int:
    """0 passed, 1 the candidate failed, 3 we failed, 4 this device cannot tell."""
    return exit_code_of(verdict.status)


def exit_code_of(status: Status) -> int:
    return {Status.PASSED: 0, Status.INFRA: 3, Status.UNSUPPORTED: 4, Status.INCONCLUSIVE: 4}.get(status, 1)


def check_command(request: Request, file: Path, problem: Path) -> str:
    """How a person judges `file` again, as it was judged here."""
    words = ["kernelevo", "check", str(file), "--problem", str(problem), "--device", request.device]
    if request.compiler != "nvrtc":
        words += ["--compiler", request.compiler]
    if request.driver != "cupy":
        words += ["--driver", request.driver]
    for case in request.cases:
        words += ["--case", case.replace(" ", "")]
    for folder in request.include_folders:
        words += ["-I", folder]
    for name, value in request.defines.items():
        words += ["-D", f"{name}={value}" if value else name]
    if request.times_from != "machine-code":
        words += ["--times-from", request.times_from]
    return shlex.join([*words, "--std", request.standard] if request.standard else words)


def require_resumable(context: typer.Context, run: str, may_change: Sequence[str]) -> None:
    """Raises BadInput for an option that was given and would be left aside: a run goes on as it was begun."""
    always = {"resume", "as_json", "runs"}
    for parameter in context.command.params:
        source = context.get_parameter_source(str(parameter.name))
        given = source is not None and source.name == "COMMANDLINE"
        if given and parameter.name not in {*always, *may_change}:
            word = parameter.opts[0] if parameter.opts[0].startswith("-") else str(context.params[str(parameter.name)])
            named = ", ".join(f"--{name.replace('_', '-')}" for name in may_change)
            raise BadInput(
                f"--resume {run} goes on with what that run was begun on; leave {word} out "
                f"(only {named} may be given anew)"
            )


def announcer(as_json: bool) -> Callable[[str], None]:
    """Says one line: on standard output for a person, on standard error where that belongs to JSON."""
    return lambda line: print(line, file=sys.stderr if as_json else sys.stdout, flush=True)


def data_path(given: Path | None) -> str | None:
    """As a record holds it: a run may go on from another folder."""
    return None if given is None else str(given.resolve())
