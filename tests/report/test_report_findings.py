"""Findings for a person: every fact is there, lines fit the screen, and a kernel's words change nothing."""

from __future__ import annotations

import dataclasses
import io
import re
from pathlib import Path

import pytest
from report.findings import COVERED, EVERYTHING, FILE, IN_A_HEADER, RACE, REMARK, TEXT, verdict
from rich.console import Console

from kernelevo.report import verdict_json
from kernelevo.report_findings import print_findings, summary_line
from kernelevo.report_kinds import KINDS, kind_of
from kernelevo.types import Status, Verdict

MACHINE = Path(__file__).parent.parent.parent / "sandbox" / "vgpu" / "machine.h"


def printed(given: Verdict, width: int = 160, terminal: bool = False) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=terminal, no_color=True, highlight=False)
    print_findings(console, given, TEXT, FILE, f"kernels/{FILE}")
    return out.getvalue()


def test_a_race_is_told_with_both_parties_their_lines_and_what_fixes_it() -> None:
    out = printed(verdict(RACE))
    for words in (
        "error 1 Race: another thread accesses the same bytes",
        "at kernels/twice.cu:6",
        "> 6 |   y[threadIdx.x] = tile[127 - threadIdx.x];",
        "kernel twice, block (0, 0, 0), thread (15, 7, 0) (warp 3, lane 31)",
        "4 bytes of shared memory at 0x100: tile at byte 256",
        "PTX line 35: ld.shared.f32 %f2, [%r5]",
        "the other party, store by block (0, 0, 0), thread (1, 3, 0) (warp 1, lane 17), at kernels/twice.cu:5",
        "> 5 |     tile[threadIdx.x] = x[threadIdx.x];",
        "launched at kernels/twice.cu:2",
        "seen 4,096 times in 4 cases, such as n=128; n=129; n=1000",
        "fix: Put __syncthreads()",
    ):
        assert words in out
    assert "remark" not in out


def test_remarks_come_after_errors_and_the_end_sums_up() -> None:
    out = printed(EVERYTHING)
    assert out.index("error 4") < out.index("remark 1") < out.index("4 errors")
    assert "4 errors (1 race, 1 trap, 1 misaligned, 1 cold_fusion), 1 remark (1 uninitialised_value), " in out
    assert "3 more left out (--max-findings); 2 cases in 4 runs, 2 orders of threads, " in out
    assert "not checked: sizes other than those\nnot checked: other orders\n" in out


def test_a_clean_kernel_says_what_was_checked() -> None:
    out = printed(verdict())
    assert out.startswith("passed on virtual:h100: Every check passed")
    assert "no errors, 3 more left out" in out
    clean = dataclasses.replace(verdict(), sanitizing=dataclasses.replace(COVERED, left_out=0))
    assert summary_line(clean) == (
        "no errors; 2 cases in 4 runs, 2 orders of threads, memory and barrier faults, uninitialised values and races; "
        "took 1.2 s"
    )


def test_wrong_outputs_without_a_finding_are_told_in_the_verdicts_words() -> None:
    out = printed(verdict(status=Status.WRONG))
    assert "in words" in out and "wrong on virtual:h100" in out


def test_words_of_a_kernel_are_no_markup() -> None:
    assert "[see here](http://localhost/) [red]no[/red] \U0001f680" in printed(verdict(IN_A_HEADER))
    assert "in check" in printed(verdict(IN_A_HEADER))


@pytest.mark.parametrize("width", [80, 120])
def test_source_lines_are_cut_and_the_rest_is_not_wider_than_a_terminal(width: int) -> None:
    long = dataclasses.replace(RACE, message="w " * 20)
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=True, no_color=True, highlight=False)
    print_findings(console, verdict(long), TEXT.replace("y[", "x" * 300 + "["), FILE, FILE)
    shown = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in out.getvalue().split("\n")]
    assert all(len(line) <= width for line in shown if " | " in line)
    assert any(line.endswith("\u2026") for line in shown)


def test_json_has_the_same_facts() -> None:
    shown = verdict_json(EVERYTHING)
    race = shown["findings"][0]
    assert (race["kind"], race["line"], race["warp"], race["lane"], race["occurrences"]) == ("race", 6, 3, 31, 4096)
    assert race["others"][0]["line"] == 5 and race["launch_line"] == 2 and race["cases"][0] == "n=128"
    assert shown["remarks"][0]["kind"] == REMARK.kind
    assert shown["sanitizing"]["runs"] == 4 and shown["sanitizing"]["not_checked"]
    assert shown["findings"][2]["warp"] is None


def test_there_are_words_for_every_kind_of_the_virtual_gpu() -> None:
    body = MACHINE.read_text().partition("enum class FaultKind")[2].partition("};")[0]
    kinds = re.findall(r"^\s+(\w+),", body, re.MULTILINE)
    assert len(kinds) > 10 and set(kinds) == KINDS.keys()
    for kind in KINDS.values():
        assert all(words.endswith(".") for words in (kind.meaning, kind.fix))


def test_a_kind_of_a_newer_device_is_shown_by_its_name() -> None:
    assert kind_of("cold_fusion").title == "Cold fusion"
