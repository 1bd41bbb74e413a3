"""LawBench's task 3-3 from end to end: replies in its form, both rules by hand, and nothing told that is asked."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the extra `legal` is not installed")

from kernelevo.backends.legal.data import cases_of, sample
from kernelevo.backends.legal.lawbench import (
    read_questions,
    reply,
    rows_for,
    scores_of,
    without_alike,
    write_replies,
)
from kernelevo.backends.legal.scoring import options
from kernelevo.cli import main
from kernelevo.errors import BadInput

LAWBENCH, TRAIN = "KERNELEVO_LAWBENCH", "KERNELEVO_LEGAL_TRAIN"
"""Variables that name LawBench's file and cases to tell, which are not part of the project."""
NAMES = ("盗窃", "诈骗", "信用卡诈骗", "放火", "[走私、贩卖、运输、制造]毒品", "受贿")
TABLE: tuple[tuple[str, str, float, float], ...] = (
    ("盗窃", "罪名:盗窃", 1.0, 1.0),
    ("盗窃", "罪名:盗窃;诈骗", 2 / 3, 2 / 3),
    ("诈骗", "罪名:盗窃", 0.0, 0.0),
    # 诈骗 is found in 信用卡诈骗, too: two found, one wanted.
    ("信用卡诈骗", "罪名:信用卡诈骗", 2 / 3, 1.0),
    ("信用卡诈骗", "罪名:诈骗", 2 / 3, 0.0),
    ("[走私、贩卖、运输、制造]毒品", "罪名:走私、贩卖、运输、制造毒品", 1.0, 1.0),
    ("", "罪名:放火", 0.0, 0.0),
    # No option of LawBench's, though an answer of it.
    ("打击报复", "罪名:打击报复", 0.0, 1.0),
)
"""Charge told, answer, F1 by LawBench's rule, strict F1: by hand."""


def questions_file(folder: Path, answers: list[str], facts: list[str]) -> Path:
    items = [
        {"instruction": "给出罪名", "question": f"事实:{fact}\r\n", "answer": answer}
        for fact, answer in zip(facts, answers, strict=True)
    ]
    path = folder / "3-3.json"
    path.write_text(json.dumps(items, ensure_ascii=False), encoding="utf-8")
    return path


@pytest.mark.parametrize(("charge", "answer", "loose", "strict"), TABLE)
def test_what_is_written_scores_what_a_table_by_hand_says(
    tmp_path: Path, charge: str, answer: str, loose: float, strict: float
) -> None:
    questions = read_questions(questions_file(tmp_path, [answer], ["甲偷了乙"]))
    write_replies(tmp_path / "out.json", rows_for(questions, [charge]))
    rule, other = scores_of(tmp_path / "out.json")
    assert (rule.f1, other.f1) == pytest.approx((loose, strict))
    assert rule.abstentions == (charge in ("", "打击报复"))


def test_the_mean_of_a_file_and_its_form(tmp_path: Path) -> None:
    questions = read_questions(questions_file(tmp_path, [row[1] for row in TABLE], ["甲"] * len(TABLE)))
    write_replies(tmp_path / "out.json", rows_for(questions, [row[0] for row in TABLE]))
    loose, strict = scores_of(tmp_path / "out.json")
    assert loose.f1 == pytest.approx(sum(row[2] for row in TABLE) / 8) and loose.abstentions == 2 / 8
    assert strict.f1 == pytest.approx(sum(row[3] for row in TABLE) / 8) and strict.abstentions == 1 / 8
    written = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert list(written) == [str(number) for number in range(8)]
    assert written["1"] == {
        "origin_prompt": "给出罪名\n事实:甲\r\n", "prediction": "[罪名]盗窃<eoa>", "refr": "罪名:盗窃;诈骗",
    }  # fmt: skip


def test_brackets_of_cail_are_no_part_of_lawbench_names() -> None:
    assert reply("[走私、贩卖、运输、制造]毒品") == "[罪名]走私、贩卖、运输、制造毒品<eoa>"
    assert "走私、贩卖、运输、制造毒品" in options() and reply("") == ""


