"""Does a bundle agree with itself? Each check is a function from contents to rows; none executes anything in it.

What passes here was either judged as it says, or made up by somebody who took care: only a signature says who vouches
for it, and only a run of one's own (`--rerun`) says whether it is so.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from kernelevo.counting import counted, nouns
from kernelevo.evidence import bundle
from kernelevo.evidence.contents import Contents, Side
from kernelevo.evidence.documents import CaseFigures, Declaration, Judgement, Launch
from kernelevo.evidence.manifest import sha256
from kernelevo.evidence.rows import Row, holds, refused, unchecked
from kernelevo.evidence.samples import faults
from kernelevo.evidence.wording import claim_words
from kernelevo.types import Candidate, Status

Plan = tuple[Mapping[str, Sequence[Launch]], Mapping[str, int]]
PlanOf = Callable[[str, Mapping[str, int], Declaration, Mapping[str, int]], Plan]
"""Text, defines, declaration and device properties -> launches by case and macros; raises ValueError in words where the
plan cannot be read or does not fit."""

HAPPENED, PROBLEM_CODE = "that it happened", "the problem's code"
"""Parts that a run of one's own says more of."""
THOROUGH = ("final", "sanitize")
"""Modes of full checks."""
SEED = re.compile(r"0|[1-9a-f][0-9a-f]{0,31}")
"""In one form only, so that equal seeds are equal texts."""
COUNTED = "virtual:"
"""How the names of devices begin whose times come from counts of whole runs, and never from single calls."""
SAME = ("candidate", "text_sha256", "defines", "device", "how", "compiled", "macros", "launches")
"""What does not change when a kernel is judged a second time."""
CLOSE = 1e-12
"""Logarithms and sums may differ in their last bits between machines."""


def check(contents: Contents, plan_of: PlanOf) -> Iterator[Row]:
    """All rows, in the order in which a person would look."""
    yield _problem(contents)
    for side in contents.sides:
        yield _identity(side)
        yield _verdict(bundle.judgement_name(side.name), side.judgement, contents)
        yield _figures(bundle.judgement_name(side.name), side.judgement, contents.declaration)
        yield _trials(bundle.judgement_name(side.name), side.judgement, contents.declaration)
        yield from _samples(bundle.judgement_name(side.name), side.judgement)
        yield _plan(side, contents, plan_of)
        yield _code(side)
    yield _anew(contents)
    yield _claim(contents)
    yield from _left_open(contents)


def _problem(contents: Contents) -> Row:
    declared = contents.declaration
    oracle = None if contents.oracle is None else sha256(contents.oracle)
    if declared.sha256 != sha256(contents.problem):
        return refused(bundle.PROBLEM, f"{bundle.DECLARATION} is of another file: its hash differs")
    if declared.oracle != oracle:
        return refused(bundle.ORACLE, f"{bundle.DECLARATION} is of another oracle: its hash differs")
    if wrong := next(_misdeclared(declared), ""):
        return refused(bundle.DECLARATION, wrong)
    return holds(bundle.PROBLEM, f"{declared.file_name} is the file that the declaration names by its hash")


def _misdeclared(declared: Declaration) -> Iterator[str]:
    """What no problem can declare: a name twice, cases of other dimensions than each other."""
    for what, named in (("argument", declared.arguments), ("benchmark", declared.benchmarks), ("test", declared.tests)):
        if twice := _twice([each.name for each in named]):
            yield f"it declares the {what} {twice} twice"
    dims = [case.dims.keys() for case in (*declared.benchmarks, *declared.tests)]
    if any(each != dims[0] for each in dims):
        yield "its cases do not give sizes to the same dimensions"


def _twice(names: Sequence[str]) -> str:
    """One that is there more than once, or ""."""
    return next((name for name, count in Counter(names).items() if count > 1), "")


