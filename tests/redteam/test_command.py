"""`kernelevo redteam` as a person types it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from kernelevo.errors import NotInstalled
from kernelevo.redteam.attacks import corpus
from kernelevo.redteam.range import Range


def typed(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kernelevo", "redteam", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def compiler() -> None:
    with Range() as range_:
        try:
            range_.compiler  # noqa: B018
        except NotInstalled as missing:
            pytest.skip(f"the native part or the compiler is missing: {missing}")


def test_the_list_names_every_attack_and_makes_none() -> None:
    done = typed("--list")
    assert done.returncode == 0
    told = " ".join(done.stdout.split())
    assert all(attack.name.split(":")[0] in told for attack in corpus())


def test_a_row_that_is_none_is_bad_input() -> None:
    done = typed("--only", "H42,H106")
    assert done.returncode == 2 and "there is no row 'H106'" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("only", ["", ",", " , "])
def test_no_row_at_all_is_bad_input(only: str) -> None:
    done = typed("--only", only)
    assert done.returncode == 2 and "names no row" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("device", ["cuda:77", "cuda:x"])
def test_no_row_holds_on_a_card_that_is_not_there(compiler: None, device: str) -> None:
    done = typed("--only", "K1", "--device", device, "--json")
    assert done.returncode == 2 and not done.stdout and "Traceback" not in done.stderr


def test_what_is_beside_a_card_is_said(compiler: None) -> None:
    done = typed("--only", "K1", "--device", "cuda:virtual", "--json")
    assert done.returncode == 0, done.stderr
    where = "single calls on cuda:virtual, all else on virtual:h100"
    assert json.loads(done.stdout)["device"] == where and where in done.stderr


def test_the_list_is_json_where_that_is_asked_for() -> None:
    listed = json.loads(typed("--list", "--json").stdout)
    assert len(listed) == len(corpus()) and set(listed[0]) == {"rows", "door", "defence", "what"}


def test_a_device_that_is_none_is_bad_input() -> None:
    done = typed("--only", "H42", "--device", "virtual:none")
    assert done.returncode == 2 and "there is no device" in done.stderr and "Traceback" not in done.stderr


def test_rows_are_tried_one_by_one(compiler: None) -> None:
    done = typed("--only", "h42, K1", "--json")
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    assert data["good"] and [row["row"] for row in data["rows"]] == ["H42", "K1"]
    assert {"partial write", "scratch is zero at first"} <= {each["name"] for each in data["attacks"]}
    assert {each["state"] for each in data["attacks"]} == {"holds"} and data["controls"] == []


def test_a_person_sees_a_table_and_counts(compiler: None) -> None:
    done = typed("--only", "H45")
    assert done.returncode == 0, done.stderr
    assert "caught at run time" in done.stdout and "every_element" in done.stdout
    assert "1 attack: 1 holds" in done.stdout
