"""The sealed test as typed: answers first, labels once for each claim, and what is lacking in one sentence."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the extra `legal` is not installed")

from sklearn.metrics import accuracy_score, f1_score

from kernelevo.backends.legal import asking
from kernelevo.backends.legal.data import sample
from kernelevo.backends.legal.paired import paired
from kernelevo.backends.legal.reference import reference_told
from kernelevo.backends.legal.scoring import report_of
from kernelevo.cli import main
from kernelevo.loop.ledger import openings
from kernelevo.statistics import share_interval

CASES = sample(10, 24)
ASKED = np.arange(240) % 4 == 0
PIPELINE = "weigh centroid = 1\nbegin = 1000\n"
Shell = Callable[..., tuple[int, str, str]]


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    """`kernelevo sealed legal` in a folder with training cases, a test of 60 with one twin, and labels apart."""
    monkeypatch.chdir(tmp_path)
    facts, names = np.array(CASES.facts), np.array(CASES.charges)[CASES.labels]
    write(
        tmp_path / "train.csv", [("id", "text", "label"), *zip(range(180), facts[~ASKED], names[~ASKED], strict=True)]
    )
    asked = [*facts[ASKED][:59], facts[~ASKED][0]]
    wanted = [*names[ASKED][:59], names[~ASKED][0]]
    ids = [f"case-{number}" for number in range(60)]
    write(tmp_path / "test.csv", [("id", "text"), *zip(ids, asked, strict=True)])
    labels = list(zip(ids, wanted, strict=True))
    write(tmp_path / "labels.csv", [("id", "label"), *reversed(labels)])
    (tmp_path / "pipeline.txt").write_text(PIPELINE, encoding="utf-8")

    def typed(*words: str) -> tuple[int, str, str]:
        usual = ["--train", "train.csv", "--pipeline", "pipeline.txt"]
        code = main(["sealed", "legal", *usual, *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return typed


def write(path: Path, rows: list[tuple[object, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def table(name: str) -> list[dict[str, str]]:
    with Path(name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


TEST = ("--test", "test.csv")
OPEN = (*TEST, "--labels", "labels.csv", "--claim")


def test_without_labels_answers_are_written_and_what_is_lacking_is_said(shell: Shell) -> None:
    for words in ((), ("--labels", "nowhere.csv", "--claim", "that it is good")):
        code, out, err = shell(*TEST, *words)
        assert code == 2 and "accuracy" not in out
        (line,) = err.splitlines()
        for part in ("nothing is scored", "no claim is used up", "60 test cases", "predictions.csv", "--labels FILE"):
            assert part in line
    rows = table("predictions.csv")
    assert [row["id"] for row in rows] == [f"case-{number}" for number in range(60)]
    assert all(row["label"] in CASES.charges and 0 < float(row["confidence"]) <= 1 for row in rows)
    assert openings(Path("runs")) == []


def test_figures_are_those_of_scikit_learn_on_what_was_written(shell: Shell) -> None:
    code, out, _ = shell(*OPEN, "that it is good", "--json")
    told = json.loads(out)
    assert code == 0
    labels = {row["id"]: row["label"] for row in table("labels.csv")}
    rows, train = table("predictions.csv"), table("train.csv")
    wanted, said = [labels[row["id"]] for row in rows], [row["label"] for row in rows]
    assert told["accuracy"]["accuracy"] == accuracy_score(wanted, said) > 0.5
    right = sum(one == other for one, other in zip(wanted, said, strict=True))
    assert told["accuracy"]["interval"] == list(share_interval(right, 60)) and told["accuracy"]["right"] == right
    assert told["macro_f1"] == pytest.approx(f1_score(wanted, said, average="macro"))
    assert (told["abstentions"], told["cases"], told["charges_unknown"]) == (0, 60, 0)
    names = sorted({row["label"] for row in train})
    known = np.array([names.index(row["label"]) for row in train])
    texts = [row["text"] for row in table("test.csv")]
    line = [names[each] for each in reference_told([row["text"] for row in train], known, texts)]
    assert told["reference"]["accuracy"]["accuracy"] == accuracy_score(wanted, line)
    assert told["reference"]["macro_f1"] == pytest.approx(f1_score(wanted, line, average="macro"))
    same = paired(np.array(said) == np.array(wanted), np.array(line) == np.array(wanted))
    assert told["less_the_reference"]["chance"] == same.chance
    assert told["less_the_reference"]["difference"] == same.difference
    assert told["accuracy_of_new_cases"]["cases"] == 59, "one was told word by word"


def test_labels_are_opened_once_for_each_claim_and_openings_are_counted(shell: Shell) -> None:
    code, out, _ = shell(*OPEN, "it is good")
    assert code == 0 and "opening 1 of these labels on the ledger of runs\n" in out
    assert "McNemar p = " in out and "reference (LinearSVC" in out
    code, out, err = shell(*OPEN, "It  is GOOD")
    assert code == 2 and "opened the sealed tasks before" in err and "accuracy" not in out
    Path("pipeline.txt").write_text(PIPELINE + "neighbours = 1\nweigh nearest = 1\n")
    assert shell(*OPEN, "it is good")[0] == 2
    code, out, _ = shell(*OPEN, "another one")
    assert code == 0 and "opening 2 of these labels on the ledger of runs, so that chance" in out
    assert [each.claim for each in openings(Path("runs"))] == ["it is good", "another one"]
    assert main(["study", "openings"]) == 0


def test_a_claim_whose_labels_could_not_be_read_goes_on_with_the_same_answers_alone(shell: Shell) -> None:
    good = Path("labels.csv").read_text(encoding="utf-8")
    Path("labels.csv").write_text("id,label\ncase-1,罪1\n", encoding="utf-8")
    code, _, err = shell(*OPEN, "it is good")
    assert code == 2 and "has 1 label of 60 cases" in err
    Path("labels.csv").write_text(good, encoding="utf-8")
    Path("pipeline.txt").write_text("weigh head = 1\n")
    assert shell(*OPEN, "it is good")[0] == 2, "other answers would be another look"
    Path("pipeline.txt").write_text(PIPELINE)
    assert shell(*OPEN, "it is good")[0] == 0


def test_other_answers_of_the_same_asking_are_another_look(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model may say something else when it is asked again."""
    good = Path("labels.csv").read_text(encoding="utf-8")
    Path("labels.csv").write_text("id,label\ncase-1,罪1\n", encoding="utf-8")
    assert shell(*OPEN, "it is good")[0] == 2
    Path("labels.csv").write_text(good, encoding="utf-8")
    real = asking.answers
    with monkeypatch.context() as patch:
        patch.setattr(asking, "answers", lambda votes, *rest: real(votes[:, ::-1], *rest))
        code, out, err = shell(*OPEN, "it is good")
    assert code == 2 and "would be another look" in err and "accuracy" not in out
    assert table("predictions.csv") != table("predictions.csv.new"), "those that labels were opened for are kept"
    assert shell(*OPEN, "it is good")[0] == 0


