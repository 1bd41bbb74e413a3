"""`kernelevo check --sanitize` and `eval --sanitize`: findings for a person, for a machine and for code scanning."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from cli.conftest import KERNEL, ScriptedBench, Shell
from report.sarif_model import read_log

from kernelevo.types import Candidate, Fault, Party, SourceLine, Status, Verdict

LINE = SourceLine("twice.cu", 9)
PARTY = Party("store", "twice", (0, 0, 0), (33, 0, 0), SourceLine("twice.cu", 8), 21, "st.shared.f32 [%r1], %f1")
RACE = Fault(
    "race", "nothing orders the two", "twice", source=LINE, ptx_line=23, instruction="ld.shared.f32 %f2, [%r1]",
    others=(PARTY,), cases=("n=1000",), launched=SourceLine("twice.cu", 6), block_dim=(128, 1, 1),
)  # fmt: skip
REMARK = dataclasses.replace(RACE, kind="uninitialised_value", message="nobody wrote it", others=())


class Racy(ScriptedBench):
    """Finds a race in every kernel, as often as it may tell."""

    def sanitized(self, candidate: Candidate, most_findings: int) -> Verdict:
        found = tuple(dataclasses.replace(RACE, ptx_line=line) for line in range(min(most_findings, 30)))
        failed = dataclasses.replace(self.failed(candidate, Status.RACE), findings=found)
        clean = super().sanitized(candidate, most_findings)
        return dataclasses.replace(failed, sanitizing=clean.sanitizing)


class Remarking(ScriptedBench):
    def sanitized(self, candidate: Candidate, most_findings: int) -> Verdict:
        return dataclasses.replace(super().sanitized(candidate, most_findings), remarks=(REMARK,))


def test_a_clean_kernel_is_0_and_says_what_was_checked(shell: Shell) -> None:
    code, out, _ = shell("check", "twice.cu", "--sanitize")
    assert code == 0
    assert "passed on virtual:h100" in out
    assert "no errors; 1 case in 2 runs, 2 orders of threads, faults and races; took 0.5 s" in out
    assert "not checked: other sizes" in out


def test_a_race_is_1_and_told_with_both_lines(shell: Shell) -> None:
    code, out, _ = shell.with_bench(Racy)("check", "twice.cu", "--sanitize", "--max-findings", "1")
    assert code == 1
    assert "error 1 Race: nothing orders the two\n  at twice.cu:9\n" in out
    assert ">  9 |   if (i < n) y[i] = x[i] * 2.0f;" in out and "> 8 |   int i =" in out
    assert "1 error (1 race)" in out and "\x1b" not in out


@pytest.mark.parametrize(("words", "found"), [((), 20), (("--max-findings", "3"), 3), (("--max-findings", "1000"), 30)])
def test_the_number_of_findings_can_be_chosen(shell: Shell, words: tuple[str, ...], found: int) -> None:
    code, out, _ = shell.with_bench(Racy)("check", "twice.cu", "--sanitize", "--json", *words)
    assert code == 1 and len(json.loads(out)["findings"]) == found


def test_remarks_alone_are_0(shell: Shell) -> None:
    code, out, _ = shell.with_bench(Remarking)("check", "twice.cu", "--sanitize")
    assert code == 0 and "remark 1 Uninitialised value: nobody wrote it" in out
    assert "no errors, 1 remark (1 uninitialised_value)" in out


def test_json_is_one_object_with_findings_and_what_was_covered(shell: Shell) -> None:
    code, out, err = shell.with_bench(Racy)("check", "twice.cu", "--sanitize", "--json")
    shown = json.loads(out)
    assert code == 1 and err.startswith("device")
    assert (shown["status"], shown["score_us"]) == ("race", None)
    assert shown["findings"][0]["others"][0]["line"] == 8 and shown["findings"][0]["launch_line"] == 6
    assert shown["sanitizing"]["looked_for"] == ["faults", "races"]


@pytest.mark.parametrize("bench", [ScriptedBench, Racy, Remarking])
def test_sarif_is_written_beside_what_is_printed(shell: Shell, bench: type[ScriptedBench]) -> None:
    code, out, _ = shell.with_bench(bench)("check", "twice.cu", "--sanitize", "--sarif", "out/twice.sarif")
    (run,) = read_log(Path("out/twice.sarif").read_text()).runs
    assert run.invocations[0].exitCode == code == (bench is Racy)
    assert len(run.results) == {ScriptedBench: 0, Racy: 20, Remarking: 1}[bench]
    assert all(result.locations[0].physicalLocation.artifactLocation.uri == "twice.cu" for result in run.results)
    assert "took" in out


def test_a_finding_of_a_file_with_host_code_has_the_users_line(shell: Shell) -> None:
    launcher = KERNEL.replace("#pragma kernelevo launch twice<<<ceildiv(n, BLOCK), BLOCK>>>(x, y, n)\n", "//\n")
    host = "void run(const float* x, float* y, int n) { twice<<<n / 128 + 1, 128>>>(x, y, n); }\n"
    shell.write("twice.cu", launcher.replace("#pragma kernelevo tune BLOCK 64 128 256\n", "//\n") + host)
    code, _, err = shell.with_bench(Racy)("check", "twice.cu", "--sanitize", "--sarif", "twice.sarif")
    assert code == 1, err
    (run,) = read_log(Path("twice.sarif").read_text()).runs
    assert run.results[0].locations[0].physicalLocation.region.snippet.text == "  if (i < n) y[i] = x[i] * 2.0f;"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("check", "missing.cu", "--sanitize"), "there is no kernel file missing.cu"),
        (("check", "twice.cu", "--sarif", "a.sarif"), "--sarif says what becomes of findings; give --sanitize"),
        (("check", "twice.cu", "--max-findings", "5"), "--max-findings says what becomes of findings"),
        (("eval", "twice.cu", "--max-findings", "5"), "--max-findings says what becomes of findings"),
        (("check", "twice.cu", "--sanitize", "--max-findings", "0"), "--max-findings 0 is not from 1 to 1000"),
        (("check", "twice.cu", "--sanitize", "--max-findings", "1001"), "--max-findings 1001 is not from 1 to 1000"),
        (("check", "twice.cu", "--sanitize", "--sarif", "."), "give another place with --sarif"),
        (("check", "twice.cu", "--sanitize", "--sarif", "-"), "--sarif - would make a file of that name"),
        (("check", "twice.cu", "--sanitize", "--sarif", "twice.cu"), "would overwrite the kernel"),
        (("check", "twice.cu", "--sanitize", "--sarif", "twice.problem.py/a"), "give another place with --sarif"),
    ],
)
def test_bad_input_is_2_in_a_sentence_and_nothing_is_judged(shell: Shell, words: tuple[str, ...], said: str) -> None:
    code, out, err = shell(*words)
    assert (code, out) == (2, "") and said in err and "Traceback" not in err


def test_an_option_that_there_is_not_is_2(shell: Shell) -> None:
    assert shell("check", "twice.cu", "--sanitise")[0] == 2


def test_our_fault_is_3_and_said_in_sarif(shell: Shell) -> None:
    shell.write("bad.cu", KERNEL + "// status infra\n")
    code, _, _ = shell("check", "bad.cu", "--problem", "twice.problem.py", "--sanitize", "--sarif", "bad.sarif")
    (run,) = read_log(Path("bad.sarif").read_text()).runs
    assert code == 3 and not run.invocations[0].executionSuccessful and not run.results


def test_a_batch_is_searched_where_asked(shell: Shell) -> None:
    shell.write("batch.jsonl", json.dumps({"text": KERNEL}))
    racy = shell.with_bench(Racy)
    code, out, _ = racy("eval", "twice.cu", "--jsonl", "batch.jsonl", "--sanitize", "--max-findings", "2")
    assert code == 1 and len(json.loads(out)["findings"]) == 2
    code, out, _ = racy("eval", "twice.cu", "--jsonl", "batch.jsonl")
    assert code == 0 and json.loads(out)["findings"] == []
