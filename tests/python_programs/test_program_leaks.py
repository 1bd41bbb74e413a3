"""What a program must not know is nowhere that it can look: planted as canaries and hunted by a program that walks its
files, environment, objects, frames and memory. Each way of looking has a control, in which a canary is put where it may
read and is found.
"""

from __future__ import annotations

import dataclasses
import json
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the extra `legal` is not installed")

from python_programs.hunting import WORD, hunter
from python_programs.texts import BY_PLACE
from scipy import sparse

from kernelevo.backends.legal.alike import alike
from kernelevo.backends.legal.backend import ChargeBackend, dealt
from kernelevo.backends.legal.data import Cases, cases_of, sample
from kernelevo.backends.legal.scoring import report
from kernelevo.backends.legal.session import PARTS
from kernelevo.backends.networks import Shelf
from kernelevo.backends.scrna.backend import DenoisingBackend
from kernelevo.backends.scrna.data import Dataset
from kernelevo.backends.scrna.scoring import dense_rows, score_guarded
from kernelevo.backends.scrna.thinning import split_molecules
from kernelevo.interfaces import ProgramCall, ProgramFailure
from kernelevo.learning import Split
from kernelevo.sandbox import Sandbox
from kernelevo.sandbox_programs import JailedPrograms, program_worker, request_of
from kernelevo.sandbox_scripted import ScriptedPrograms
from kernelevo.types import Candidate, Status, Verdict

SEED = 4


@pytest.fixture(scope="module")
def programs() -> Iterator[JailedPrograms]:
    found = JailedPrograms()
    yield found
    found.close()


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return Shelf(tmp_path_factory.mktemp("networks"))


def hunted(session: object, text: str, level: str = "judge") -> str:
    """What the hunter says, which has to have come to its end."""
    verdict = getattr(session, level)(Candidate(text), SEED)
    assert verdict.status is Status.TRAPPED, verdict.feedback
    assert "LookupError: hunted, found " in verdict.feedback
    return verdict.feedback.partition("found ")[2]


def places_of(cases: Cases) -> dict[Split, list[int]]:
    return dealt(cases, alike(cases.facts))


def with_canaries(cases: Cases, kept: set[int]) -> Cases:
    """The cases with a canary in the facts of all but these."""
    facts = [fact if place in kept else f"{fact}{WORD}{place:08x}。" for place, fact in enumerate(cases.facts)]
    pairs = [(fact, cases.charges[label]) for fact, label in zip(facts, cases.labels, strict=True)]
    found = dataclasses.replace(cases_of("canaries", pairs, cases.key, "canaries"), key=cases.key)
    assert places_of(found) == places_of(cases)
    return found


