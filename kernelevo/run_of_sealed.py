"""The sealed test of the domain legal: answers first, then labels, opened once for each claim; and LawBench's task."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kernelevo.counting import counted
from kernelevo.errors import BadInput, NotInstalled
from kernelevo.joining_choices import ChoiceRequest, check_choice, chosen
from kernelevo.loop.ledger import open_sealed, openings, require_unopened, same_claim, write_outcome
from kernelevo.settings import Settings

if TYPE_CHECKING:
    from kernelevo.backends.legal.asking import Answers, Asked, Read
    from kernelevo.backends.legal.data import Cases
    from kernelevo.backends.legal.evidence import Evidence
    from kernelevo.backends.pipelines import Pipeline
    from kernelevo.joining_choices import Chosen

Say = Callable[[str], None]
LONGEST_PIPELINE = 1 << 16


@dataclass(frozen=True)
class SealedRequest:
    """Cases whose charges are told, the pipeline that tells others', and those: of `test`, or `lawbench`'s questions.
    `labels` are those of `test`, opened for `claim`; answers go to `out`.
    """

    train: Path
    pipeline: Path
    test: Path | None = None
    lawbench: Path | None = None
    labels: Path | None = None
    claim: str | None = None
    out: Path | None = None
    networks: int = 0
    """How many networks are trained by the told cases' charges first."""
    choice: ChoiceRequest | None = None
    """A language model that chooses among the pipeline's likeliest charges."""

    def __post_init__(self) -> None:
        if (self.test is None) == (self.lawbench is None):
            raise BadInput("give the cases that are asked for: --test FILE, or --lawbench FILE")
        if self.lawbench is not None and (self.labels or self.claim):
            raise BadInput("--lawbench has its answers in its own file; leave out --labels and --claim")
        if self.labels is not None and self.claim is None:
            raise BadInput("--labels are opened once for each claim; say with --claim WORDS what they are to show")

    @property
    def place(self) -> Path:
        """Where the answers go."""
        return self.out or Path("predictions.csv" if self.lawbench is None else "lawbench-3-3.json")

    @property
    def replies(self) -> Path:
        """Where the replies of the model that chooses go."""
        return self.place.with_name(f"{self.place.name}.choices.jsonl")


@dataclass(frozen=True)
class Answered:
    """`found` are the answers, and `own` those of the pipeline alone, which are the same where no model `chose`."""

    found: Answers
    own: Answers
    chose: Chosen | None

    def plain(self) -> dict[str, Any]:
        return {} if self.chose is None else {"choice": self.chose.plain()}


def start_sealed(request: SealedRequest, settings: Settings, say: Say) -> dict[str, Any]:
    """What came of it, as plain values; raises BadInput for what cannot be read, and where labels are not there."""
    try:
        from kernelevo.backends.legal.data import read_cases
        from kernelevo.backends.legal.evidence import open_evidence
    except ImportError as error:
        raise NotInstalled(f"the backend legal needs {error.name}: pip install 'kernelevo[legal]'") from error

    _require_place(request)
    pipeline, text = _read_pipeline(request.pipeline)
    cases, evidence = read_cases(request.train), open_evidence(settings.statutes, settings.texts)
    for note in (*cases.notes, *evidence.of_charges(cases.charges)):
        say(note)
    read = _reads(pipeline, request.networks, evidence)
    if request.choice is not None:
        check_choice(request.choice, cases)
    if request.lawbench is not None:
        return _lawbench(request, request.lawbench, cases, read, say)
    return _sealed(request, cases, read, text + evidence.key, settings, say)


def _require_place(request: SealedRequest) -> None:
    """Raises BadInput before anything is computed if nothing can be written there, or what is read would be lost."""
    folder = request.place.parent
    given = (request.train, request.pipeline, request.test, request.lawbench, request.labels)
    read = {each.resolve() for each in given if each is not None}
    for out in (request.place, request.replies) if request.choice is not None else (request.place,):
        if out.resolve() in read:
            raise BadInput(f"--out {out} would be written over what is read from it; name another file")
        if out.is_dir() or not folder.is_dir() or not os.access(out if out.exists() else folder, os.W_OK):
            raise BadInput(
                f"answers cannot be written to {out}; give --out FILE in a folder that is there and writable"
            )