def _identity(side: Side) -> Row:
    said, name = side.judgement, bundle.kernel_name(side.name)
    if said.text_sha256 != sha256(side.text.encode()):
        return refused(name, "the judgement is of another text: its hash differs")
    try:
        own = Candidate(side.text, said.defines).id
    except ValueError as error:
        return refused(name, f"it can be no candidate: {error}")
    if said.candidate != own:
        return refused(name, f"the judgement names candidate {said.candidate}, which is another text or other values")
    return holds(name, f"candidate {said.candidate} is the hash of this text and its values")


def _verdict(part: str, said: Judgement, contents: Contents) -> Row:
    failed = [check.name for check in said.checks if not check.passed]
    if said.status != Status.PASSED or failed or not said.checks:
        checks = counted(len(said.checks), "check")
        why = f"check {failed[0]} failed" if failed else f"status {said.status} with {checks}"
        return refused(part, f"only a passed verdict has a score, and this one has {why}")
    if (said.device, said.how) != (contents.claim.device, contents.claim.how):
        return refused(part, f"it is of {said.device} ({said.how}), and the claim of another device or way of timing")
    if said.mode not in THOROUGH:
        mode = said.mode or "that it does not name"
        return refused(part, f"it was judged in mode {mode}, and only full checks make a claim")
    worst = max((trial.error_ratio for trial in said.trials), default=0.0)
    if worst > 1:
        return refused(part, f"an error of {worst:.3g} tolerances cannot have passed")
    return holds(part, f"passed, with all of {counted(len(said.checks), 'check')} passed")


def _figures(part: str, said: Judgement, declared: Declaration) -> Row:
    """The score from the cases, the cases from their steps."""
    weights = {case.name: case.weight for case in declared.benchmarks}
    if [case.name for case in said.cases] != list(weights):
        return refused(part, "its cases are not the benchmark cases that the problem declares")
    wrong = next((words for case in said.cases for words in _wrong_case(case, said)), "")
    if wrong:
        return refused(part, wrong)
    try:
        score = score_of(said.cases, weights)
    except (ValueError, ArithmeticError) as error:
        return refused(part, f"its cases come to no score ({error})")
    if not math.isclose(score, said.score_us, rel_tol=CLOSE):
        return refused(part, f"its score is {said.score_us:.6g} us, and its cases come to {score:.6g}")
    return holds(part, f"{said.score_us:.4g} us is the weighted geometric mean of its {counted(len(weights), 'case')}")


def score_of(cases: Sequence[CaseFigures], weights: Mapping[str, float]) -> float:
    """The weighted geometric mean of the cases' times, in microseconds."""
    total = sum(weights[case.name] * math.log(case.time_us) for case in cases)
    return math.exp(total / sum(weights[case.name] for case in cases))


def _wrong_case(case: CaseFigures, said: Judgement) -> Iterator[str]:
    if not case.time_us > 0:
        yield f"case {case.name} has no time"
    times = [step.time_us for step in case.steps]
    known = [time for time in times if time is not None]
    if said.how == "modelled" and times and not math.isclose(sum(known), case.time_us, rel_tol=CLOSE):
        yield f"case {case.name}: its launches take {sum(known):.6g} us together, not {case.time_us:.6g}"
    summed: Counter[str] = Counter()
    for step in case.steps:
        summed.update(step.counts)
    if case.steps and dict(summed) != case.counts:
        yield f"case {case.name}: its counts are not the sums over its launches"
    launches = said.launches.get(case.name, ())
    if said.measured is None and len(case.steps) != len(launches):
        told = counted(len(case.steps), "launch")
        yield f"case {case.name}: it has figures of {told}, and its plan has {len(launches)}"
    if any(step.counts.keys() != case.counts.keys() for step in case.steps):
        yield f"case {case.name}: a launch has other counters than the case"
    timed = [trial.error_ratio for trial in said.trials if trial.timed and trial.case == case.name]
    if said.trials and timed != [case.error_ratio]:
        yield f"case {case.name}: its error is not that of its one timed trial"