def test_cases_that_are_neither_told_nor_asked_for_the_environment_and_files_are_not_found(
    programs: JailedPrograms, shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of every split but the training's, and of the split's own other tasks."""
    secret = tmp_path / "labels.csv"
    secret.write_text(f"{WORD}0000f11e")
    monkeypatch.setenv("KERNELEVO_DATA", str(secret))
    monkeypatch.setenv("OPENAI_API_KEY", f"{WORD}00000e11")
    plain = sample()
    told, task = places_of(plain)[Split.TRAINING], "reward-cases-0"
    asked = ChargeBackend(plain, shelf).open(task)._asked.facts
    cases = with_canaries(plain, {*told, *map(plain.facts.index, asked)})
    backend = ChargeBackend(cases, shelf, programs=programs)
    session = backend.open(task)
    assert session._asked.facts == asked and not any(WORD in fact for fact in session._told.facts)
    others = [name for split in Split for name in backend.tasks(split) if split is not Split.TRAINING and name != task]
    every = [fact for name in others for fact in backend.open(name)._asked.facts]
    assert len(every) > 300 and all(WORD in fact for fact in every)
    for level in ("judge", "audit"):
        assert hunted(session, hunter(places=(str(secret), __file__)), level) == "nothing"


NOTHING_DONE = "def classify(facts, labels, questions, charges, seed): pass"


def test_what_it_is_given_is_the_told_cases_and_no_gold_label(shelf: Shelf) -> None:
    runner = ScriptedPrograms(lambda call: np.full(call.shape, 0.5))
    backend = ChargeBackend(sample(), shelf, programs=runner)
    for task in (backend.tasks(Split.GATE)[1], backend.tasks(Split.TRAINING)[1]):
        runner.asked.clear()
        session = backend.open(task)
        session.judge(Candidate(NOTHING_DONE), SEED)
        asked, told = runner.asked, session._told
        call = asked[0]
        facts, labels, _, charges = call.arguments
        questions = [question for each in asked for question in each.arguments[2]]
        assert len(asked) == PARTS and all(each.arguments[0] == facts for each in asked)
        assert all(each.arguments[1].tolist() == labels.tolist() for each in asked)
        assert facts == list(told.facts) and labels.tolist() == told.labels.tolist()
        assert sorted(questions) == sorted(session._asked.facts) and len(charges) == 30
        assert len(facts) > 250 and set(facts).isdisjoint(questions)
        head = json.loads(request_of(call).head)
        assert set(head) == {"text", "function", "arguments", "seed", "shape"} and head["seed"] != SEED
        assert len(request_of(call).blobs) == 1


def test_who_looks_a_question_up_among_the_told_cases_finds_none(programs: JailedPrograms, shelf: Shelf) -> None:
    """Not on tasks of the split whose charges are told, either, where the control finds them."""
    text = (
        "import numpy as np\ndef classify(facts, labels, questions, charges, seed):\n"
        "    known = dict(zip(facts, labels))\n"
        "    return np.eye(len(charges))[[known.get(each, 0) for each in questions]]\n"
    )
    backend = ChargeBackend(sample(), shelf, programs=programs)
    session = backend.open("training-cases-0")
    assert accuracy_of(session.judge(Candidate(text), SEED)) < 0.15
    session._told = backend._told()
    assert accuracy_of(session.judge(Candidate(text), SEED)) > 0.8


def test_no_call_tells_how_many_cases_of_each_charge_are_asked_for(shelf: Shelf) -> None:
    """Of each charge the same share is dealt to a split: who knew of a task's, or saw all of its questions at once,
    could deal them out by it.
    """
    runner = ScriptedPrograms(lambda call: np.full(call.shape, 0.5))
    backend = ChargeBackend(sample(5, 160), shelf, programs=runner)
    whole = sum(np.bincount(backend.open(task)._asked.labels, minlength=5) for task in backend.tasks(Split.REWARD))
    assert set(whole) == {24}
    uneven, seen = 0, set()
    for task in backend.tasks(Split.REWARD):
        session = backend.open(task)
        charge = dict(zip(session._asked.facts, session._asked.labels.tolist(), strict=True))
        of_task = np.bincount(session._asked.labels, minlength=5)
        assert len(set(of_task)) > 1
        for seed in range(5):
            session.judge(Candidate(NOTHING_DONE), seed)
            for call in runner.asked[-PARTS:]:
                counts = np.bincount([charge[fact] for fact in call.arguments[2]], minlength=5)
                assert len(call.arguments[2]) == len(charge) // PARTS
                uneven += not np.allclose(counts, of_task / PARTS, atol=0.5)
                seen.add(tuple(counts))
    assert len(runner.asked) == 15 * PARTS and uneven >= 54 and len(seen) > 30


def accuracy_of(verdict: Verdict) -> float:
    assert verdict.status is Status.PASSED, verdict.feedback
    return float(verdict.feedback.partition("accuracy ")[2].partition(",")[0])


def test_the_order_of_questions_does_not_tell_their_charges(programs: JailedPrograms, shelf: Shelf) -> None:
    made = dict[str, object]()
    exec(BY_PLACE, made)
    for cases, most, least in ((sample(), 0.15, 0.35), (sample(5, 160), 0.4, 0.7)):
        backend = ChargeBackend(cases, shelf, programs=programs)
        for task in backend.tasks(Split.REWARD):
            session = backend.open(task)
            assert accuracy_of(session.judge(Candidate(BY_PLACE), SEED)) < most
            # The control: in the order of the file, the same program knows most.
            told, asked = session._told, session._asked
            known = made["classify"](list(told.facts), told.labels, list(asked.facts), list(cases.charges), 0)
            assert report(asked.labels, known).accuracy > least


MARKED = (20_000_000_011, 31_000_000_019)
"""Molecules of two genes of every cell: what is left of them for the test half are numbers that nothing else has."""


@pytest.fixture(scope="module")
def marked() -> Dataset:
    source = np.random.default_rng(5)
    counts = source.poisson(6.0, (150, 120)).astype(np.int64) + 3
    counts[:, 0], counts[:, 6] = MARKED
    return Dataset("marked", sparse.csr_matrix(counts), "12" * 32)


def words_of(values: np.ndarray) -> tuple[int, ...]:
    """The values as words of integers and of floats."""
    distinct = [int(value) for value in np.unique(values)]
    return (*distinct, *(struct.unpack("<Q", struct.pack("<d", value))[0] for value in distinct))


def test_counts_of_the_test_half_are_not_found(programs: JailedPrograms, marked: Dataset) -> None:
    backend = DenoisingBackend(marked, programs=programs)
    session = backend.open("reward-cells-0")
    halves = split_molecules(session.counts["reward"], seed=SEED)
    secret = halves.test.toarray()[:, [0, 6]]
    assert secret.min() > 10**8
    assert hunted(session, hunter(words_of(secret[:3]))) == "nothing"
    # The control: those of the training half are its arguments.
    told = halves.train.toarray()[:3, 0]
    assert "arguments:number" in hunted(session, hunter(words_of(told)))


REPLAY = """\
import numpy as np

def denoise(counts, seed, guess={seed}):
    source = np.random.RandomState(guess)
    left = np.zeros(counts.shape)
    for cell, gene in np.ndindex(*counts.shape):
        kept = int(counts[cell, gene])
        state = source.get_state()
        for every in range(kept, kept + 12):
            source.set_state(state)
            if source.binomial(every, 0.9) == kept:
                break
        left[cell, gene] = every - kept
    return left + 1e-3
"""
"""Draws the halves again from the seed of the draw, which it guessed, and so finds what was dealt to the test half."""


def test_who_guesses_the_seed_of_the_draw_cannot_undo_it(programs: JailedPrograms) -> None:
    counts = np.random.default_rng(6).poisson(12.0, (150, 120)).astype(np.int64) + 6
    backend = DenoisingBackend(Dataset("dense", sparse.csr_matrix(counts), "34" * 32), programs=programs)
    session = backend.open("reward-cells-0")
    text = REPLAY.format(seed=SEED)
    verdict = session.judge(Candidate(text), SEED)
    assert verdict.status is Status.PASSED and verdict.score is not None, verdict.feedback
    assert verdict.score.value > 0.8
    # The control: on the rows and columns of the draw it finds the test half.
    halves, made = split_molecules(session.counts["reward"], seed=SEED), dict[str, object]()
    exec(text, made)
    undone = made["denoise"](halves.train.toarray().astype(float), 0)
    assert score_guarded(halves.train, halves.test, dense_rows(undone)).guarded > 0.8


CANARY = f"{WORD}c0ffee42"


def hunted_in(wall: Sandbox, text: str, facts: list[str]) -> str:
    programs = JailedPrograms(wall=wall)
    call = ProgramCall(text, "classify", [facts, np.zeros(1, np.int64), ["?"], ["a"]], 1, (1, 1))
    found = programs.call(call)
    programs.close()
    assert isinstance(found, ProgramFailure) and "hunted, found " in found.words, found
    return found.words.partition("found ")[2]


@pytest.mark.parametrize("place", ["arguments", "files", "environment", "objects", "memory", "nowhere"])
def test_controls_a_canary_where_it_may_read_is_found(place: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text(CANARY)
    worker = program_worker()
    if place == "files":
        worker = dataclasses.replace(worker, read_only=(*worker.read_only, tmp_path))
    if place == "environment":
        worker = dataclasses.replace(worker, environment={**worker.environment, "NOTES": CANARY})
    if place in ("objects", "memory"):
        *words, packages, lock = worker.words
        worker = dataclasses.replace(worker, words=(*words, json.dumps({**json.loads(packages), CANARY: ""}), lock))
    found = hunted_in(
        Sandbox(script=worker), hunter(places=(str(tmp_path / "notes.txt"),)), [CANARY if place == "arguments" else "-"]
    )
    assert (f"{place}:{CANARY}" in found) if place != "nowhere" else found == "nothing"