def test_labels_are_not_read_before_answers_and_the_opening_are_on_disk(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, seen = asking.read_labels, []

    def watched(path: Path, asked: asking.Asked) -> list[str]:
        seen.append((len(table("predictions.csv")), [each.outcome for each in openings(Path("runs"))]))
        return real(path, asked)

    monkeypatch.setattr(asking, "read_labels", watched)
    assert shell(*OPEN, "it is good")[0] == 0
    assert seen == [(60, [None])]


def test_a_label_in_the_test_itself_is_not_looked_at(shell: Shell) -> None:
    plain = shell(*TEST)
    before = table("predictions.csv")
    rows = table("test.csv")
    write(Path("test.csv"), [("id", "text", "label"), *((row["id"], row["text"], "罪1") for row in rows)])
    assert shell(*TEST)[0] == plain[0] == 2 and table("predictions.csv") == before


def test_cases_without_facts_are_abstentions_and_unknown_charges_are_wrong(shell: Shell) -> None:
    rows, labels = table("test.csv"), table("labels.csv")
    rows[3]["text"] = " "
    write(Path("test.csv"), [("id", "text"), *((row["id"], row["text"]) for row in rows)])
    changed = [(row["id"], "无人所知" if row["id"] == "case-5" else row["label"]) for row in labels]
    write(Path("labels.csv"), [("id", "label"), *changed])
    code, out, _ = shell(*OPEN, "it is good", "--json")
    told = json.loads(out)
    assert code == 0 and (told["abstentions"], told["charges_unknown"], told["cases"]) == (1, 1, 60)
    assert table("predictions.csv")[3]["label"] == "" and told["accuracy"]["right"] <= 58


def test_abstentions_by_hand() -> None:
    """Of four, one told right at 1.0, one wrong at 0.5, one of no charge, and one whose charge nobody could tell."""
    found = report_of(np.array([0, 1, 1, 2]), np.array([0, 0, -1, 1]), np.array([1.0, 0.5, 0.0, 0.25]))
    assert (found.accuracy, found.abstentions, found.cases) == (0.25, 1, 4)
    assert found.macro_f1 == pytest.approx((2 / 3 + 0 + 0) / 3)
    assert found.calibration == pytest.approx((0.0 + 0.5 + 0.0 + 0.25) / 4)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "give the cases that are asked for: --test FILE, or --lawbench FILE"),
        ((*TEST, "--lawbench", "x.json"), "give the cases that are asked for"),
        ((*TEST, "--labels", "labels.csv"), "say with --claim WORDS"),
        ((*TEST, "--networks", "3"), "give --train-network with it"),
        (("--lawbench", "x.json", "--claim", "abc"), "leave out --labels and --claim"),
        (("--lawbench", "x.json"), "x.json is no file"),
        (("--lawbench", "labels.csv"), "labels.csv cannot be read (JSONDecodeError"),
        (("--test", "labels.csv"), "labels.csv cannot be read (it has no column text, but id, label)"),
        (("--test", "twice.csv"), "twice.csv calls 2 cases '1'"),
        (("--test", "empty.csv"), "empty.csv has no case"),
        ((*TEST, "--pipeline", "train.csv"), "train.csv is no pipeline of the domain legal (it has "),
        ((*TEST, "--pipeline", "empty.csv"), "empty.csv is no pipeline of the domain legal (line 1: 'id,text' is none"),
        ((*TEST, "--pipeline", "none.txt"), "none.txt is no pipeline of the domain legal (FileNotFoundError)"),
        ((*TEST, "--train", "test.csv"), "test.csv cannot be read (ValueError: it has no column label"),
        ((*TEST, "--labels", "test.csv", "--claim", "abc"), "test.csv cannot be read (it has no column label"),
        ((*TEST, "--labels", "other.csv", "--claim", "abc"), "other.csv has no label of the case 'case-0'"),
        ((*TEST, "--out", "nowhere/x.csv"), "answers cannot be written to nowhere/x.csv; give --out FILE"),
        ((*TEST, "--out", "./test.csv"), "--out test.csv would be written over what is read from it"),
        ((*TEST, "--out", "."), "answers cannot be written to .; give --out FILE"),
        ((*TEST, "--labels", "labels.csv", "--claim", "a"), "--claim says in 3 to 200 letters"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(shell: Shell, words: tuple[str, ...], said: str) -> None:
    Path("twice.csv").write_text("id,text\n1,x\n1,y\n")
    Path("empty.csv").write_text("id,text\n")
    other = [(f"other-{number}", "罪1") for number in range(60)]
    write(Path("other.csv"), [("id", "label"), *other])
    code, _, err = shell(*words)
    (line,) = err.splitlines()
    assert code == 2 and said in line


def test_a_pipeline_that_names_a_network_is_not_answered_by_another(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "pipeline.txt").write_text(f"{PIPELINE}network = {'0' * 16}\n", encoding="utf-8")
    code, _, said = shell("--test", "test.csv")
    assert code == 2 and "names the network 0000000000000000" in said and "--train-network" in said
    assert not (tmp_path / "predictions.csv").exists()
