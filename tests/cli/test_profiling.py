"""`kernelevo profile`: terminal, page, data and the comparison of two kernels, with a scripted bench."""

from __future__ import annotations

import json

import pytest
from cli.conftest import KERNEL, ScriptedBench, Shell

FASTER = KERNEL.replace("// 100 us", "// 20 us").replace("x[i] * 2.0f", "x[i] + x[i]")
WRONG = KERNEL + "// status wrong\n"


def test_profile_shows_counters_limiter_and_annotated_source(shell: Shell) -> None:
    code, out, _ = shell("profile", "twice.cu")
    assert code == 0
    assert "bound by DRAM bandwidth" in out and "occupancy 50%" in out and "modelled" in out
    assert "global loads" in out and "8.00" in out
    row = next(line for line in out.splitlines() if "if (i < n) y[i] = x[i] * 2.0f;" in line)
    assert row.split()[:6] == ["9", "100.0%", "100.0%", "4", "4", "8.0"]
    assert "ld.global.f32" not in out


def test_ptx_is_shown_on_request(shell: Shell) -> None:
    assert "ld.global.f32" in shell("profile", "twice.cu", "--ptx")[1]


def test_profile_json_has_the_same_lines_and_the_diagnosis(shell: Shell) -> None:
    code, out, _ = shell("profile", "twice.cu", "--json")
    verdict = json.loads(out)
    step = verdict["cases"][0]["steps"][0]
    assert code == 0 and verdict["passed"] and verdict["file"] == "twice.cu" and verdict["band"] == 0.05
    assert step["lines"][0]["line"] == 9 and step["counters"]["global sectors"] == 64
    assert step["lines"][0]["ptx_line"] == 20 and step["lines"][0]["thread_instructions"] == 128
    (source,) = step["source_lines"]
    assert (source["line"], source["sectors"], source["sectors_per_request"]) == (9, 32, 8)
    finding = next(each for each in step["diagnosis"] if each["rule"] == "uncoalesced")
    assert finding["what"].startswith("line 9: 8 sectors per load request where 4 would do")
    assert finding["lines"] == [9] and finding["evidence"]["sectors"] == 32 and finding["advice"]
    assert step["counts"]["global_load_sectors"] == 32 and verdict["made"]["made by"].startswith("kernelevo")


def test_html_is_written_beside_what_is_printed(shell: Shell) -> None:
    code, out, _ = shell("profile", "twice.cu", "--html", "pages/twice.html")
    page = (shell.folder / "pages" / "twice.html").read_text()
    assert code == 0 and page.startswith("<!DOCTYPE html>") and "twice.cu" in page and "bound by" in out
    assert json.loads(shell("profile", "twice.cu", "--json", "--html", "twice.html")[1])["passed"]
    assert (shell.folder / "twice.html").is_file()


def test_a_page_that_cannot_be_written_is_bad_input_in_a_sentence(shell: Shell) -> None:
    code, _, err = shell("profile", "twice.cu", "--html", "twice.cu/page.html")
    assert code == 2 and "--html" in err and "Traceback" not in err


@pytest.mark.parametrize("place", ["twice.cu", "twice.problem.py", "other.cu", "new.triton.py", "page.link"])
def test_a_page_never_overwrites_a_kernel_or_a_problem(shell: Shell, place: str) -> None:
    shell.write("other.cu", FASTER)
    (shell.folder / "page.link").hardlink_to(shell.folder / "other.cu")
    before = {path.name: path.read_text() for path in shell.folder.iterdir() if path.is_file()}
    code, out, err = shell("profile", "twice.cu", "--compare", "other.cu", "--html", place)
    assert code == 2 and place in err and not out
    assert {path.name: path.read_text() for path in shell.folder.iterdir() if path.is_file()} == before


def test_what_a_comparison_stops_at_is_named(shell: Shell) -> None:
    shell.write("wrong.cu", WRONG)
    code, out, _ = shell("profile", "twice.cu", "--compare", "wrong.cu")
    assert code == 1 and "wrong.cu did not pass" in out
    assert json.loads(shell("profile", "twice.cu", "--compare", "wrong.cu", "--json")[1])["file"] == "wrong.cu"
    code, _, err = shell("profile", "twice.cu", "--compare", "absent.cu")
    assert code == 2 and "absent.cu" in err


def test_a_comparison_that_stops_says_by_which_problem_both_are_judged(shell: Shell) -> None:
    shell.write("wrong.cu", WRONG)
    hint = "both kernels of a comparison are judged by one problem, here twice.problem.py; if wrong.cu is of another"
    out = shell("profile", "twice.cu", "--compare", "wrong.cu")[1]
    assert hint in out and "--problem" in out
    assert hint not in shell("profile", "wrong.cu", "--problem", "twice.problem.py")[1]
    shell.write("wrong.cu", KERNEL.replace("launch twice<<<", "launch twice<<"))
    code, _, err = shell("profile", "twice.cu", "--compare", "wrong.cu")
    assert code == 2 and hint in err


def test_compare_shows_which_is_faster_and_by_which_lines(shell: Shell) -> None:
    shell.write("faster.cu", FASTER)
    code, out, _ = shell("profile", "twice.cu", "--compare", "faster.cu", "--html", "both.html")
    assert code == 0
    assert "A is twice.cu, B is faster.cu" in out and "B is 5.00 times as fast as A" in out
    assert out.count("device virtual:h100") == 1 and out.count("checker self-test") == 1
    page = (shell.folder / "both.html").read_text()
    assert "A: twice.cu" in page and "B: faster.cu" in page


def test_compare_json_holds_both_and_the_comparison(shell: Shell) -> None:
    shell.write("faster.cu", FASTER)
    data = json.loads(shell("profile", "twice.cu", "--compare", "faster.cu", "--json")[1])
    assert data["before"]["file"] == "twice.cu" and data["after"]["file"] == "faster.cu"
    (case,) = data["comparison"]["cases"]
    assert case["speedup"] == 5.0 and case["distinguishable"] and case["name"] == "n=1000"


def test_the_same_kernel_twice_is_not_distinguishable(shell: Shell) -> None:
    code, out, _ = shell("profile", "twice.cu", "--compare", "twice.cu")
    assert code == 0 and "not distinguishable: within the device's band of 5%" in out


def test_the_other_kernel_needs_no_problem_of_its_own_and_must_be_there(shell: Shell) -> None:
    code, _, err = shell("profile", "twice.cu", "--compare", "absent.cu")
    assert code == 2 and "there is no kernel file absent.cu" in err


@pytest.mark.parametrize(
    "words", [("bad.cu",), ("twice.cu", "--compare", "bad.cu"), ("bad.cu", "--compare", "twice.cu")]
)
def test_a_kernel_that_fails_has_no_profile_and_no_page(shell: Shell, words: tuple[str, ...]) -> None:
    shell.write("bad.cu", WRONG)
    code, out, _ = shell("profile", *words, "--problem", "twice.problem.py", "--html", "page.html")
    assert code == 1 and "FAILED  run: past the end" in out and "bound by" not in out
    assert not (shell.folder / "page.html").exists()
    code, out, _ = shell("profile", *words, "--problem", "twice.problem.py", "--json")
    assert code == 1 and json.loads(out)["status"] == "wrong"


def test_two_devices_are_never_compared(shell: Shell) -> None:
    shell.write("faster.cu", FASTER)
    benches = iter([ScriptedBench(), ScriptedBench(device="virtual:a100")])
    code, _, err = shell.with_bench(lambda: next(benches))("profile", "twice.cu", "--compare", "faster.cu")
    assert code == 2 and "such times are not compared" in err
