"""`kernelevo optimize` and `resume`, as typed by a user, with scripted parts."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest
from cli.conftest import KERNEL, PROBLEM, Halver, ScriptedBench, Shell

from kernelevo.errors import SandboxBroken, WallUnavailable
from kernelevo.types import Status


def test_the_report_says_what_was_found_where_and_how(shell: Shell) -> None:
    code, out, err = shell("optimize", "twice.cu")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].startswith("device virtual:h100 (modelled, not calibrated): the default")
    assert "times as fast" in out and "modelled on virtual:h100" in out and "band 5%" in out
    assert "warp instructions" in out and "DRAM bandwidth" in out
    assert "The one check passed" in out and "changed: halve" in out
    assert "-// 100 us" in out and "kernelevo check best/twice.cu --problem twice.problem.py" in out
    assert "ended: best" in err


def test_json_is_one_object_and_nothing_else(shell: Shell) -> None:
    code, out, err = shell("optimize", "twice.cu", "--json")
    result = json.loads(out)
    assert code == 0 and err.startswith("device virtual:h100")
    assert {
        "run_id",
        "device",
        "how",
        "baseline_us",
        "best_us",
        "speedup",
        "evaluations",
        "passed",
        "best_path",
    } <= set(result)
    assert (result["device"], result["how"], result["passed"]) == ("virtual:h100", "modelled", True)
    assert result["baseline_us"] == 100.0 and result["best_us"] < 7
    assert result["notes"] == ["checker self-test: scripted", "scripted rules"]
    assert result["speedup"] == pytest.approx(result["baseline_us"] / result["best_us"])
    case = result["cases"][0]
    assert case["counters"]["start"]["warp instructions"] == 1000 > case["counters"]["best"]["warp instructions"]
    assert Path(result["best_path"]).is_file() and (Path("runs") / result["run_id"] / "run.db").is_file()


def test_the_best_kernel_stands_alone_and_was_judged_as_written(shell: Shell) -> None:
    bench = ScriptedBench()
    _, out, _ = shell.with_bench(lambda: bench)("optimize", "twice.cu", "--json", "--workers", "1")
    text = Path("best/twice.cu").read_text()
    head = text[: text.index("// 6.25 us")]
    assert all(line.startswith("//") for line in head.splitlines())
    assert json.loads(out)["run_id"] in head and "kernelevo check" in head
    assert text[len(head) :] in [candidate.text for candidate in bench.full.asked if not candidate.defines]


def test_macros_set_from_outside_are_written_into_the_file(shell: Shell) -> None:
    class OnlyBlocks(Halver):
        def propose(self, parent, tried, limit):
            return [made for made in super().propose(parent, tried, limit + 2) if made.defines][:limit]

    code, _, _ = shell.with_bench(ScriptedBench, [OnlyBlocks()])("optimize", "twice.cu")
    assert code == 0 and "#define BLOCK 256\n" in Path("best/twice.cu").read_text()


def test_nothing_faster_is_said_in_so_many_words(shell: Shell) -> None:
    code, out, _ = shell.with_bench(ScriptedBench, [])("optimize", "twice.cu", "--out", "mine/best.cu")
    assert code == 0 and "Nothing faster found" in out
    assert Path("mine/best.cu").read_text().endswith(KERNEL)
    assert json.loads(shell.with_bench(ScriptedBench, [])("optimize", "twice.cu", "--json")[1])["speedup"] == 1.0


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (status, {"infra": 3, "unsupported": 4, "inconclusive": 4}.get(status, 1))
        for status in Status
        if status != "passed"
    ],
)
def test_a_start_that_does_not_pass_has_its_exit_code(shell: Shell, status: str, expected: int) -> None:
    shell.write("twice.cu", KERNEL + f"// status {status}\n")
    code, out, err = shell("optimize", "twice.cu")
    assert code == expected and "twice.cu:9: past the end" in out
    assert ("did not pass" in out) == (status != "infra") and ("kernelevo resume" in err) == (status == "infra")
    code, out, _ = shell("optimize", "twice.cu", "--json")
    assert code == expected
    assert json.loads(out)["passed"] is False and json.loads(out)["start"]["status"] == status
    assert not Path("best").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["optimize", "none.cu"], "no kernel file none.cu"),
        (["optimize", "alone.cu"], "no problem file alone.problem.py"),
        (["optimize", "twice.cu", "--case", "m=3"], "m"),
        (["optimize", "twice.cu", "--case", "n=banana"], "banana"),
        (["optimize", "twice.cu", "--evaluations", "2"], "at least 5"),
        (["optimize", "twice.cu", "--seconds", "0"], "positive"),
        (["optimize", "twice.cu", "--workers", "0"], "at least 1"),
        (["optimize", "twice.cu", "-D", "1x=3"], "no macro name"),
        (["optimize", "twice.cu", "--runs", "twice.cu"], "--runs"),
        (["optimize", "broken.cu"], "broken.problem.py"),
        (["optimize"], "Missing argument"),
        (["optimize", "twice.cu", "--fast"], "--fast"),
        (["optimize", "."], ". is a folder; give the kernel file"),
        (["optimize", "twice.problem.py"], "Python file"),
        (["optimize", "exits.cu"], "SystemExit"),
        (["optimize", "own.cu"], "line 2: it cannot be imported: Own: two lines; correct it"),
        (["optimize", "typo.cu"], "typo.cu:6:19: 'luanch' is no line of a plan"),
        (["optimize", "twice.cu", "--seed", "-5"], "--seed -5 is negative"),
        (["optimize", "twice.cu", "--std", "c++99"], "no C++ standard 'c++99'"),
        (["optimize", "twice.cu", "--patience", "0"], "--patience 0"),
        (["optimize", "twice.cu", "--case", "n=8", "--case", "n=8"], "given twice"),
        (["optimize", "latin.cu"], "latin.cu is no text in UTF-8 (byte 3 is 0xe9)"),
        (["import", "."], "is a folder"),
        (["import", "twice.cu"], "nothing to import"),
        (["new", "other", "--folder", "twice.cu"], "--folder"),
        (["resume", "last"], "no run"),
        (["check", "none.cu"], "none.cu"),
        (["eval", "twice.cu", "--jsonl", "none.jsonl"], "none.jsonl"),
        (["frobnicate"], "frobnicate"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(shell: Shell, words: list[str], sentence: str) -> None:
    shell.write("alone.cu", KERNEL)
    shell.write("broken.cu", KERNEL)
    shell.write("broken.problem.py", "problem = 1/0\n")
    for name, problem in (
        ("exits", "import sys\nsys.exit(0)\n"),
        ("own", "class Own(Exception): ...\nraise Own('two\\nlines')\n"),
        ("typo", PROBLEM),
        ("latin", PROBLEM),
    ):
        shell.write(f"{name}.cu", KERNEL.replace(" launch", " luanch") if name == "typo" else KERNEL)
        shell.write(f"{name}.problem.py", problem)
    Path("latin.cu").write_bytes(b"// \xe9\n" + KERNEL.encode())
    code, _out, err = shell(*words)
    assert code == 2 and sentence in err and "Traceback" not in err
    assert not Path("runs").exists() or not any(Path("runs").iterdir())


@pytest.mark.parametrize("place", ["twice.cu/best.cu", ".", "twice.cu"])
def test_a_place_that_cannot_be_written_is_said_before_the_search(shell: Shell, place: str) -> None:
    start = Path("twice.cu").read_text()
    code, _, err = shell("optimize", "twice.cu", "--out", place)
    assert code == 2 and "--out" in err and not Path("runs").exists()
    assert Path("twice.cu").read_text() == start


def test_a_place_that_turns_bad_costs_neither_the_report_nor_the_run(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("kernelevo.report_file.os.replace", full)
        code, out, err = shell("optimize", "twice.cu")
    assert code == 3 and "kernelevo resume last" in err and "times as fast" in out
    code, out, _ = shell("resume", "last", "--json")
    assert code == 0 and Path(json.loads(out)["best_path"]).is_file()
    code, out, _ = shell("runs", "show", "last", "--json")
    assert code == 0 and json.loads(out)["passed"] is True


class Counting(ScriptedBench):
    """Raises after some evaluations, as Ctrl-C or a dead wall does."""

    left = 5
    fault: type[BaseException] = KeyboardInterrupt

    def judge(self, candidate):
        Counting.left -= 1
        if Counting.left < 0:
            raise self.fault("stop")
        return super().judge(candidate)


def test_an_interrupted_run_says_how_to_go_on_and_does(shell: Shell) -> None:
    Counting.left = 5
    code, out, err = shell.with_bench(Counting)("optimize", "twice.cu", "--workers", "1")
    assert code == 130 and "5 evaluations" in err and "kernelevo resume" in err
    name = err.split("kernelevo resume ")[1].split("`")[0]
    code, out, _ = shell("resume", name, "--json")
    resumed = json.loads(out)
    assert code == 0 and resumed["run_id"] == name and resumed["passed"]
    whole = json.loads(shell("optimize", "twice.cu", "--json")[1])
    assert (resumed["best_us"], resumed["evaluations"]) == (whole["best_us"], whole["evaluations"])


def test_a_wall_that_cannot_be_built_is_our_fault(shell: Shell) -> None:
    def refuse():
        raise WallUnavailable("no layer can be built; --unsafe runs without")

    code, _out, err = shell.with_bench(refuse)("optimize", "twice.cu")
    assert code == 3 and err == "kernelevo: no layer can be built; --unsafe runs without\n"


def test_a_wall_that_dies_all_the_time_stops_the_run_as_our_fault(shell: Shell) -> None:
    class Dead(ScriptedBench):
        def judge(self, candidate):
            if "// 100 us" in candidate.text:
                return super().judge(candidate)
            raise SandboxBroken("the worker died")

    class Many(Halver):
        def propose(self, parent, tried, limit):
            return [type(parent.candidate)(f"// {n} us\n") for n in range(50, 60)][:limit]

    code, _, err = shell.with_bench(Dead, [Many()])("optimize", "twice.cu")
    assert code == 3 and "in a row" in err and "Traceback" not in err


def test_a_fault_of_the_program_is_never_the_kernels(shell: Shell) -> None:
    class Buggy(ScriptedBench):
        def judge(self, candidate):
            raise ZeroDivisionError("a bug")

    code, _, err = shell.with_bench(Buggy)("optimize", "twice.cu")
    assert code == 3 and "fault of kernelevo" in err


@pytest.mark.parametrize("file", ["twice.cu", "twice.problem.py"])
def test_a_run_whose_files_have_changed_is_not_resumed(shell: Shell, file: str) -> None:
    shell("optimize", "twice.cu", "--evaluations", "5")
    path = shell.folder / file
    path.write_text(path.read_text().replace("x * 2", "x * 3").replace("2.0f", "3.0f"))
    code, _, err = shell("resume", "last")
    assert code == 2 and file in err and "has changed" in err


def test_a_finished_run_goes_on_with_more_evaluations(shell: Shell) -> None:
    first = json.loads(shell("optimize", "twice.cu", "--evaluations", "6", "--json")[1])
    second = json.loads(shell("resume", "last", "--evaluations", "40", "--json")[1])
    assert second["run_id"] == first["run_id"] and second["best_us"] < first["best_us"]


def test_the_device_can_come_from_the_environment_and_it_is_said(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERNELEVO_DEVICE", "virtual:a100")
    _, out, _ = shell.with_bench(lambda: ScriptedBench("virtual:a100"))("optimize", "twice.cu", "-q")
    assert out.startswith("device virtual:a100 (modelled, not calibrated): given by KERNELEVO_DEVICE")


def test_quiet_shows_no_progress(shell: Shell) -> None:
    assert shell("optimize", "twice.cu", "--quiet")[2] == ""
