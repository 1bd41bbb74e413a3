"""The reference line and paired comparisons, against scikit-learn, tables by hand and simulation."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the extra `legal` is not installed")

from sklearn.metrics import accuracy_score, f1_score
from sklearn.pipeline import make_pipeline

from kernelevo.backends.legal import reference
from kernelevo.backends.legal.backend import ChargeBackend
from kernelevo.backends.legal.data import sample
from kernelevo.backends.legal.paired import paired
from kernelevo.backends.legal.reference import reference_report, reference_told
from kernelevo.backends.legal.scoring import report
from kernelevo.interfaces import ProgramCall
from kernelevo.learning import Split
from kernelevo.sandbox_scripted import ScriptedPrograms
from kernelevo.statistics import share_interval
from kernelevo.types import Candidate

CASES = sample(12, 25)
KNOWN = np.arange(len(CASES.facts)) % 5 > 0


def halves() -> tuple[list[str], np.ndarray, list[str], np.ndarray]:
    facts = np.array(CASES.facts)
    return list(facts[KNOWN]), CASES.labels[KNOWN], list(facts[~KNOWN]), CASES.labels[~KNOWN]


def test_the_reference_is_what_scikit_learn_makes_of_the_same_cases() -> None:
    known, labels, asked, wanted = halves()
    direct = make_pipeline(
        reference.TfidfVectorizer(analyzer="char", ngram_range=(1, 2), sublinear_tf=True),
        reference.LinearSVC(random_state=0),
    )
    told = direct.fit(known, labels).predict(asked)
    found = reference_report(known, labels, asked, wanted)
    assert (found.told == told).all()
    assert found.accuracy == accuracy_score(wanted, told) > 0.5
    assert found.macro_f1 == f1_score(wanted, told, average="macro")
    assert (found.low, found.high) == share_interval(int((told == wanted).sum()), len(wanted))
    assert f"accuracy {found.accuracy:.4f}" in found.words()


def test_accuracy_and_macro_f1_of_pipelines_and_of_the_reference_are_one_rule() -> None:
    known, labels, asked, wanted = halves()
    found = reference_report(known, labels, asked, wanted)
    same = report(wanted, np.eye(len(CASES.charges))[found.told])
    assert (same.accuracy, same.macro_f1) == pytest.approx((found.accuracy, found.macro_f1))


def test_labels_reach_it_from_the_told_cases_alone() -> None:
    known, labels, asked, wanted = halves()
    shuffled = np.random.default_rng(0).permutation(labels)
    assert reference_report(known, shuffled, asked, wanted).accuracy < 0.3
    assert (reference_told(known[:1], labels[:1], asked) == labels[0]).all()


def test_a_session_holds_the_reference_to_the_cases_that_the_candidate_has() -> None:
    session = ChargeBackend(sample()).open("reward-cases-0")
    assert session.task in ChargeBackend(sample()).tasks(Split.REWARD)
    told = reference_told(session._told.facts, session._told.labels, session._asked.facts)
    assert session.reference().accuracy == (told == session._asked.labels).mean()
    assert session.references(4)["LinearSVC on character 1-2-grams, accuracy"] == session.reference().accuracy
    assert session.reference() is session.reference(), "it is fitted once"


def test_everything_is_told_the_cases_that_adapters_are_trained_on() -> None:
    """All of the training split's, whatever the seed: what is told fewer is behind by what it is not told."""
    asked = list[tuple[list[str], list[int]]]()

    def answer(call: ProgramCall) -> np.ndarray:
        asked.append((list(call.arguments[0]), call.arguments[1].tolist()))
        return np.full(call.shape, 0.5)

    backend = ChargeBackend(sample(), programs=ScriptedPrograms(answer))
    trained = backend._told()
    everything = (list(trained.facts), trained.labels.tolist())
    for split in (Split.REWARD, Split.DEVELOPMENT):
        session = backend.open(backend.tasks(split)[0])
        for seed in (0, 7):
            session.judge(Candidate("def classify(facts, labels, questions, charges, seed): pass"), seed)
        assert (list(session._told.facts), session._told.labels.tolist()) == everything
        assert session.judge(session.start, 0).score == session.judge(session.start, 7).score
    assert len(asked) == 16 and all(each == everything for each in asked)


def test_mcnemar_by_hand() -> None:
    """Right alone 8 and 2 of 20: 2 * (1 + 10 + 45) / 2**10."""
    first = [True] * 8 + [False] * 2 + [True] * 7 + [False] * 3
    second = [False] * 8 + [True] * 2 + [True] * 7 + [False] * 3
    found = paired(first, second)
    assert (found.cases, found.first_alone, found.second_alone) == (20, 8, 2)
    assert found.difference == pytest.approx(0.3) and found.chance == pytest.approx(2 * 56 / 1024)
    # Agresti and Min: (8.5 - 2.5) / 22, and 1.96 times the square root of (11 / 22 - (6 / 22)**2) / 22.
    middle, reach = 6 / 22, 1.96 * ((11 / 22 - (6 / 22) ** 2) / 22) ** 0.5
    assert (found.low, found.high) == pytest.approx((middle - reach, middle + reach))
    assert "+30.0 points" in found.words("a", "b") and "right alone 8 and 2 of 20 cases" in found.words("a", "b")


def test_two_that_agree_do_not_differ_and_other_shapes_are_refused() -> None:
    same = paired([True, False], [True, False])
    assert same.chance == 1.0 and same.difference == 0.0 and same.low < 0.0 < same.high
    for one, other in (([], []), ([True], [True, False])):
        with pytest.raises(ValueError, match="cannot be compared"):
            paired(one, other)


def test_the_interval_holds_the_true_difference_as_often_as_it_says() -> None:
    source = np.random.default_rng(2)
    held = rejected = 0
    for _ in range(600):
        kinds = source.choice(4, size=120, p=(0.15, 0.08, 0.6, 0.17))
        found = paired((kinds == 0) | (kinds == 2), (kinds == 1) | (kinds == 2))
        held += found.low <= 0.07 <= found.high
        equal = source.choice(4, size=120, p=(0.1, 0.1, 0.6, 0.2))
        rejected += paired((equal == 0) | (equal == 2), (equal == 1) | (equal == 2)).chance < 0.05
    assert held / 600 > 0.93 and rejected / 600 < 0.06