def test_told_cases_that_are_alike_to_a_question_are_left_out() -> None:
    cases = sample(6, 25)
    asked = [cases.facts[3], "本院经公开开庭审理查明如下事实。" + cases.facts[40], "别的" * 30]
    known = without_alike(cases, asked)
    assert len(known.facts) == 148 and not {cases.facts[3], cases.facts[40]} & set(known.facts)
    labels = dict(zip(cases.facts, cases.labels.tolist(), strict=True))
    assert [labels[fact] for fact in known.facts] == known.labels.tolist() and known.charges == cases.charges


def test_the_command_answers_scores_and_leaves_twins_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    made = sample(6, 30)
    rows = [(fact, NAMES[label]) for fact, label in zip(made.facts, made.labels, strict=True)]
    assert len(cases_of("x", rows, "ab" * 32, "x").charges) == 6
    asked, known = rows[::5], rows[1::5] + rows[2::5] + rows[3::5] + rows[4::5] + [rows[0]]
    Path("train.csv").write_text("text,label\n" + "".join(f"{fact},{name}\n" for fact, name in known), encoding="utf-8")
    answers = [reply(name).replace("[罪名]", "罪名:").replace("<eoa>", "") for _, name in asked]
    questions_file(tmp_path, answers, [fact for fact, _ in asked])
    Path("pipeline.txt").write_text("weigh centroid = 1\nbegin = 1000\n", encoding="utf-8")
    words = ["--train", "train.csv", "--pipeline", "pipeline.txt", "--lawbench", "3-3.json"]
    assert main(["sealed", "legal", *words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["questions"], told["told_cases"], told["told_cases_left_out"]) == (36, 144, 1)
    loose, strict = scores_of(Path("lawbench-3-3.json"))
    assert (told["lawbench_f1"], told["strict_f1"]) == (loose.f1, strict.f1) and strict.f1 > 0.3
    assert 0.3 < told["reference"]["strict_f1"] <= 1.0
    assert main(["sealed", "legal", *words]) == 0
    assert f"LawBench F1 {loose.f1:.4f}, strict F1 {strict.f1:.4f}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "has no question"),
        ("{}", "has no question"),
        ('[{"question": "x", "answer": "罪名:y"}]', "KeyError: 'instruction'"),
        ('[{"instruction": "x", "question": "x", "answer": "y"}]', "the answer of item 0 does not begin with 罪名:"),
        ('[{"instruction": "x", "question": 3, "answer": "罪名:y"}]', "AttributeError"),
        ("[", "JSONDecodeError"),
    ],
)
def test_what_is_no_file_of_questions_is_said(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=words):
        read_questions(tmp_path / "a.json")
    (tmp_path / "b.json").write_text('{"1": {"prediction": "x", "refr": "罪名:y"}}', encoding="utf-8")
    with pytest.raises(BadInput, match=r"holds no replies as LawBench reads them \(KeyError"):
        scores_of(tmp_path / "b.json")


def test_real_questions_have_answers_that_echo_to_what_the_rule_gives() -> None:
    """LawBench's own file: 500 questions, whose answers score 0.932 by its rule and 1 strictly when echoed."""
    if LAWBENCH not in os.environ:
        pytest.skip(f"{LAWBENCH} names no file of LawBench's task 3-3 (data/zero_shot/3-3.json)")
    questions = read_questions(Path(os.environ[LAWBENCH]))
    assert len(questions.facts) == 500 and "Apache-2.0" in questions.note
    assert sum(";" in answer for answer in questions.answers) == 167


def test_real_cases_alike_to_questions_are_few() -> None:
    if LAWBENCH not in os.environ or TRAIN not in os.environ:
        pytest.skip(f"{LAWBENCH} and {TRAIN} name no files of LawBench and sia-agent")
    from kernelevo.backends.legal.data import read_cases

    cases = read_cases(Path(os.environ[TRAIN]))
    known = without_alike(cases, read_questions(Path(os.environ[LAWBENCH])).facts)
    assert 0 < len(cases.facts) - len(known.facts) < 60
    assert len(np.unique(cases.labels)) == 191
