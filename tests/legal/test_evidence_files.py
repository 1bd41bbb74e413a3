"""Statutes and texts of the user's: how they are read, what they change, and what is said of files that are none."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the extra `legal` is not installed")

from kernelevo.backends.legal import evidence
from kernelevo.backends.legal.asking import pipeline_tells
from kernelevo.backends.legal.backend import ChargeBackend
from kernelevo.backends.legal.data import Cases, sample
from kernelevo.backends.legal.evidence import NOTHING, STATUTES, TEXTS, Evidence, open_evidence
from kernelevo.backends.legal.pipeline import SPACE
from kernelevo.backends.networks import Shelf
from kernelevo.cli import main
from kernelevo.errors import BadInput
from kernelevo.joining_backends import open_backend
from kernelevo.learning import Split
from kernelevo.settings import Settings
from kernelevo.types import Candidate

CASES = sample()
DESCRIBED = "weigh described = 1\nbegin = 3000\n"
FURTHER = tuple(f"被告人于某日盗窃电动车第{number}辆" for number in range(40))


def statutes(cases: Cases = CASES, of: int = 12) -> dict[str, str]:
    """Of each charge, the text of a few cases of the training split, as if a statute had told its words."""
    told = ChargeBackend(cases)._told()
    names = np.array(cases.charges)[told.labels]
    return {name: "".join(np.array(told.facts)[names == name][:of]) for name in cases.charges}


@pytest.fixture(scope="module")
def known() -> dict[str, str]:
    return statutes()


def file(folder: Path, name: str, text: str, encoding: str = "utf-8") -> Path:
    (folder / name).write_text(text, encoding=encoding)
    return folder / name


def table(folder: Path, name: str, rows: list[tuple[str, ...]]) -> Path:
    with (folder / name).open("w", encoding="utf-8", newline="") as opened:
        csv.writer(opened).writerows(rows)
    return folder / name


def accuracy(backend: ChargeBackend, text: str) -> float:
    sessions = [backend.open(task) for task in backend.tasks(Split.REWARD)]
    return float(np.mean([each.figures(each.judge(Candidate(text), 0))["accuracy"] for each in sessions]))


def test_statutes_of_both_forms_are_read_alike_and_charges_without_one_have_their_names(tmp_path: Path) -> None:
    told = {"盗窃": "盗窃公私财物，数额较大的", "诈骗": "诈骗公私财物，\n数额较大的"}
    as_json = open_evidence(file(tmp_path, "a.json", json.dumps(told, ensure_ascii=False), "utf-8-sig"), None)
    as_csv = open_evidence(table(tmp_path, "a.csv", [("charge", "text"), *told.items()]), None)
    assert as_json.statutes == as_csv.statutes == told and as_json.key != as_csv.key != ""
    assert as_json.descriptions(("盗窃", "抢劫")) == (told["盗窃"], "抢劫")
    said = as_json.of_charges(("盗窃", "抢劫"))
    assert said[0].startswith(f"{STATUTES}: 2 statutes of a.json (SHA-256 ")
    assert said[1] == "1 of 2 charges are described by a statute; 1 text of other charges is not used"
    assert NOTHING.of_charges(("盗窃",)) == () and NOTHING.key == ""


def test_what_describes_charges_tells_them_without_any_told_case(known: dict[str, str]) -> None:
    """Names of the sample (罪1) say nothing; texts with the words of each charge tell it alone."""
    plain, described = (ChargeBackend(CASES, evidence=each) for each in (NOTHING, Evidence(known)))
    assert accuracy(plain, DESCRIBED) < 0.2 < 0.4 < accuracy(described, DESCRIBED)
    assert any("30 of 30 charges are described by a statute" in line for line in described.introduction)


def test_a_charge_that_no_told_case_has_is_told_by_its_statute(known: dict[str, str]) -> None:
    """And better where the base has read texts of its kind, which nobody labelled."""
    rare, facts = CASES.labels == 3, np.array(CASES.facts)
    told = replace(CASES, facts=tuple(facts[~rare]), labels=CASES.labels[~rare])
    asked = [fact for fact in facts[rare] if fact not in known["罪12"]]
    texts = tuple(fact for fact in facts[rare] if fact in known["罪12"])
    assert CASES.charges[3] == "罪12" and len(asked) == 28

    def right(times: int, known_beside: Evidence) -> float:
        pipeline = SPACE.pipeline({"centroid": 1}, begin=3000, descriptions=times, settle="on")
        return float((pipeline_tells(pipeline, evidence=known_beside)(told, asked).argmax(axis=1) == 3).mean())

    assert right(0, Evidence(known)) == 0.0 and right(2, NOTHING) < 0.2
    assert 0.2 < right(2, Evidence(known)) < 0.5 < right(2, Evidence(known, texts))


def test_statutes_are_part_of_the_version_and_texts_of_the_base(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "shelf")
    laws = open_evidence(file(tmp_path, "a.json", '{"罪1": "盗窃"}'), None)
    texts = open_evidence(None, file(tmp_path, "a.txt", "\n".join(FURTHER)))
    others = open_evidence(None, file(tmp_path, "b.txt", "\n".join(FURTHER[:30])))
    plain, by_law, by_text, by_other = (
        ChargeBackend(CASES, shelf, evidence=each) for each in (NOTHING, laws, texts, others)
    )
    every = (plain, by_law, by_text, by_other)
    assert len({each.version for each in every}) == len({each.data for each in every}) == 4
    assert len({each.grammar.key for each in every}) == 1, "files change no setting that there is"
    assert by_text.files == {TEXTS: "a.txt"} and by_law.files == {STATUTES: "a.json"} and plain.files == {}
    keys = [each._encoder.networks.key for each in every]
    assert keys[0] == keys[1] and len(set(keys)) == 3
    base, further = (each._encoder.networks.base()["project.weight"] for each in (plain, by_text))
    assert base.shape != further.shape or np.abs(base - further).max() > 1e-3
    assert accuracy(by_text, "weigh centroid = 1\nbegin = 3000\n") > 0.4


def test_texts_of_every_form_are_read_and_no_label_in_them(tmp_path: Path) -> None:
    lawbench = [{"instruction": "i", "question": f"事实:{fact}", "answer": "罪名:盗窃"} for fact in FURTHER]
    blind = [{"question": f"事实:{fact}"} for fact in FURTHER]
    cail = [json.dumps({"fact": fact, "meta": {"accusation": ["盗窃"]}}) for fact in FURTHER]
    files = [
        file(tmp_path, "a.txt", "\n\n".join(FURTHER)), file(tmp_path, "a.json", json.dumps(lawbench)),
        file(tmp_path, "b.json", json.dumps(blind)), file(tmp_path, "a.jsonl", "\n".join(cail)),
        table(tmp_path, "a.csv", [("id", "text", "label"), *(("0", fact, "盗窃") for fact in FURTHER)]),
    ]  # fmt: skip
    for path in files:
        assert open_evidence(None, path).texts == FURTHER
    assert (
        open_evidence(None, files[0]).notes[0].startswith(f"{TEXTS}: the network's base is made of 40 texts of a.txt")
    )


def test_texts_that_are_told_cases_count_once_and_too_many_are_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file(tmp_path, "a.txt", "\n".join([*FURTHER, FURTHER[0]]))
    assert open_evidence(None, path).beside(["另", FURTHER[1]]) == ("另", FURTHER[1], FURTHER[0], *FURTHER[2:])
    assert NOTHING.beside(["同", "同"]) == ("同", "同"), "the base without further texts is what it was"
    monkeypatch.setattr(evidence, "MOST_TEXTS", 10)
    cut = open_evidence(None, path)
    assert cut.texts == FURTHER[:10] and "the first 10 of 40 texts" in cut.notes[0]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.json", "[]", "it is no object of texts by charge"), ("a.json", "{", "cannot be read"),
        ("a.json", "{}", "it has no text"), ("a.json", '{"盗窃": 3}', "the charge '盗窃' has no text"),
        ("a.json", '{"盗窃": "a", "盗窃": "b"}', "has two texts"), ("a.csv", "charge\nx\n", "it has no column text"),
        ("a.csv", "charge,text\nx,\n", "the charge 'x' has no text"), ("a.txt", "x", "files end in .json, .csv"),
        ("a.json", '{"盗窃": {"a": "b"}}', "has no text"), ("a.json", '"x"', "it is no object"),
    ],
)  # fmt: skip
def test_what_are_no_statutes_is_said(tmp_path: Path, name: str, text: str, words: str) -> None:
    with pytest.raises(BadInput, match=rf"^{STATUTES}=.*{words}.*; give a .json, an object of texts by charge"):
        open_evidence(file(tmp_path, name, text), None)
    with pytest.raises(BadInput, match="is no file"):
        open_evidence(tmp_path / "none.json", None)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.txt", "\n \n", "it has no text"), ("a.csv", "fact\nx\n", "it has no column text"),
        ("a.json", "[{}]", "KeyError"), ("a.json", "[3]", "TypeError"), ("a.jsonl", "{\n", "cannot be read"),
        ("a.jsonl", '{"fact": 3}', "AttributeError"), ("a.whl", "x", "files end in .txt"),
    ],
)  # fmt: skip
def test_what_are_no_texts_is_said(tmp_path: Path, name: str, text: str, words: str) -> None:
    with pytest.raises(BadInput, match=rf"^{TEXTS}=.*{words}.*; give a .txt with a text a line"):
        open_evidence(None, file(tmp_path, name, text))
    (tmp_path / "b.txt").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(BadInput, match="neither UTF-8"):
        open_evidence(None, tmp_path / "b.txt")


def test_a_bad_file_is_one_sentence_and_exit_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(STATUTES, str(file(tmp_path, "bad.json", "[]")))
    assert main(["run", "legal", "--model", "prior", "--budget", "evaluations=5"]) == 2
    said = capsys.readouterr()
    assert STATUTES in said.out + said.err and "Traceback" not in said.out + said.err


def test_variables_name_the_files(tmp_path: Path) -> None:
    laws, texts = file(tmp_path, "a.json", '{"罪1": "盗窃"}'), file(tmp_path, "a.txt", "\n".join(FURTHER))
    settings = Settings.from_environment({
        STATUTES: str(laws), TEXTS: str(texts), "KERNELEVO_CACHE": str(tmp_path / "cache")
    })  # fmt: skip
    opened = open_backend("legal", settings)
    assert opened.files == {STATUTES: "a.json", TEXTS: "a.txt"}
    assert any(line.startswith(TEXTS) for line in opened.introduction)
    opened.close()


Typed = Callable[..., tuple[int, str]]


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """`kernelevo sealed legal` on the sample: a quarter is asked for."""
    monkeypatch.chdir(tmp_path)
    cases = sample(6, 20)
    rows = [(fact, cases.charges[label]) for fact, label in zip(cases.facts, cases.labels, strict=True)]
    table(tmp_path, "train.csv", [("text", "label"), *(row for place, row in enumerate(rows) if place % 4)])
    table(tmp_path, "test.csv", [("id", "text"), *((str(place), fact) for place, (fact, _) in enumerate(rows[::4]))])
    file(tmp_path, "pipeline.txt", DESCRIBED)

    def typed(*words: str) -> tuple[int, str]:
        code = main(
            ["sealed", "legal", "--train", "train.csv", "--test", "test.csv", "--pipeline", "pipeline.txt", *words]
        )
        said = capsys.readouterr()
        return code, said.out + said.err

    return typed


def test_the_sealed_test_asks_by_the_same_files(tmp_path: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    assert typed("--out", "without.csv")[0] == 2, "no labels are given"
    cases = sample(6, 20)
    told = {name: "".join(cases.facts[number * 20 + 1 : number * 20 + 4]) for number, name in enumerate(cases.charges)}
    monkeypatch.setenv(STATUTES, str(file(tmp_path, "laws.json", json.dumps(told))))
    monkeypatch.setenv(TEXTS, str(file(tmp_path, "more.txt", "\n".join(FURTHER))))
    code, said = typed("--out", "with.csv")
    assert code == 2 and "6 of 6 charges are described by a statute" in said and "40 texts of more.txt" in said
    answers = [(tmp_path / name).read_text() for name in ("without.csv", "with.csv")]
    assert answers[0] != answers[1] and answers[1].count("\n") == 31
