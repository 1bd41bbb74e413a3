"""Scoring of charges, against LawBench's own words, scikit-learn and tables by hand; classifiers; files of cases."""

from __future__ import annotations

import json
import os
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the extra `legal` is not installed")

from conformance.backend import BackendContract
from sklearn.metrics import f1_score

from kernelevo.backends.legal.alike import alike
from kernelevo.backends.legal.backend import ChargeBackend, dealt
from kernelevo.backends.legal.data import cases_of, open_cases, sample
from kernelevo.backends.legal.network import HEAD, Reader, encoded, make_base
from kernelevo.backends.legal.pipeline import SPACE, classify, windowed
from kernelevo.backends.legal.scoring import lawbench_f1, options, report, strict_f1
from kernelevo.backends.legal.session import ChargeSession
from kernelevo.backends.networks import Shelf
from kernelevo.decisions import DecisionSettings
from kernelevo.errors import BadInput
from kernelevo.learning import Split
from kernelevo.types import Candidate, Status

SHELF = Shelf(Path(mkdtemp(prefix="kernelevo-networks-")))
BACKEND = ChargeBackend(sample(), SHELF)
LAWBENCH = "KERNELEVO_LAWBENCH"
"""The variable that names LawBench's file, which is not part of the project."""


class TestChargeBackend(BackendContract):
    @pytest.fixture
    def backend(self) -> ChargeBackend:
        return BACKEND

    @pytest.fixture
    def session(self) -> ChargeSession:
        return BACKEND.open(BACKEND.tasks(Split.REWARD)[0])

    @pytest.fixture
    def settings(self) -> DecisionSettings:
        return DecisionSettings(dict.fromkeys(SPACE.rules, 0.0))


@pytest.mark.parametrize(
    ("reply", "answer", "loose", "strict"),
    [
        ("[罪名]盗窃<eoa>", "罪名:盗窃", 1.0, 1.0),
        ("[罪名]盗窃;诈骗<eoa>", "罪名:盗窃", 2 / 3, 2 / 3),
        ("应当是盗窃", "罪名:盗窃", 1.0, 0.0),
        # 诈骗 is part of 信用卡诈骗: the rule finds both.
        ("[罪名]信用卡诈骗<eoa>", "罪名:信用卡诈骗", 2 / 3, 1.0),
        ("[罪名]失火<eoa>不是盗窃", "罪名:失火;盗窃", 1.0, 2 / 3),
        ("不知道", "罪名:盗窃", 0.0, 0.0),
    ],
)
def test_lawbench_by_hand(reply: str, answer: str, loose: float, strict: float) -> None:
    found, read = lawbench_f1([reply], [answer]), strict_f1([reply], [answer])
    assert (found.f1, read.f1) == pytest.approx((loose, strict))
    assert found.abstentions == (reply == "不知道")


def test_there_are_189_options_and_some_are_part_of_others() -> None:
    assert len(options()) == len(set(options())) == 189
    assert sum(one != other and one in other for one in options() for other in options()) >= 29
    with pytest.raises(ValueError, match="does not begin"):
        lawbench_f1(["x"], ["盗窃"])
    with pytest.raises(ValueError, match="cannot be scored"):
        lawbench_f1([], [])


def test_answers_alone_score_what_the_notes_of_the_task_say() -> None:
    """LawBench's own answers, echoed, score 0.932 by its rule and 1 by the strict one."""
    if LAWBENCH not in os.environ:
        pytest.skip(f"{LAWBENCH} names no file of LawBench's task 3-3 (data/zero_shot/3-3.json)")
    file = Path(os.environ[LAWBENCH])
    answers = [item["answer"] for item in json.loads(file.read_text(encoding="utf-8"))]
    echoed = [f"[罪名]{answer.removeprefix('罪名:')}<eoa>" for answer in answers]
    assert lawbench_f1(echoed, answers).f1 == pytest.approx(0.932, abs=5e-4)
    assert strict_f1(echoed, answers).f1 == 1.0


def test_means_over_charges_are_those_of_scikit_learn() -> None:
    source = np.random.default_rng(0)
    wanted, said = source.integers(0, 7, 200), source.dirichlet(np.ones(7), 200)
    found = report(wanted, said)
    told = said.argmax(axis=1)
    assert found.accuracy == (wanted == told).mean() and found.cases == 200
    assert found.macro_f1 == pytest.approx(f1_score(wanted, told, average="macro"))


def test_calibration_by_hand() -> None:
    """Two cases at 0.75, one of them right, and one at 0.95 that is right: (2 * 0.25 + 0.05) / 3."""
    said = np.array([[0.75, 0.25], [0.75, 0.25], [0.05, 0.95]])
    assert report(np.array([0, 1, 1]), said).calibration == pytest.approx((2 * 0.25 + 0.05) / 3)


def test_both_ends_are_read_and_nothing_twice() -> None:
    fact = "".join(map(str, range(10))) * 40
    assert windowed(fact, SPACE.pipeline(begin=100, end=100)) == fact[:100] + fact[-100:]
    assert windowed("短12.5元", SPACE.pipeline(begin=100, end=100, numbers="masked")) == "短0元"


