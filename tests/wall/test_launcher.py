"""The launcher itself: it says what it has, and where it can build nothing it refuses and runs nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from wall.conftest import NOBODY, Place, run_group

NO_ISOLATION = ["--no-namespaces", "--landlock-abi", "0"]


def test_where_files_cannot_be_isolated_nothing_is_run(place: Place) -> None:
    words = [place.launcher, *NO_ISOLATION, "--file-bytes", 9, "--write", place.scratch, "--"]
    result = run_group([*words, place.attacks, "write", place.scratch / "ran"])
    assert result.returncode == 125
    assert "neither namespaces nor Landlock" in result.stderr
    assert not (place.scratch / "ran").exists()


def test_unsafe_runs_it_with_the_layers_that_are_left(place: Place) -> None:
    words = [place.launcher, *NO_ISOLATION, "--unsafe", "--forks", 1, "--", place.attacks]
    assert run_group([*words, "read", place.secret]).returncode == 0
    assert run_group([*words, "tcp", place.tcp_port]).returncode == 1


def test_the_program_is_told_the_live_layers(place: Place, offered: dict[str, object]) -> None:
    shell = ["--read", "/usr/bin", "--read", "/bin", "--", "/bin/sh", "-c", "echo $KERNELEVO_WALL"]
    said = run_group([place.launcher, "--no-namespaces", "--landlock-abi", 1, *shell]).stdout.split()
    assert said == ["rlimits", "seccomp", *(["landlock:1"] if offered["landlock_abi"] else [])]


def test_the_probe_tells_what_this_machine_offers(place: Place) -> None:
    result = run_group([place.launcher, "--probe"])
    assert result.returncode == 0
    assert set(json.loads(result.stdout)) == {"landlock_abi", "namespaces", "seccomp", "root"}


def test_the_probe_tells_root_from_an_ordinary_user(place: Place) -> None:
    as_self = json.loads(run_group([place.launcher, "--probe"]).stdout)
    if not as_self["root"]:
        pytest.skip("only root can become another user")
    assert json.loads(run_group([*NOBODY, place.launcher, "--probe"]).stdout)["root"] is False


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--colour", "--", "/bin/true"], "no option --colour"),
        (["--forks", "many", "--", "/bin/true"], "--forks needs a whole number, not 'many'"),
        (["--forks"], "--forks needs a value"),
        (["--forks", "1"], "no command"),
    ],
)
def test_a_wrong_option_is_named(place: Place, words: list[str], sentence: str) -> None:
    result = run_group([place.launcher, *words])
    assert result.returncode == 125
    assert sentence in result.stderr


def test_a_program_that_is_not_there_is_named(place: Place, tmp_path: Path) -> None:
    result = run_group([place.launcher, "--", tmp_path / "absent"])
    assert result.returncode == 125
    assert "absent" in result.stderr


def test_the_exit_status_and_the_signal_of_the_program_come_through(place: Place) -> None:
    shell = [place.launcher, "--read", "/usr/bin", "--read", "/bin", "--", "/bin/sh", "-c"]
    assert run_group([*shell, "exit 3"]).returncode == 3
    assert run_group([place.launcher, "--no-namespaces", *shell[1:], "kill -SEGV $$"]).returncode == -11
