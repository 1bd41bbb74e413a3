"""A run's harness is looked at, taken over and taken back; what people changed meanwhile is never overwritten."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kernelevo.cli import main
from kernelevo.harness import harness_key

SHIPPED = Path(__file__).parents[2] / "harness" / "default"
Shell = Callable[..., tuple[int, str, str]]


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    monkeypatch.chdir(tmp_path)
    for name in ("KERNELEVO_RUNS", "KERNELEVO_HARNESS"):
        monkeypatch.delenv(name, raising=False)
    shutil.copytree(SHIPPED, tmp_path / "harness" / "default")
    _run(tmp_path / "runs" / "aaaaaaaa")

    def call(*words: str) -> tuple[int, str, str]:
        code = main(list(words))
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def _run(folder: Path) -> None:
    """What a run of the loop leaves: it began with the shipped harness and kept a warmer one."""
    shutil.copytree(SHIPPED, folder / "start" / "harness")
    shutil.copytree(SHIPPED, folder / "harness")
    decisions = folder / "harness" / "decisions.toml"
    decisions.write_text(decisions.read_text().replace("temperature = 1.0", "temperature = 1.2"))
    (folder / "run.db").write_bytes(b"")
    for number, gate in enumerate(
        [
            {"lever": "harness", "result": "reject", "reason": "not this one"}, None,
            {"lever": "harness", "result": "accept", "reason": "replies \x1b[31mrepeat"},
            {"lever": "weights", "result": "accept", "reason": "nor this"},
        ]
    ):  # fmt: skip
        (folder / f"gen_{number}").mkdir()
        (folder / f"gen_{number}" / "gate.json").write_text(json.dumps(gate))


def key() -> str:
    return harness_key(Path("harness/default"))


def test_diff_shows_the_patch_and_the_reasons_of_what_was_accepted(shell: Shell) -> None:
    code, out, _ = shell("harness", "diff", "last")
    assert code == 0 and "accepted: generation 2: replies \\x1b[31mrepeat" in out and "not this" not in out
    assert "-temperature = 1.0\n+temperature = 1.2\n" in out and "nor this" not in out
    told = json.loads(shell("harness", "diff", "last", "--json")[1])
    assert told["run"] == "aaaaaaaa" and "+temperature = 1.2" in told["patch"] and len(told["reasons"]) == 1


def test_adopt_and_roll_back(shell: Shell) -> None:
    before = key()
    code, out, _ = shell("harness", "adopt", "aaaa")
    assert code == 0 and "adopted run aaaaaaaa into harness/default" in out and key() != before
    receipt = json.loads(Path("harness/.adopted/default/1/receipt.json").read_text())
    assert receipt["before"] == before and receipt["after"] == key() == harness_key(Path("runs/aaaaaaaa/harness"))
    assert receipt["run"] == "aaaaaaaa" and not receipt["rolled_back"] and "generation 2" in receipt["reasons"][0]
    assert shell("harness", "diff", "last")[1] == (
        "accepted: generation 2: replies \\x1b[31mrepeat\n"
        "run aaaaaaaa kept what is in harness/default; there is no difference\n"
    )
    code, out, _ = shell("harness", "rollback", "--json")
    assert code == 0 and key() == before and json.loads(out)["rolled_back"]
    code, _, err = shell("harness", "rollback")
    assert code == 2 and "nothing was adopted" in err


def test_adoptions_are_numbered_and_taken_back_one_by_one(shell: Shell) -> None:
    first = key()
    shell("harness", "adopt", "last")
    second = key()
    shutil.copytree("runs/aaaaaaaa", "runs/bbbbbbbb")
    shutil.rmtree("runs/bbbbbbbb/start/harness")
    shutil.copytree("harness/default", "runs/bbbbbbbb/start/harness")
    Path("runs/bbbbbbbb/harness/system.md").write_text("Be brief.\n")
    assert shell("harness", "adopt", "bbbb")[0] == 0 and key() not in (first, second)
    assert shell("harness", "rollback")[0] == 0 and key() == second
    assert shell("harness", "rollback")[0] == 0 and key() == first
    assert shell("harness", "adopt", "aaaa")[0] == 0 and Path("harness/.adopted/default/3/before").is_dir()


def test_what_people_changed_is_not_overwritten(shell: Shell) -> None:
    Path("harness/default/system.md").write_text("Mine.\n")
    code, _, err = shell("harness", "adopt", "last")
    assert code == 2 and "is not the harness that run aaaaaaaa began with" in err
    assert Path("harness/default/system.md").read_text() == "Mine.\n" and not Path("harness/.adopted").exists()


def test_nor_after_an_adoption(shell: Shell) -> None:
    shell("harness", "adopt", "last")
    Path("harness/default/system.md").write_text("Mine.\n")
    code, _, err = shell("harness", "rollback")
    assert code == 2 and "was changed since" in err and Path("harness/default/system.md").read_text() == "Mine.\n"


def test_hidden_files_of_people_stay(shell: Shell) -> None:
    Path("harness/default/.notes").write_text("mine")
    assert shell("harness", "adopt", "last")[0] == 0 and Path("harness/default/.notes").read_text() == "mine"


def test_twice_is_once(shell: Shell) -> None:
    shell("harness", "adopt", "last")
    code, _, err = shell("harness", "adopt", "last")
    assert code == 2 and "nothing to adopt" in err


def test_a_run_that_kept_its_start_has_nothing_to_adopt(shell: Shell) -> None:
    shutil.rmtree("runs/aaaaaaaa/harness")
    shutil.copytree(SHIPPED, "runs/aaaaaaaa/harness")
    code, _, err = shell("harness", "adopt", "last")
    assert code == 2 and "nothing to adopt" in err


def test_a_run_without_a_harness_is_named(shell: Shell) -> None:
    shutil.rmtree("runs/aaaaaaaa/harness")
    code, _, err = shell("harness", "diff", "last")
    assert code == 2 and "kept no harness" in err and err.count("\n") == 1
    assert shell("harness", "diff", "zzz")[0] == 2


def test_the_installed_harness_is_not_written(shell: Shell) -> None:
    shutil.rmtree("harness")
    code, _, err = shell("harness", "adopt", "last")
    assert code == 2 and "kernelevo init" in err
    shutil.copytree(SHIPPED, "elsewhere")
    assert shell("harness", "adopt", "last", "--to", "elsewhere")[0] == 0
    assert shell("harness", "rollback", "--to", "elsewhere")[0] == 0 and harness_key(Path("elsewhere")) == harness_key(
        SHIPPED
    )


def test_a_kept_harness_that_is_none_changes_nothing(shell: Shell) -> None:
    Path("runs/aaaaaaaa/harness/decisions.toml").write_text("broken")
    before = key()
    code, _, err = shell("harness", "adopt", "last")
    assert code == 2 and "this is no TOML" in err and key() == before and not Path("harness/.adopted").exists()


def test_an_adoption_that_was_killed_before_the_folder_was_written_can_be_taken_back(shell: Shell) -> None:
    before = key()
    shell("harness", "adopt", "last")
    shutil.rmtree("harness/default")
    assert shell("harness", "rollback")[0] == 0 and key() == before
