"""What a model is told of attempts: where a passed one's time goes, and how a failed one failed.

A verdict's own words on a wrong output hold expected values, and any words may hold the sizes of a test or a place on
this machine. None of these goes into a prompt: what is told is put together from what is known to be free of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from kernelevo.answer import compared_words
from kernelevo.diagnosis.bounds import resource
from kernelevo.diagnosis.diagnose import diagnose
from kernelevo.diagnosis.subject import Subject
from kernelevo.types import Attempt, CaseResult, Status, Verdict

MOST_DIAGNOSTICS = 4
LONGEST_WORDS = 400
_PATH = re.compile(r"(?<![\w.<])(?:[A-Za-z]:)?(?:/[^\s:;,'\"()<>]+)+/([^\s/:;,'\"()<>]+)")
_SIZE = re.compile(r"\b[A-Za-z_]\w*=\d+(?:, ?[A-Za-z_]\w*=\d+)*")
_SHARE = re.compile(r"\((\d{1,3}(?:\.\d{1,9})?(?:e-\d{1,3})?) %\)")


def profile_words(verdict: Verdict, file_name: str, findings: int) -> str:
    """A passed verdict: per timed case its time, what bounds it, and what the diagnosis of its launches finds."""
    return "\n".join(line for case in verdict.cases for line in _case(case, file_name, findings))


def _case(case: CaseResult, file_name: str, findings: int) -> Iterator[str]:
    limit = f", limited by {resource(case.limiter)}" if case.limiter else ""
    yield f"- {case.name}: {case.time.value:.4g} {case.time.unit} ({case.time.how}){limit}"
    for step in case.steps:
        subject = Subject(step, step.kernel, file_name, dims=case.dims)
        for finding in diagnose(subject)[:findings]:
            said = f"{finding.statement}. What usually helps: {finding.advice}" if finding.advice else finding.statement
            yield f"  - {step.kernel}: {without_paths(said)}"


def tried_words(parent: Attempt, children: Sequence[Attempt], band: float, most: int) -> str:
    """What was made of the parent, the latest `most` in order, and how each went."""
    told = [child for child in children if child.verdict.status is not Status.INFRA][-most:] if most else []
    return "\n".join(f"- {_change(parent, child)}: {outcome_words(child.verdict, parent, band)}" for child in told)


def _change(parent: Attempt, child: Attempt) -> str:
    moves = child.candidate.moves[len(parent.candidate.moves) :] or child.candidate.moves[-1:]
    return scrubbed(" then ".join(moves)) or "a change"


def outcome_words(verdict: Verdict, parent: Attempt, band: float) -> str:
    """How an attempt went, free of expected values, of test sizes and of paths."""
    if verdict.score is not None:
        if parent.verdict.score is None:
            return f"passed, {verdict.score.value:.4g} {verdict.score.unit}"
        compared = compared_words(parent.verdict.score, verdict.score, band, "this one")
        return f"passed, {verdict.score.value:.4g} {verdict.score.unit}, {compared}"
    details = " ".join(_details(verdict))
    return f"{verdict.status.value}: {verdict.status.sentence}{f' {details}' if details else ''}"


def _details(verdict: Verdict) -> Iterator[str]:
    if verdict.fault is not None:
        place = f" at line {verdict.fault.source.line}" if verdict.fault.source.line else ""
        yield scrubbed(f"{verdict.fault.kind} in {verdict.fault.kernel}{place}.")
    errors = [diagnostic for diagnostic in verdict.diagnostics if diagnostic.severity == "error"]
    yield from (scrubbed(f"line {each.line}: {each.message}") for each in errors[:MOST_DIAGNOSTICS])
    if verdict.status is Status.WRONG and (share := _SHARE.search(verdict.feedback)):
        # Rounded, since the exact share would tell the size of a test.
        yield f"About {float(share[1]):.1g} % of the elements of an output differ."
    if verdict.status is Status.RULE_BROKEN:
        yield scrubbed(verdict.feedback.split("\n")[0])


def scrubbed(words: str) -> str:
    """One line without absolute paths (their last part stays) and without sizes."""
    bare = _SIZE.sub("some sizes", without_paths(" ".join(words.split())))
    return bare if len(bare) <= LONGEST_WORDS else bare[: LONGEST_WORDS - 3] + "..."


def without_paths(words: str) -> str:
    """The words with absolute paths cut down to their last part."""
    return _PATH.sub(lambda found: found[1], words)