def _reads(pipeline: Pipeline, networks: int, evidence: Evidence) -> Read:
    from kernelevo.backends.legal.asking import pipeline_reads
    from kernelevo.joining_backends import brings_agent

    if networks and not brings_agent("legal"):
        raise NotInstalled("--train-network needs torch and peft: pip install 'kernelevo[lora]'")
    return pipeline_reads(pipeline, networks, evidence)


def _answered(request: SealedRequest, read: Read, cases: Cases, facts: Sequence[str], say: Say) -> Answered:
    """By the pipeline, and then by the model that chooses, where there is one."""
    from kernelevo.backends.legal.asking import answers
    from kernelevo.backends.legal.choosing import offers, require_candidates

    reading = read(cases, facts)
    own = answers(reading.votes, facts, cases.charges)
    if request.choice is None:
        return Answered(own, own, None)
    require_candidates(request.choice.candidates, cases)
    given = offers(cases, facts, reading, request.choice.candidates)
    chose = chosen(request.choice, given, reading.votes, own, request.replies, say)
    for line in chose.lines():
        say(line)
    return Answered(chose.choice.answers, own, chose)


def _read_pipeline(path: Path) -> tuple[Pipeline, str]:
    from kernelevo.backends.legal.pipeline import SPACE
    from kernelevo.backends.pipelines import NoPipeline

    try:
        with path.open("rb") as file:
            text = file.read(LONGEST_PIPELINE).decode(errors="replace")
        pipeline = SPACE.read(text)
    except (OSError, ValueError) as error:  # NoPipeline is a ValueError
        said = str(error) if isinstance(error, NoPipeline) else f"{type(error).__name__}"
        raise BadInput(f"--pipeline {path} is no pipeline of the domain legal ({said}); docs/domains.md") from error
    if pipeline.network:  # of other cases, and on this machine alone
        raise BadInput(
            f"--pipeline {path} names the network {pipeline.network}, which is not used here: leave the line out, and "
            "give --train-network to have one trained on the cases of --train"
        )
    return pipeline, text


def _sealed(
    request: SealedRequest, cases: Cases, read: Read, text: str, settings: Settings, say: Say
) -> dict[str, Any]:
    """`text` tells this reading from others."""
    from kernelevo.backends.legal.asking import read_asked, write_answers

    asked = read_asked(request.test or Path())
    asking = _asking(request, f"{cases.key} {asked.key} {text} {request.networks}")
    say(asked.note)
    if request.claim is not None:
        require_unopened(settings.runs, request.claim, _stopped(settings.runs, request.claim, asking))
    found = _answered(request, read, cases, asked.facts, say)
    out, stopped = request.place, _stopped(settings.runs, request.claim or "", asking)
    new = out.with_name(f"{out.name}.new")
    write_answers(new, asked, found.found)
    run = f"{asking}-{hashlib.sha256(new.read_bytes()).hexdigest()[:8]}"
    if stopped not in ("", run):
        raise BadInput(
            f"the labels were opened for this claim and other answers (run {stopped}), which {out} may still hold; "
            f"these, in {new}, would be another look: name another claim"
        )
    new.replace(out)
    say(f"answers to {counted(len(asked.ids), 'case')}, from {counted(len(cases.facts), 'told case')}: {out}")
    if request.labels is None or not request.labels.is_file():
        raise BadInput(_lacking(request, asked, out))
    opened = _opened(request, run, cases, asked, found, settings, say)
    return {"run": run, "predictions": str(out), **found.plain(), **opened}


def _asking(request: SealedRequest, words: str) -> str:
    """How the name of the answers on the ledger begins: who answers what, told what. It ends with the answers' own
    hash: a model may say something else when it is asked again.
    """
    choice = "" if request.choice is None else f" {request.choice.key}"
    return "sealed-" + hashlib.sha256(f"{words}{choice}".encode()).hexdigest()[:12]


