"""Run ids sort by time, and a run is found by as much of its id as one must type."""

from __future__ import annotations

from pathlib import Path

import pytest

from kernelevo.errors import BadInput
from kernelevo.stores.folders import ALPHABET, find_run, new_run_folder, new_run_id, run_folders

NOW = 1_800_000_000


def test_ids_sort_by_time_and_are_easy_to_type() -> None:
    ids = [new_run_id(NOW + second) for second in range(0, 100_000, 997)]
    assert ids == sorted(ids)
    assert all(len(name) == 8 and set(name) <= set(ALPHABET) for name in ids)


def test_two_runs_of_one_second_have_different_folders(tmp_path: Path) -> None:
    assert len({new_run_folder(tmp_path / "runs") for _ in range(5)}) == 5


def test_runs_of_one_second_lie_in_the_order_in_which_they_began(tmp_path: Path) -> None:
    folders = [new_run_folder(tmp_path / "runs") for _ in range(20)]
    assert folders == sorted(folders)
    assert new_run_id(NOW) < new_run_id(NOW + 0.002)


def make(runs: Path, *names: str) -> None:
    for name in names:
        (runs / name).mkdir()
        (runs / name / "run.db").touch()


def test_a_run_is_found_by_a_prefix_that_only_it_has(tmp_path: Path) -> None:
    make(tmp_path, "2abc0000", "2abd0000")
    (tmp_path / "notes").mkdir()
    assert [folder.name for folder in run_folders(tmp_path)] == ["2abc0000", "2abd0000"]
    assert find_run(tmp_path, "2ABC").name == "2abc0000"
    assert find_run(tmp_path, "last").name == "2abd0000"
    with pytest.raises(BadInput, match="several runs"):
        find_run(tmp_path, "2ab")


@pytest.mark.parametrize("name", ["", "zzz", "last", "../x"])
def test_a_run_that_is_not_there_is_bad_input(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match="runs list"):
        find_run(tmp_path / "nothing", name)


def test_a_place_that_cannot_hold_runs_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInput):
        new_run_folder(tmp_path / "file" / "runs")


def test_a_file_system_that_refuses_is_bad_input_naming_the_option() -> None:
    with pytest.raises(BadInput, match="--runs"):
        new_run_folder(Path("/sys/kernelevo"))
