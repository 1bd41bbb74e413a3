"""Files of cases as users get them: each form is read to the same cases, what it is known to be is told, and bad input
is one sentence.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("sklearn", reason="the extra `legal` is not installed")

from kernelevo.backends.legal import data, loaders
from kernelevo.backends.legal.data import Cases, open_cases, read_cases, sample
from kernelevo.backends.legal.reference import NAME
from kernelevo.cli import main
from kernelevo.errors import BadInput

CASES = sample(6, 25)
ROWS = [(fact, f"[甲、乙]{CASES.charges[label]}") for fact, label in zip(CASES.facts, CASES.labels, strict=True)]
TABLE = "id,text,label\n" + "".join(f"0,{fact},{label}\n" for fact, label in ROWS)
CAIL = [{"fact": fact + "\r\n", "meta": {"accusation": [label]}} for fact, label in ROWS]
LINES = "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in CAIL)
BENCH = json.dumps(
    [{"question": f"事实:{fact}\r\n", "answer": f"罪名:{label}"} for fact, label in ROWS], ensure_ascii=False
)
TRAIN = "sia/tasks/lawbench/data/training_data/train.csv"


def same(found: Cases) -> bool:
    rows = [(fact, found.charges[label]) for fact, label in zip(found.facts, found.labels, strict=True)]
    return rows == ROWS


def wheel(folder: Path, names: tuple[str, ...] = (TRAIN,)) -> Path:
    """As pip builds one, with the members that the loaders look at."""
    path = folder / "sia_agent-0.6.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("sia/__init__.py", "")
        file.writestr("sia_agent-0.6.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: sia-agent\nVersion: 0.6.0\n")
        file.writestr("sia/tasks/other/train.csv", "text,label\nnot these,x\n")
        for name in names:
            file.writestr(name, TABLE)
    return path


@pytest.mark.parametrize(
    ("name", "text"), [("a.csv", TABLE), ("a.jsonl", LINES), ("data_train.json", LINES), ("3-3.json", BENCH)]
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_every_form_is_read_in_every_encoding(tmp_path: Path, name: str, text: str, encoding: str) -> None:
    (tmp_path / name).write_bytes(text.encode(encoding))
    assert same(read_cases(tmp_path / name)) and same(open_cases(tmp_path / name))


def test_the_wheel_is_read_as_it_lies(tmp_path: Path) -> None:
    found = open_cases(wheel(tmp_path))
    assert same(found) and found.key == hashlib.sha256(TABLE.encode()).hexdigest()
    assert TRAIN in found.notes[0]


def test_cail_without_meta_and_with_one_charge_as_a_word(tmp_path: Path) -> None:
    flat = [{"fact": fact, "accusation": label if place % 2 else [label]} for place, (fact, label) in enumerate(ROWS)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(item) + "\n" for item in flat))
    assert same(open_cases(tmp_path / "a.jsonl"))


def test_an_installed_package_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match="sia-agent is not installed"):
        open_cases(tmp_path / "sia-agent")
    with zipfile.ZipFile(wheel(tmp_path)) as file:
        file.extractall(tmp_path / "site")
    record = "".join(f"{name},,\n" for name in ("sia/__init__.py", TRAIN))
    (tmp_path / "site" / "sia_agent-0.6.0.dist-info" / "RECORD").write_text(record)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    assert same(open_cases(tmp_path / "sia-agent"))


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("training_data/train.csv", TABLE),
        ("data/zero_shot/3-3.json", BENCH),
        ("data_train.json", LINES),
        ("exercise_contest/data_train.json", LINES),
    ],
)
def test_folders_as_they_are_unpacked(tmp_path: Path, place: str, text: str) -> None:
    file = tmp_path / "checkout" / place
    file.parent.mkdir(parents=True)
    file.write_text(text, encoding="utf-8")
    assert same(open_cases(tmp_path / "checkout"))


def test_a_known_file_is_told_by_name_and_licence_and_another_as_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.csv").write_text(TABLE, encoding="utf-8")
    found = open_cases(tmp_path / "a.csv")
    assert found.name == "a" and "no file that is known here" in found.notes[0] and found.key[:16] in found.notes[0]
    monkeypatch.setitem(loaders.KNOWN, found.key, ("ours", "a table of tests (CC0)"))
    known = open_cases(tmp_path / "a.csv")
    assert known.name == "ours" and known.notes[0].endswith("is a table of tests (CC0)")
    assert all(len(key) == 64 and "licence" in said for key, (_, said) in loaders.KNOWN.items() if key != found.key)


def test_cases_of_several_charges_and_rare_charges_are_left_out_and_said(tmp_path: Path) -> None:
    several, alone = {"question": "事实:x", "answer": "罪名:A;B"}, {"question": "事实:y", "answer": "罪名:C"}
    items = [*json.loads(BENCH), several, alone]
    (tmp_path / "a.json").write_text(json.dumps(items), encoding="utf-8")
    found = open_cases(tmp_path / "a.json")
    assert same(found) and "1 case with several charges or none is left out" in found.notes
    assert "1 case of charges with fewer than 5 is left out" in found.notes
    assert "C" in read_cases(tmp_path / "a.json").charges, "what asks for all cases keeps it"


def test_cases_told_twice_are_said_also_where_their_charges_differ(tmp_path: Path) -> None:
    twice = TABLE + f"0,{ROWS[0][0]},{ROWS[0][1]}\n" + f"0,{ROWS[1][0]},{ROWS[140][1]}\n"
    (tmp_path / "a.csv").write_text(twice, encoding="utf-8")
    said = open_cases(tmp_path / "a.csv").notes[1]
    assert said.startswith("2 cases are told again word by word, 1 of them with another charge")
    assert "one side of every wall" in said


def test_of_too_many_cases_frequent_charges_give_alike_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "MOST_CASES", 130)
    pairs = [*ROWS, *((f"{fact}再", label) for fact, label in ROWS[:25])]
    found = data.cases_of("many", pairs, "ab" * 32, "many")
    assert found.notes == ("126 of 175 cases are taken, of frequent charges alike many",)
    assert sorted(map(list(found.labels).count, range(6))) == [21] * 6


def bad_files() -> Iterator[tuple[str, bytes, str]]:
    yield "a.csv", b"id,text\n0,x\n", "it has no column label, but id, text"
    yield "a.csv", b"", "it has no column text, but none"
    yield "a.csv", b"text,label\nx,y\nz\n", "case 2 has no label"
    yield "a.csv", b"text,label\n ,y\n", "case 1 has no facts"
    yield "a.csv", b"text,label\n\xff\xff,y\n", "neither UTF-8 .byte 11. nor GB18030"
    yield "a.json", b"[1]", "TypeError"
    yield "a.json", b'[{"question": 3, "answer": "x"}]', "AttributeError"
    yield "a.json", b"[{]", "JSONDecodeError"
    yield "a.json", b"3", "line 1: TypeError"
    yield "a.jsonl", b'{"fact": "x", "meta": {"accusation": ["y"]}}\n{"fact": "x"}\n', "line 2: KeyError: 'accusation'"
    yield "a.jsonl", b'{"fact": 3, "meta": {"accusation": ["y"]}}', "line 1: AttributeError"
    yield "a.json", b"[" * 200_000, "RecursionError"
    yield "a.jsonl", b'{"a":' * 200_000, "line 1: RecursionError"
    yield "a.whl", b"no zip", "is no wheel that can be read"
    yield "a.parquet", b"PAR1", "files end in .csv, .json, .jsonl or .whl"


@pytest.mark.parametrize(("name", "content", "words"), list(bad_files()), ids=lambda each: str(each)[:30])
def test_bad_input_is_one_sentence(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput, match=words) as said:
        open_cases(tmp_path / name)
    assert "\n" not in str(said.value) and name in str(said.value)


def test_what_is_missing_or_too_large_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path, words in ((tmp_path / "none.csv", "is no file"), (tmp_path, "holds none of training_data/train.csv")):
        with pytest.raises(BadInput, match=words):
            open_cases(path)
    with pytest.raises(BadInput, match=r"holds no lawbench/\.\.\./train\.csv"):
        open_cases(wheel(tmp_path, ()))
    (tmp_path / "large.csv").touch()
    with (tmp_path / "large.csv").open("r+b") as file:
        file.truncate(3 << 30)  # sparse: several gigabytes that take no room
    with pytest.raises(BadInput, match="has 3,221,225,472 bytes, and may have 1,073,741,824"):
        open_cases(tmp_path / "large.csv")
    monkeypatch.setattr(loaders, "LARGEST", 1000)
    with pytest.raises(BadInput, match=r"train.csv has \d+,\d+ bytes, and may have 1,000"):
        open_cases(wheel(tmp_path))
    (tmp_path / "one.csv").write_text("text,label\nx,y\nz,y\n")
    with pytest.raises(BadInput, match="has 1 charge, and at least 2"):
        read_cases(tmp_path / "one.csv")


def test_a_run_says_where_its_cases_are_from_and_bad_input_ends_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cases = sample()
    rows = [f"{fact},{cases.charges[label]}\n" for fact, label in zip(cases.facts, cases.labels, strict=True)]
    (tmp_path / "a.csv").write_text("text,label\n" + "".join(rows), encoding="utf-8")
    words = ["run", "legal", "--model", "prior", "--levers", "harness", "--generations", "1", "--workers", "1"]
    assert main([*words, "--budget", "evaluations=150", "--data", "a.csv"]) == 0
    said = capsys.readouterr().out
    assert "a.csv is no file that is known here (SHA-256 " in said
    assert f"reference ({NAME}), told and asked the same as a pipeline without an adapter: accuracy 0." in said
    (tmp_path / "b.csv").write_text("fact,charge\nx,y\n")
    assert main([*words, "--data", "b.csv"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "b.csv cannot be read (ValueError: it has no column text, but fact, charge)" in line