def _stopped(runs: Path, claim: str, asking: str) -> str:
    """The run that opened the labels for this claim and was stopped before its outcome, if it asked the same."""
    mine = [each.run for each in openings(runs) if each.run.startswith(asking) and same_claim(each.claim, claim)]
    return mine[0] if mine else ""


def _lacking(request: SealedRequest, asked: Asked, out: Path) -> str:
    what = "no --labels are given" if request.labels is None else f"--labels {request.labels} is no file"
    return (
        f"{what}, so that nothing is scored and no claim is used up: the labels of the {len(asked.ids):,} test cases "
        f"are not part of kernelevo; the answers are written to {out}; give --labels FILE (a .csv with the columns id "
        "and label, as whoever made the test has it) and --claim WORDS"
    )


def _opened(
    request: SealedRequest, run: str, cases: Cases, asked: Asked, answered: Answered, settings: Settings, say: Say
) -> dict[str, Any]:
    """Labels are read only here, after the answers are on disk and the opening on the ledger."""
    from kernelevo.backends.legal.asking import read_labels
    from kernelevo.backends.legal.sealed import beside, outcome

    claim, task = request.claim or "", f"legal-test-{asked.key[:16]}"
    before = [each for each in openings(settings.runs) if task in each.tasks and not same_claim(each.claim, claim)]
    open_sealed(settings.runs, claim, run, [task])
    labels = read_labels(request.labels or Path(), asked)
    result = outcome(cases, asked.facts, answered.found, labels)
    write_outcome(settings.runs, claim, run, {"words": result.words(), **result.plain()})
    tries = ", so that chance has had as many tries" if before else ""
    say(f"claim {claim.strip()!r}: opening {len(before) + 1} of these labels on the ledger of {settings.runs}{tries}")
    for line in result.lines():
        say(line)
    told = {"claim": claim.strip(), "openings_before": len(before), **result.plain()}
    if answered.chose is not None:
        own, less = beside(cases, answered.found, answered.own, labels)
        say(f"the pipeline alone: accuracy {own.words()}")
        say(less.words("these answers", "the pipeline alone"))
        told |= {"pipeline_alone": own.plain(), "less_the_pipeline": asdict(less)}
    return told


def _lawbench(request: SealedRequest, path: Path, cases: Cases, read: Read, say: Say) -> dict[str, Any]:
    from kernelevo.backends.legal.lawbench import read_questions, rows_for, scores_of, without_alike, write_replies
    from kernelevo.backends.legal.reference import NAME, reference_told
    from kernelevo.backends.legal.scoring import lawbench_f1, strict_f1

    questions = read_questions(path)
    known = without_alike(cases, questions.facts)
    say(questions.note)
    say(f"{counted(len(cases.facts) - len(known.facts), 'told case')} alike to a question left out")
    answered = _answered(request, read, known, questions.facts, say)
    out = request.place
    write_replies(out, rows_for(questions, answered.found.every()))
    loose, strict = scores_of(out)
    told = [known.charges[each] for each in reference_told(known.facts, known.labels, questions.facts)]
    rows = rows_for(questions, told).values()
    held = [rule([row["prediction"] for row in rows], questions.answers).f1 for rule in (lawbench_f1, strict_f1)]
    say(f"replies to {counted(len(questions.facts), 'question')}: {out}")
    say(f"LawBench F1 {loose.f1:.4f}, strict F1 {strict.f1:.4f}, abstentions {loose.abstentions:.4f}")
    say(f"reference ({NAME}): LawBench F1 {held[0]:.4f}, strict F1 {held[1]:.4f}")
    return {
        **answered.plain(), "replies": str(out), "questions": len(questions.facts), "told_cases": len(known.facts),
        "told_cases_left_out": len(cases.facts) - len(known.facts), "lawbench_f1": loose.f1, "strict_f1": strict.f1,
        "abstentions": loose.abstentions, "reference": {"is": NAME, "lawbench_f1": held[0], "strict_f1": held[1]},
    }  # fmt: skip
