"""What counts as stopped, what is open, and what the command makes of it."""

from __future__ import annotations

import json

import pytest

from kernelevo.redteam.attack import Attack, Outcome, Skipped
from kernelevo.redteam.attacks import corpus
from kernelevo.redteam.control import Control, Controlled
from kernelevo.redteam.row import caught, outside, stopped
from kernelevo.redteam.rows import ROWS
from kernelevo.redteam.score import RowScore, Scored, by_row, score_attack
from kernelevo.redteam.scorecard import COLUMNS, Scorecard, as_json, summary, table
from redteam.table import AGAIN, DOCUMENT, RESULTS, written

FAILS, SUCCEEDS = Outcome(False, "wrong", "one element is wrong"), Outcome(True, "passed", "1 us")
MISSING = Skipped("there is no card")


def attack(defended: Outcome | Skipped, control: Outcome | Skipped, rows: tuple[str, ...] = ("H1",)) -> Attack:
    name = f"{defended} {control} {rows}"
    return Attack(name, rows, "tries", "device code", ("poison",), lambda _, on: defended if on else control)


def scored(*outcomes: Outcome | Skipped, rows: tuple[str, ...] = ("H1",)) -> Scored:
    return score_attack(attack(*outcomes, rows=rows), None)  # type: ignore[arg-type]


def card(*scores: Scored, controls: tuple[Controlled, ...] = ()) -> Scorecard:
    rows = [caught("H1", "a cheat", "a check"), stopped("H2", "another", "no host code"), outside("H3", "last", "cost")]
    return Scorecard("virtual:h100", tuple(by_row(rows, scores)), controls)


@pytest.mark.parametrize(
    ("outcomes", "state"),
    [
        ((FAILS, SUCCEEDS), "holds"),
        ((FAILS, FAILS), "unproven"),
        ((SUCCEEDS, SUCCEEDS), "open"),
        ((SUCCEEDS, FAILS), "open"),
        ((MISSING, SUCCEEDS), "skipped"),
        ((FAILS, MISSING), "skipped"),
    ],
)
def test_an_attack_is_stopped_only_if_its_control_succeeds(outcomes: tuple[Outcome, Outcome], state: str) -> None:
    one = scored(*outcomes)
    assert one.state == state
    assert card(one).good == (state in ("holds", "skipped"))
    assert bool(one.reason) == (state != "holds")


def test_a_row_is_open_if_any_of_its_attacks_is() -> None:
    row = caught("H1", "a cheat", "a check")
    assert not RowScore(row, (scored(FAILS, SUCCEEDS),)).open
    assert RowScore(row, (scored(FAILS, SUCCEEDS), scored(SUCCEEDS, SUCCEEDS))).open
    assert not RowScore(row, (scored(MISSING, MISSING),)).shown


def test_the_table_says_what_became_of_each_row() -> None:
    whole = card(scored(FAILS, SUCCEEDS), scored(SUCCEEDS, SUCCEEDS, rows=("H2",)))
    lines = list(table(whole))
    assert all(len(line) == len(COLUMNS) for line in lines)
    answers = {line[0]: line[1] for line in lines}
    assert answers == {"H1": "caught at run time", "H2": "OPEN", "H3": "out of scope"}
    assert lines[0][2:5] == ("wrong", "poison", "passed")
    unshown = list(table(card(scored(MISSING, MISSING))))
    assert unshown[0][1] == "not shown here" and "skipped" in unshown[0][2]


def test_the_summary_counts_by_door_and_names_what_is_open_failed_or_skipped() -> None:
    failed = Controlled(Control("an honest sum", True, lambda _: FAILS), FAILS)
    words = "\n".join(summary(card(scored(SUCCEEDS, FAILS), scored(MISSING, FAILS, rows=("H2",)), controls=(failed,))))
    assert "OPEN" in words and "passed: 1 us" in words
    assert "FAILED control an honest sum: wrong: one element is wrong" in words
    assert "skipped" in words and "there is no card" in words
    assert "0 of 1 honest kernels pass" in words
    assert "1 device code" in "\n".join(summary(card(scored(FAILS, SUCCEEDS))))


def test_a_failed_control_is_as_bad_as_an_open_row() -> None:
    good, bad = (Controlled(Control("sum", True, lambda _, one=one: one), one) for one in (SUCCEEDS, FAILS))
    wrong = Controlled(Control("zeros", False, lambda _: SUCCEEDS), SUCCEEDS)
    assert card(scored(FAILS, SUCCEEDS), controls=(good,)).good
    assert not card(scored(FAILS, SUCCEEDS), controls=(bad,)).good
    assert not card(scored(FAILS, SUCCEEDS), controls=(wrong,)).good


def test_the_data_for_machines_name_every_attack_and_row() -> None:
    data = as_json(card(scored(FAILS, SUCCEEDS)))
    assert json.loads(json.dumps(data)) == data
    assert [row["row"] for row in data["rows"]] == ["H1", "H2", "H3"] and data["good"] is True
    assert data["attacks"][0] | {"name": ""} == {
        "name": "", "rows": ["H1"], "title": "tries", "door": "device code", "defences": ["poison"], "state": "holds",
        "status": "wrong", "control": "passed", "reason": "",
    }  # fmt: skip


def test_names_of_attacks_are_unique() -> None:
    names = [each.name for each in corpus()]
    assert len(set(names)) == len(names)


def test_the_document_shows_what_is_recorded() -> None:
    recorded = json.loads(RESULTS.read_text(encoding="utf-8"))["attacks"]
    assert DOCUMENT.read_text(encoding="utf-8") == written(corpus(), recorded), AGAIN
    assert all(f"| {row.number} |" in DOCUMENT.read_text(encoding="utf-8") for row in ROWS)