def _trials(part: str, said: Judgement, declared: Declaration) -> Row:
    if said.seed is None or not (said.trials or said.measured):
        missing = "seed is" if said.seed is None else "trials are"
        return refused(part, f"its {missing} not there, and without them nobody can draw its inputs again")
    if said.measured and not said.trials and SEED.fullmatch(said.seed):
        return unchecked(part, f"calls were drawn from seed {said.seed}, and how many depended on the card's noise")
    if not SEED.fullmatch(said.seed):
        return refused(part, "its seed is none")
    names = {case.name for case in (*declared.tests, *declared.benchmarks)}
    if {trial.case for trial in said.trials} != names:
        return refused(part, "its trials are not of the cases that the problem declares")
    timed = [trial.case for trial in said.trials if trial.timed]
    if said.how == "modelled" and timed != [case.name for case in declared.benchmarks]:
        return refused(part, "its timed trials are not one of each benchmark case")
    inputs = {each.name for each in declared.arguments if each.role in ("in", "inout")}
    outputs = {each.name for each in declared.arguments if each.role in ("out", "inout")}
    if any((set(trial.inputs), set(trial.outputs)) != (inputs, outputs) for trial in said.trials):
        return refused(part, "a trial has hashes of other arguments than the problem declares")
    if twice := [trial.case for place, trial in enumerate(said.trials) if trial in said.trials[:place]]:
        return refused(part, f"one of its trials, of case {twice[0]}, is there twice")
    covered = f"{counted(len(said.trials), 'trial')} of all {counted(len(names), 'case')}"
    return holds(part, f"{covered}; seed {said.seed} draws them again")


def _samples(part: str, said: Judgement) -> Iterator[Row]:
    """Where calls were timed one by one, medians and intervals are worked out again from them."""
    if said.measured is None:
        if said.how == "measured":
            yield refused(part, "it was measured, and its samples are not there")
        return
    wrong = next(faults(said.measured, {case.name: case.time_us for case in said.cases}), "")
    if wrong:
        yield refused(part, wrong)
        return
    if said.device.startswith(COUNTED):
        # They would take the place of counts and trials, which a run on the recorded seed is compared with.
        yield refused(part, f"it has samples of single calls, and {said.device} times none")
        return
    count, card = len(said.measured.samples), said.measured.card.name
    yield holds(part, f"times, ratios and intervals, worked out again from {counted(count, 'call')} on {card}")


def _plan(side: Side, contents: Contents, plan_of: PlanOf) -> Row:
    said, part = side.judgement, bundle.kernel_name(side.name)
    try:
        launches, macros = plan_of(side.text, said.defines, contents.declaration, contents.origin.properties)
    except ValueError as error:
        return refused(part, f"its plan cannot be read again: {error}")
    if dict(macros) != said.macros:
        return refused(part, "the values that its plan rests on are not those recorded")
    differing = [case for case in launches.keys() | said.launches.keys() if _differ(launches, said.launches, case)]
    if differing:
        return refused(part, f"case {min(differing)}: its plan gives other launches than those recorded")
    steps = sum(map(len, launches.values()))
    recorded = f"{steps:,} recorded {nouns(steps, 'launch')} on {counted(len(launches), 'case')}"
    return holds(part, f"its plan, read again, gives the {recorded}")


def _differ(one: Mapping[str, Sequence[Launch]], other: Mapping[str, Sequence[Launch]], case: str) -> bool:
    return list(one.get(case, ())) != list(other.get(case, ()))


def _code(side: Side) -> Row:
    part, compiled = bundle.ptx_name(side.name), side.judgement.compiled
    if side.ptx is None:
        return unchecked(part, "the compiled code is not in the bundle")
    if compiled is None:
        return refused(part, "it is there, and the judgement names no compiled code")
    if compiled.ptx_sha256 != sha256(side.ptx):
        return refused(part, "the judgement is of other PTX: its hash differs")
    text = side.ptx.decode(errors="replace")
    absent = [kernel.symbol for kernel in compiled.kernels if f".entry {kernel.symbol}(" not in text]
    if absent:
        return refused(part, f"it has no kernel {absent[0]}, which the judgement names")
    if twice := _twice([kernel.symbol for kernel in compiled.kernels]):
        return refused(part, f"the judgement names kernel {twice} twice")
    if missing := sorted(_launched(side.judgement) - {_head(kernel.name) for kernel in compiled.kernels}):
        return refused(part, f"{missing[0]} is launched, and is not among its kernels")
    kernels = counted(len(compiled.kernels), "kernel")
    return holds(part, f"{compiled.compiler} for {compiled.arch}: its hash and its {kernels} fit")


