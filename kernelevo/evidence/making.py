"""From what a run or a check came to, to the members of a bundle. Nothing is judged here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kernelevo.evidence import bundle, canonical
from kernelevo.evidence.bundle import Bundle
from kernelevo.evidence.documents import (
    Argument,
    CaseFigures,
    CaseSizes,
    CheckMade,
    Claim,
    Compiled,
    Declaration,
    Judgement,
    Kernel,
    Launch,
    Origin,
    Step,
    Trial,
)
from kernelevo.evidence.manifest import sha256
from kernelevo.evidence.samples import measured_of
from kernelevo.evidence.wording import claim_words
from kernelevo.kernel.arguments import Scalar, Tensor
from kernelevo.kernel.cases import Case
from kernelevo.kernel.languages import Language
from kernelevo.kernel.problem import Problem
from kernelevo.types import Attempt, CaseResult, Figure, Image, StepReport, Verdict

Launches = Mapping[str, Sequence[Launch]]


@dataclass(frozen=True)
class Exhibit:
    """One kernel that passed: its attempt, its plan's launches by case with the macros that they rest on, and its image
    where that is at hand.
    """

    attempt: Attempt
    launches: Launches
    macros: Mapping[str, int]
    image: Image | None = None


@dataclass(frozen=True)
class Matter:
    """All that a bundle is made of. `start` is there where the claim is a gain, `chosen` where the best was judged
    anew.
    """

    origin: Origin
    problem: Problem
    problem_text: bytes
    language: Language
    band: float
    best: Exhibit
    start: Exhibit | None = None
    chosen: Attempt | None = None
    oracle: bytes | None = None


def make(matter: Matter) -> Bundle:
    """The sealed bundle; raises ValueError where a verdict did not pass."""
    declaration = declare(matter.problem, matter.problem_text, matter.language, matter.oracle)
    members = {
        bundle.CLAIM: canonical.write(_claim(matter)),
        bundle.ORIGIN: canonical.write(matter.origin),
        bundle.PROBLEM: matter.problem_text,
        bundle.DECLARATION: canonical.write(declaration),
        **_side(bundle.BEST, matter.best),
    }
    if matter.start is not None:
        members |= _side(bundle.START, matter.start)
    if matter.chosen is not None:
        chosen = Exhibit(matter.chosen, matter.best.launches, matter.best.macros)
        members[bundle.CHOSEN] = canonical.write(judgement(chosen))
    if matter.oracle is not None:
        members[bundle.ORACLE] = matter.oracle
    return bundle.seal(members)


def _side(side: str, exhibit: Exhibit) -> dict[str, bytes]:
    members = {
        bundle.kernel_name(side): exhibit.attempt.candidate.text.encode(),
        bundle.judgement_name(side): canonical.write(judgement(exhibit)),
    }
    if exhibit.image is not None:
        members[bundle.ptx_name(side)] = exhibit.image.ptx.encode()
    return members


def _claim(matter: Matter) -> Claim:
    best = score_of(matter.best.attempt.verdict)
    start = matter.start and score_of(matter.start.attempt.verdict)
    chosen = matter.chosen and score_of(matter.chosen.verdict)
    claim = Claim(
        kind="faster" if start else "passes",
        words="",
        task=matter.problem.name,
        device=best.device,
        how=best.how,
        band=matter.band,
        score_us=best.microseconds,
        start_us=start.microseconds if start else None,
        ratio=start.ratio(best) if start else None,
        ratio_when_chosen=start.ratio(chosen) if start and chosen else None,
    )
    verdict = matter.best.attempt.verdict
    return claim.model_copy(update={"words": claim_words(claim, len(verdict.checks), len(verdict.cases))})


def score_of(verdict: Verdict) -> Figure:
    if verdict.score is None:
        raise ValueError(f"candidate {verdict.candidate} is {verdict.status}: only what passed is claimed")
    return verdict.score


def declare(problem: Problem, text: bytes, language: Language, oracle: bytes | None) -> Declaration:
    tolerance = problem.tolerance
    return Declaration(
        name=problem.name,
        file_name=problem.path.name if problem.path else f"{problem.name}.problem.py",
        sha256=sha256(text),
        language=language.name,
        suffix=language.suffix,
        arguments=[_argument(each) for each in problem.arguments],
        benchmarks=[_sizes(case) for case in problem.benchmarks],
        tests=[_sizes(case) for case in problem.tests],
        compute_dtype=str(problem.compute_dtype),
        tolerance=None if tolerance is None else repr(tolerance),
        oracle=None if oracle is None else sha256(oracle),
        oracle_name=None if problem.oracle is None else problem.oracle.name,
    )


def _argument(argument: Tensor | Scalar) -> Argument:
    if isinstance(argument, Scalar):
        return Argument(
            name=argument.name, dtype=str(argument.dtype), role="scalar", shape=[], aligned=0, value=argument.value
        )
    return Argument(
        name=argument.name, dtype=str(argument.dtype), role=argument.role, shape=[str(each) for each in argument.shape],
        aligned=argument.aligned, value=None,
    )  # fmt: skip


def _sizes(case: Case) -> CaseSizes:
    return CaseSizes(name=case.name, dims=dict(case.dims), weight=float(case.weight))


def judgement(exhibit: Exhibit) -> Judgement:
    """One verdict as a document. Counts by source line are left out: `kernelevo profile` gives them again."""
    candidate, verdict = exhibit.attempt.candidate, exhibit.attempt.verdict
    score, drawn, searched = score_of(verdict), verdict.provenance, verdict.sanitizing
    return Judgement(
        candidate=candidate.id,
        text_sha256=sha256(candidate.text.encode()),
        defines=dict(candidate.defines),
        proposer=candidate.proposer,
        moves=list(candidate.moves),
        device=verdict.device,
        how=score.how,
        status=verdict.status.value,
        feedback=verdict.feedback,
        score_us=score.microseconds,
        checks=[CheckMade(name=each.name, passed=each.passed, detail=each.detail) for each in verdict.checks],
        remarks=[f"{each.kind}: {each.message}" for each in verdict.remarks],
        not_checked=list(searched.not_checked) if searched else [],
        cases=[_case(case) for case in verdict.cases],
        seed=drawn.seed if drawn else None,
        mode=drawn.mode if drawn else None,
        trials=[Trial(**{**vars(each), "inputs": dict(each.inputs), "outputs": dict(each.outputs)})
                for each in (drawn.trials if drawn else ())],
        measured=measured_of(verdict.measurements) if verdict.measurements else None,
        compiled=_compiled(verdict),
        macros=dict(exhibit.macros),
        launches={case: list(steps) for case, steps in exhibit.launches.items()},
        seconds=float(verdict.seconds),
    )  # fmt: skip


def _case(case: CaseResult) -> CaseFigures:
    return CaseFigures(
        name=case.name, time_us=case.time.microseconds, limiter=case.limiter, error_ratio=float(case.max_error_ratio),
        counts=dict(case.counters), steps=[_step(step) for step in case.steps],
    )  # fmt: skip


def _step(step: StepReport) -> Step:
    time = step.time.microseconds if step.time else None
    return Step(kernel=step.kernel, time_us=time, limiter=step.limiter, counts=dict(step.counts))


def _compiled(verdict: Verdict) -> Compiled | None:
    """None where a verdict keeps no hashes (one of an earlier version, or of a scripted judge)."""
    said = dict(verdict.image)
    if "ptx_sha256" not in said:
        return None
    kernels = [Kernel(**kernel) for kernel in said.pop("kernels")]
    return Compiled(**said, kernels=kernels)
