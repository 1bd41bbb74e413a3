"""`kernelevo profile`: where a kernel's time goes, and what moved beside another kernel of the same problem."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from kernelevo import run
from kernelevo.commands import options as opt
from kernelevo.commands.profile_subjects import profile_of
from kernelevo.diagnosis.subject import Profile
from kernelevo.errors import BadInput
from kernelevo.report import verdict_json
from kernelevo.report_comparison import compare, comparison_json
from kernelevo.report_comparison_table import print_comparison
from kernelevo.report_file import require_place, write_file
from kernelevo.report_profile import print_profile
from kernelevo.report_profile_json import profile_json
from kernelevo.report_table import open_console
from kernelevo.report_verdict import print_verdict

HtmlFile = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Write it as one self-contained page, too.")
]
Other = Annotated[
    Path | None,
    typer.Option("--compare", metavar="OTHER", help="Say what moves from KERNEL to this one of the same problem."),
]
Ptx = Annotated[bool, typer.Option("--ptx", help="Show the PTX instructions under each hot source line.")]


def profile(
    context: typer.Context,
    kernel: opt.Kernel,
    problem: opt.ProblemFile = None,
    device: opt.DeviceName = None,
    case: opt.Cases = None,
    sample: opt.Sampled = None,
    ptx: Ptx = False,
    html: HtmlFile = None,
    compare: Other = None,
    as_json: opt.AsJson = False,
    seed: opt.Seed = None,
    compiler: opt.CompilerName = "nvrtc",
    driver: opt.DriverName = "cupy",
    include: opt.Includes = None,
    define: opt.Defines = None,
    standard: opt.Standard = None,
    unsafe: opt.Unsafe = False,
    trust: opt.Trust = False,
) -> None:
    """Show where a kernel's time goes: what bounds it, what usually helps, and its source with exact counts.

    \b
    Example: kernelevo profile kernels/transpose.cu --html transpose.html
    Example: kernelevo profile kernels/softmax.cu --compare best/softmax.cu

    The kernel is checked as well; one that does not pass has no profile (exit code 1). With --sample a size that
    takes too long otherwise is profiled from some of its blocks; all of them run, under the search's lighter checks.
    """
    state = opt.State.of(context)
    if html is not None:
        _require_place(html, [path for path in (kernel, compare, problem) if path])
    judged = _judge(context, kernel, compare, as_json)
    failed = next((each for each in judged if each.verdict.score is None), None)
    if failed is not None:
        _show_failure(state, failed, as_json, compared=compare is not None)
        raise typer.Exit(opt.exit_code(failed.verdict))
    profiles = [profile_of(each) for each in judged]
    if len(profiles) == 1:
        _show_profile(state, profiles[0], as_json, html, ptx)
    else:
        _show_comparison(state, profiles[0], profiles[1], as_json, html)


def _require_place(html: Path, inputs: Sequence[Path]) -> None:
    """Raises BadInput, before work is spent, where the page cannot be written or would overwrite what it is made of."""
    if html.name.endswith((".cu", ".py")):
        raise BadInput(f"--html {html} is a kernel's or a problem's name, not a page's; give a place like profile.html")
    if html.exists() and any(path.exists() and html.samefile(path) for path in inputs):
        raise BadInput(f"the page would overwrite {html}, of which it is made; give another place with --html")
    require_place(html, "--html")


def _judge(context: typer.Context, kernel: Path, other: Path | None, as_json: bool) -> list[run.Judged]:
    """The kernel, and the other under the same problem, device and options; stops at the first that does not pass."""
    state = opt.State.of(context)
    if other is not None and not other.is_file():
        raise BadInput(f"there is no kernel file {other}; check the path after --compare")
    request, why = opt.read_request(context, kernel)
    announce = _once(opt.announcer(as_json))
    judged = [run.judge(request, state.settings, state.joints, announce, why)]
    if other is not None and judged[0].verdict.score is not None:
        second = dataclasses.replace(request, kernel=other, problem=judged[0].task.problem_path)
        try:
            judged.append(run.judge(second, state.settings, state.joints, announce, why))
        except BadInput as error:
            raise BadInput(f"{error} ({_common_problem(other, judged[0].task.problem_path)})") from error
    return judged


def _common_problem(kernel: Path, problem: Path) -> str:
    """What must be known of a comparison that stops at a kernel."""
    return (
        f"both kernels of a comparison are judged by one problem, here {problem}; if {kernel} is of another, compare "
        "kernels of one, and name it with --problem"
    )


def _once(announce: Callable[[str], None]) -> Callable[[str], None]:
    """Says nothing twice: two kernels of one problem have most notes in common."""
    said: set[str] = set()

    def say(note: str) -> None:
        for line in note.splitlines():
            if line not in said:
                announce(line)
            said.add(line)

    return say


def _show_failure(state: opt.State, judged: run.Judged, as_json: bool, compared: bool) -> None:
    """Of two kernels it is said which of them did not pass."""
    file = str(judged.task.kernel)
    if as_json:
        state.print_json({**verdict_json(judged.verdict, judged.floors), "file": file})
        return
    console = open_console(state.settings.plain)
    if compared:
        console.print(f"{escape(file)} did not pass, so there is nothing to compare:", soft_wrap=True)
    print_verdict(console, judged.verdict)
    if compared:
        console.print(escape(_common_problem(judged.task.kernel, judged.task.problem_path)), soft_wrap=True)


def _show_profile(state: opt.State, found: Profile, as_json: bool, html: Path | None, ptx: bool) -> None:
    if html is not None:
        from kernelevo.report_page.page import profile_page

        write_file(html, profile_page(found), "--html")
    if as_json:
        state.print_json(profile_json(found))
    else:
        print_profile(open_console(state.settings.plain), found, ptx)


def _show_comparison(state: opt.State, before: Profile, after: Profile, as_json: bool, html: Path | None) -> None:
    cases = compare(before, after)
    if html is not None:
        from kernelevo.report_page.comparison_view import comparison_page

        write_file(html, comparison_page(before, after, cases), "--html")
    if as_json:
        shown = {"before": profile_json(before), "after": profile_json(after), "comparison": comparison_json(cases)}
        state.print_json(shown)
    else:
        print_comparison(open_console(state.settings.plain), before, after, cases)