def _launched(said: Judgement) -> set[str]:
    """The kernels of its plan; a clear has no sizes."""
    return {_head(step.kernel) for steps in said.launches.values() for step in steps if step.grid is not None}


def _head(kernel: str) -> str:
    """A Triton kernel is compiled once for each kind of its arguments, which stand in parentheses."""
    return kernel.partition("(")[0]


def _anew(contents: Contents) -> Row:
    chosen, best = contents.chosen, contents.best.judgement
    if chosen is None:
        if contents.start is None:
            return holds("winner's curse", "nothing was chosen among several: this is one judgement")
        return unchecked("winner's curse", "the best was not judged anew, so that its figure may be partly luck")
    if other := next((name for name in SAME if getattr(chosen, name) != getattr(best, name)), ""):
        return refused(bundle.CHOSEN, f"it is of another kernel than the best: {other} differs")
    if chosen.seed is not None and chosen.seed == best.seed:
        return unchecked("winner's curse", f"it was judged anew with the same seed, {best.seed}: nothing new was drawn")
    verdict = _verdict(bundle.CHOSEN, chosen, contents)
    figures = _figures(bundle.CHOSEN, chosen, contents.declaration)
    trials = _trials(bundle.CHOSEN, chosen, contents.declaration)
    rows = (verdict, figures, trials, *_samples(bundle.CHOSEN, chosen))
    if wrong := next((row for row in rows if row.state == "refused"), None):
        return wrong
    words = f"chosen by {chosen.score_us:.4g} us, judged anew on other inputs {best.score_us:.4g} us, which is claimed"
    return holds("winner's curse", words)


def _claim(contents: Contents) -> Row:
    claim, best = contents.claim, contents.best.judgement
    start, chosen = contents.start, contents.chosen
    start_us = start.judgement.score_us if start else None
    if not all(said.score_us > 0 for _, said in contents.judgements):
        return refused(bundle.CLAIM, "it rests on a judgement without a time")
    expected = {
        "kind": "faster" if start else "passes",
        "task": contents.declaration.name,
        "device": contents.origin.device,
        "how": contents.origin.how,
        "score_us": best.score_us,
        "start_us": start_us,
        "ratio": None if start_us is None else start_us / best.score_us,
        "ratio_when_chosen": None if start_us is None or chosen is None else start_us / chosen.score_us,
    }
    for name, value in expected.items():
        if getattr(claim, name) != value:
            return refused(bundle.CLAIM, f"{name} is {getattr(claim, name)}, and the judgements say {value}")
    if claim.band < 0 or claim.words != claim_words(claim, len(best.checks), len(best.cases)):
        return refused(bundle.CLAIM, "its words are not what its figures say")
    return holds(bundle.CLAIM, "worked out again from the judgements")


def _left_open(contents: Contents) -> Iterator[Row]:
    origin = contents.origin
    yield unchecked(HAPPENED, "hashes alone show consistency only: a run of one's own (--rerun) shows more")
    words = f"{contents.declaration.file_name} is trusted Python, and was not executed: read it before you use --rerun"
    yield unchecked(PROBLEM_CODE, words)
    if any(side.judgement.compiled for side in contents.sides):
        yield unchecked("machine code", "the cubin is recorded by its hash, and is not in the bundle")
    if origin.harness:
        yield unchecked("harness", f"what proposed the kernel is recorded by its hash, {origin.harness[:16]}, only")
    if origin.asked.include_folders:
        folders = ", ".join(origin.asked.include_folders)
        yield unchecked("headers", f"the folders given with -I are not in the bundle ({folders})")
