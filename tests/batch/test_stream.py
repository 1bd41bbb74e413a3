"""`kernelevo eval` as a process of its own on pipes: it answers while lines are still to come, and ends cleanly."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.conftest import KERNEL, PROBLEM, ScriptedBench

import kernelevo
from kernelevo.errors import SandboxBroken
from kernelevo.run import REAL, Joints, Proposers

TESTS = Path(__file__).parent.parent
CHILD = f"""
import sys
sys.path[:0] = {[str(TESTS), str(Path(kernelevo.__file__).parent.parent)]!r}
from batch.test_stream import JOINTS
from kernelevo.cli import main
sys.exit(main(sys.argv[1:], JOINTS))
"""


class DyingBench(ScriptedBench):
    """Its worker dies of texts that say so."""

    def judge(self, candidate):
        if "// dies" in candidate.text:
            raise SandboxBroken("the wall's worker died with exit status -9")
        return super().judge(candidate)


JOINTS = Joints(REAL.open_task, lambda request, task, settings: DyingBench(), lambda *_: Proposers([], ""))


@pytest.fixture
def child(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    (tmp_path / "twice.cu").write_text(KERNEL)
    (tmp_path / "twice.problem.py").write_text(PROBLEM)
    words = [sys.executable, "-c", CHILD, "eval", "twice.cu", "--jsonl", "-", "--workers", "2"]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, cwd=tmp_path, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        yield process
        process.kill()


def line(name: str, text: str = KERNEL) -> bytes:
    return json.dumps({"name": name, "text": f"{text}// {name}\n"}).encode() + b"\n"


def send(child: subprocess.Popen[bytes], content: bytes) -> None:
    child.stdin.write(content)
    child.stdin.flush()


def answer(child: subprocess.Popen[bytes]) -> dict:
    return json.loads(child.stdout.readline())


def test_a_pipe_that_stays_open_gets_its_answers(child: subprocess.Popen[bytes]) -> None:
    for name in ("one", "two", "three"):
        send(child, line(name))
        assert (answer(child)["name"], child.poll()) == (name, None)
    send(child, b"nonsense\n")
    assert answer(child)["status"] == "bad_request"
    send(child, line("last")[:-1])
    out, err = child.communicate(timeout=30)
    assert (json.loads(out)["name"], child.returncode) == ("last", 2), err


def test_a_worker_that_dies_costs_its_candidate_and_no_other(child: subprocess.Popen[bytes]) -> None:
    send(child, line("bad", KERNEL + "// dies\n") + line("good") + line("better"))
    out, err = child.communicate(timeout=30)
    found = {each["name"]: each for each in map(json.loads, out.splitlines())}
    assert {name: each["status"] for name, each in found.items()} == {
        "bad": "infra",
        "good": "passed",
        "better": "passed",
    }
    assert found["bad"]["reward"]["mask"] is False and child.returncode == 3, err


def test_three_dead_workers_in_a_row_end_it_with_one_sentence(child: subprocess.Popen[bytes]) -> None:
    send(child, line("good"))
    assert answer(child)["status"] == "passed"
    send(child, b"".join(line(f"bad {number}", KERNEL + "// dies\n") for number in range(6)))
    out, err = child.communicate(timeout=30)
    assert child.returncode == 3 and out.count(b"infra") >= 3
    assert err.decode().splitlines()[-1].startswith("kernelevo: 3 candidates in a row could not be judged")
    assert b"Traceback" not in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_when_told_to_while_it_waits_for_lines(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    send(child, line("one"))
    assert answer(child)["status"] == "passed"
    child.send_signal(number)
    _, err = child.communicate(timeout=30)
    assert child.returncode == 130 and b"send the other lines again" in err and b"Traceback" not in err


def test_a_reader_that_goes_away_ends_it_quietly(child: subprocess.Popen[bytes]) -> None:
    send(child, line("one"))
    assert answer(child)["status"] == "passed"
    child.stdout.close()
    send(child, line("two"))
    err = child.stderr.read()
    assert child.wait(30) == 141 and b"Traceback" not in err and b"Exception" not in err


def test_a_sender_that_is_cut_off_in_a_line_gets_an_answer_for_it(child: subprocess.Popen[bytes]) -> None:
    send(child, line("one") + line("cut")[:20])
    out, err = child.communicate(timeout=30)
    statuses = sorted(each["status"] for each in map(json.loads, out.splitlines()))
    assert (statuses, child.returncode) == (["bad_request", "passed"], 2), err
