"""The file that is handed over: the judged text, alone, under a head of comments that can hold anything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kernelevo.answer import Answer
from kernelevo.errors import BadInput
from kernelevo.kernel.languages import CUDA, TRITON
from kernelevo.report_file import require_place, settled, standing_alone, unified_diff, write_file
from kernelevo.types import Attempt, Candidate, Check, Figure, RunRecord, Status, Verdict

RUN = RunRecord("0abc", "optimize", "", "virtual:h100", "modelled", "softmax", {}, {}, {})


def passed(candidate: Candidate, time: float) -> Attempt:
    score = Figure(time, "us", RUN.device, "modelled")
    return Attempt(
        candidate, Verdict(candidate.id, RUN.device, Status.PASSED, "", score, checks=(Check("c", True, ""),))
    )


def answer(best: Candidate) -> Answer:
    return Answer(RUN, passed(Candidate("start"), 10), passed(best, 2), True, 0.2, 7, {"passed": 7}, "why")


def test_a_macro_set_from_outside_replaces_the_files_default() -> None:
    text = "#ifndef BLOCK\n#  define BLOCK 128 // threads\n#endif\n#define BLOCKS 3\n"
    made = settled(Candidate(text, {"BLOCK": 64}, "tune", None, ("BLOCK 64",)), CUDA)
    assert made.text == "#ifndef BLOCK\n#  define BLOCK 64\n#endif\n#define BLOCKS 3\n"
    assert made.defines == {} and made.moves == ("BLOCK 64",) and made.parent


def test_a_macro_that_the_file_does_not_define_is_put_first() -> None:
    assert settled(Candidate("int x;\n", {"B": 2, "A": 1}), CUDA).text == "#define B 2\n#define A 1\nint x;\n"


def test_a_value_of_a_triton_file_is_written_as_its_start() -> None:
    kernel = "@triton.jit\ndef k(B: tl.constexpr): pass\n"
    text = f"# kernelevo: tune B 1 2 4 = 2\n# kernelevo: launch k[1](B=B)\n{kernel}"
    made = settled(Candidate(text, {"B": 4}), TRITON)
    assert made.text == text.replace("= 2", "= 4") and made.defines == {}
    head = standing_alone(answer(made), "0.1", "kernelevo check k.triton.py", TRITON).split("# kernelevo:")[0]
    assert len(head.splitlines()) == 4 and all(line.startswith("# ") for line in head.splitlines())


def test_a_candidate_without_macros_is_itself() -> None:
    candidate = Candidate("text")
    assert settled(candidate, CUDA) is candidate


@pytest.mark.parametrize(
    "move", ["two\nlines", "ends in a backslash \\", "\\\r\n__global__ void evil() {}", "*/ int x; /*"]
)
def test_no_remark_can_leave_its_comment(move: str) -> None:
    text = standing_alone(answer(Candidate("int kernel;\n", moves=(move,))), "0.1", "kernelevo check x.cu", CUDA)
    head, _, rest = text.partition("int kernel;\n")
    assert rest == "" and all(line.startswith("//") and not line.endswith("\\") for line in head.splitlines())
    assert len(head.splitlines()) == 5 and "\r" not in head


def test_the_head_says_device_how_and_how_to_check_again() -> None:
    head = standing_alone(answer(Candidate("x")), "0.1", "kernelevo check x.cu --problem p", CUDA)
    assert (
        "5.00 times as fast" in head
        and "modelled on virtual:h100" in head
        and "kernelevo check x.cu --problem p" in head
    )


def test_a_diff_of_texts_without_a_last_line_end_is_whole() -> None:
    assert unified_diff("a\nb", "a\nc", "old", "new").splitlines()[-2:] == ["-b", "+c"]
    assert unified_diff("a", "a", "old", "new") == ""


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write_file(tmp_path / "deep" / "best.cu", "text")
    assert (tmp_path / "deep" / "best.cu").read_text() == "text"
    with pytest.raises(BadInput, match="--out"):
        write_file(tmp_path / "deep" / "best.cu" / "x.cu", "text")
    (tmp_path / "folder").mkdir()
    with pytest.raises(BadInput, match="--out"):
        write_file(tmp_path / "folder", "text")
    assert os.listdir(tmp_path) in (["deep", "folder"], ["folder", "deep"])


@pytest.mark.parametrize("kind", ["pipe", "link", "link to nothing"])
def test_a_pipe_or_a_link_is_not_replaced_by_a_file(tmp_path: Path, kind: str) -> None:
    """Nor is a device: root could put a file where /dev/null was."""
    place, other = tmp_path / "place", tmp_path / "other"
    if kind == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to(other)
    if kind == "link":
        other.write_text("mine")
    before = place.lstat()
    for write in (lambda: require_place(place, "--bundle"), lambda: write_file(place, "text", "--bundle")):
        with pytest.raises(BadInput, match="--bundle"):
            write()
    assert place.lstat() == before and (not other.exists() or other.read_text() == "mine")


def test_no_result_goes_where_a_problem_file_is(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="problem file's name"):
        require_place(tmp_path / "softmax.problem.py", "--bundle")
