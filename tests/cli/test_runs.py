"""`kernelevo runs list|show|diff`: from the record alone, and nothing modelled is compared with anything measured."""

from __future__ import annotations

import json

from cli.conftest import KERNEL, ScriptedBench, Shell


def test_a_list_shows_every_run_oldest_first(shell: Shell) -> None:
    for _ in range(2):
        shell("optimize", "twice.cu", "--evaluations", "6")
    rows = json.loads(shell("runs", "list", "--json")[1])
    assert [row["task"] for row in rows] == ["twice", "twice"] and rows[0]["began"] <= rows[1]["began"]
    code, out, _ = shell("runs", "list")
    assert code == 0 and all(row["run"] in out for row in rows) and "modelled" in out


def test_a_run_that_cannot_be_read_hides_none_of_the_others(shell: Shell) -> None:
    shell("optimize", "twice.cu", "--evaluations", "6")
    shell.write("runs/00000000/run.db", "not a database" * 100)
    code, out, _ = shell("runs", "list", "--json")
    states = {row["run"]: row["state"] for row in json.loads(out)}
    assert code == 0 and "damaged" in states["00000000"] and len(states) == 2
    assert shell("runs", "show", "00000000")[0] == 3


def test_an_empty_list_says_how_to_make_a_run(shell: Shell) -> None:
    code, out, _ = shell("runs", "list")
    assert code == 0 and "kernelevo optimize" in out
    assert json.loads(shell("runs", "list", "--json")[1]) == []


def test_show_tells_the_same_as_the_run_did(shell: Shell) -> None:
    told = json.loads(shell("optimize", "twice.cu", "--json")[1])
    code, out, _ = shell("runs", "show", "last", "--json")
    assert code == 0 and json.loads(out) == {**told, "best_path": None, "evidence_path": None}
    assert "times as fast" in shell("runs", "show", told["run_id"][:6])[1]


def test_show_of_a_failed_start_says_why(shell: Shell) -> None:
    shell.write("twice.cu", KERNEL + "// status wrong\n")
    shell("optimize", "twice.cu")
    code, out, _ = shell("runs", "show", "last")
    assert code == 1 and "past the end" in out
    assert "wrong" in json.loads(shell("runs", "list", "--json")[1])[0]["state"]


def test_diff_of_one_run_is_start_against_best(shell: Shell) -> None:
    shell("optimize", "twice.cu")
    code, out, _ = shell("runs", "diff", "last")
    assert (
        code == 0 and "-// 100 us" in out and "warp instructions 1,000 ->" in out and "modelled on virtual:h100" in out
    )


def test_diff_of_two_runs_compares_their_bests(shell: Shell) -> None:
    slow = json.loads(shell("optimize", "twice.cu", "--evaluations", "5", "--json")[1])
    fast = json.loads(shell("optimize", "twice.cu", "--json")[1])
    code, out, _ = shell("runs", "diff", slow["run_id"], fast["run_id"], "--json")
    assert code == 0 and json.loads(out)["speedup"] == slow["best_us"] / fast["best_us"]


def test_runs_of_different_devices_or_ways_of_timing_are_never_compared(shell: Shell) -> None:
    benches = [ScriptedBench(), ScriptedBench("virtual:a100"), ScriptedBench(how="measured")]
    names = []
    for bench in benches:
        _, out, _ = shell.with_bench(lambda bench=bench: bench)("optimize", "twice.cu", "--json")
        names.append(json.loads(out)["run_id"])
    for other in names[1:]:
        code, out, err = shell("runs", "diff", names[0], other)
        assert (code, out) == (2, "") and "never compared" in err