def test_the_encoder_s_base_is_a_whitened_truncated_svd_of_texts_without_labels() -> None:
    reader = Reader(sample(6, 20).facts[:80])
    base = make_base(reader, 0)
    assert set(base) == {"project.weight", "mix.weight"} and base["project.weight"].shape[0] == 79
    raw = np.asarray(reader.known @ base["project.weight"].T, dtype=np.float64)
    left, values, _ = np.linalg.svd(reader.known.toarray().astype(np.float64), full_matrices=False)
    for direction in range(8):  # whitened: every direction weighs as much, and is that of the exact decomposition
        assert np.square(raw[:, direction]).mean() == pytest.approx(1 / 79 * 80 / 80, rel=0.05)
        cosine = raw[:, direction] @ left[:, direction] / np.linalg.norm(raw[:, direction])
        assert abs(cosine) == pytest.approx(1.0, abs=1e-3) and values[direction] > 0
    places = encoded(base, reader.rows(["另" * 50, *sample(6, 20).facts[80:90]]))
    assert np.linalg.norm(places[1:], axis=1) == pytest.approx(np.ones(10))


@pytest.mark.parametrize("name", SPACE.parts)
def test_read_outs_tell_what_is_plainly_apart(name: str) -> None:
    source = np.random.default_rng(1)
    centres = np.eye(5)
    told, asked = (centres[np.arange(n) % 5] + 0.1 * source.normal(size=(n, 5)) for n in (40, 20))
    network = {HEAD: np.eye(6, 5, dtype=np.float32)}
    described = np.eye(6, 5)
    said = classify(told, np.arange(40) % 5, asked, described, SPACE.pipeline({name: 1}, neighbours=3), network)
    assert said.shape == (20, 6) and said.sum(axis=1) == pytest.approx(np.ones(20))
    assert (said.argmax(axis=1) == np.arange(20) % 5).all()


def test_a_network_without_a_head_is_asked_for_what_one_begins_as() -> None:
    places, labels = np.random.default_rng(2).normal(size=(30, 5)), np.arange(30) % 3
    head, centroids = (
        classify(places, labels, places[:9], np.eye(4, 5), SPACE.pipeline({name: 1}), {})
        for name in ("trained", "centroid")
    )
    assert head == pytest.approx(centroids) and head.std() > 0.05 and (head[:, 3] == 0).all()


def test_a_twin_asks_for_other_cases_of_the_same_split_and_reward_and_gate_have_none() -> None:
    for split in Split:
        for task in BACKEND.tasks(split):
            own, twin = (set(BACKEND.open(name)._asked.facts) for name in (task, BACKEND.twin(task)))
            assert own.isdisjoint(twin) if split in (Split.DEVELOPMENT, Split.SEALED) else own == twin
    every = [fact for split in Split if split is not Split.TRAINING for task in BACKEND.tasks(split)
             for fact in BACKEND.open(task)._asked.facts]  # fmt: skip
    told = set(BACKEND.open(BACKEND.tasks(Split.GATE)[0])._told.facts)
    assert len(every) == len(set(every)) and told.isdisjoint(every)


def test_splits_share_no_case() -> None:
    cases = sample()
    found = dealt(cases, alike(cases.facts))
    places = [place for split in Split for place in found[split]]
    assert len(places) == len(set(places)) == 1200 and all(found.values())


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.csv", "id,text\n0,x\n", "it has no column label"),
        ("a.csv", "text,label\nx,\n", "case 1 has no label"),
        ("a.csv", "text,label\nx,y\n", "0 cases of 0 charges"),
        ("a.json", "[{}]", "KeyError"),
        ("a.jsonl", "{\n", "cannot be read"),
        ("a.txt", "x", "files end in .csv"),
    ],
)
def test_what_are_no_cases_is_said(tmp_path: Path, name: str, text: str, words: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=words):
        open_cases(tmp_path / name)
    with pytest.raises(BadInput, match="is no file"):
        open_cases(tmp_path / "none.csv")


def test_a_file_of_each_form_is_read(tmp_path: Path) -> None:
    cases = sample(6, 25)
    rows = [(fact, cases.charges[label]) for fact, label in zip(cases.facts, cases.labels, strict=True)]
    (tmp_path / "a.csv").write_text("id,text,label\n" + "".join(f"0,{fact},{label}\n" for fact, label in rows))
    bench = [{"question": f"事实:{fact}", "answer": f"罪名:{label}"} for fact, label in rows]
    (tmp_path / "a.json").write_text(json.dumps([*bench, {"question": "事实:x", "answer": "罪名:A;B"}]))
    lines = [json.dumps({"fact": fact, "meta": {"accusation": [label]}}) for fact, label in rows]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    for name in ("a.csv", "a.json", "a.jsonl"):
        found = open_cases(tmp_path / name)
        assert (found.facts, found.charges) == (cases.facts, cases.charges) and (found.labels == cases.labels).all()


def test_a_text_that_is_no_classifier_is_its_own_fault() -> None:
    session = BACKEND.open(BACKEND.tasks(Split.REWARD)[0])
    verdict = session.judge(Candidate("import os\n"), 1)
    assert verdict.status is Status.BUILD_ERROR and "line 1" in verdict.feedback and session.reward(verdict) == 0.0
    better = session.judge(Candidate("weigh centroid = 1\nbegin = 1000\n"), 1)
    assert session.reward(better) > 1.2 and better.score.how == "measured" and "macro-F1" in better.feedback


@pytest.mark.parametrize(("charges", "each", "facts"), [(24, 5, "另外"), (6, 30, "同样的事实")])
def test_too_few_different_cases_for_a_task_are_said_before_anything_runs(charges: int, each: int, facts: str) -> None:
    pairs = [(facts, f"罪{charge}") for charge in range(charges) for _ in range(each)]
    with pytest.raises(BadInput, match=r"the task .* would have \d+ cases?"):
        ChargeBackend(cases_of("few", pairs, "cd" * 32, "few"), SHELF)
