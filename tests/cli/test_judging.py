"""`kernelevo check` and `eval`: verdicts for a person and for a machine."""

from __future__ import annotations

import io
import json

import pytest
from cli.conftest import KERNEL, Shell

WRONG = KERNEL + "// status wrong\n"


def test_check_lists_every_check_and_the_status_in_a_sentence(shell: Shell) -> None:
    code, out, _ = shell("check", "twice.cu")
    assert code == 0
    assert out.startswith("device virtual:h100 (modelled, not calibrated)")
    assert "passed on virtual:h100: Every check passed" in out and "passed  outputs: 3 trials" in out


@pytest.mark.parametrize("command", ["check", "profile"])
def test_a_kernel_that_fails_is_exit_code_1_with_the_reason(shell: Shell, command: str) -> None:
    shell.write("bad.cu", WRONG)
    code, out, _ = shell(command, "bad.cu", "--problem", "twice.problem.py")
    assert code == 1 and "FAILED  run: past the end" in out and "twice.cu:9" in out


def test_check_json_holds_checks_fault_and_no_score_for_a_failure(shell: Shell) -> None:
    shell.write("bad.cu", KERNEL + "// status trapped\n")
    code, out, _ = shell("check", "bad.cu", "--problem", "twice.problem.py", "--json")
    verdict = json.loads(out)
    assert code == 1
    assert (verdict["status"], verdict["passed"], verdict["score_us"]) == ("trapped", False, None)
    assert verdict["fault"]["line"] == 9 and verdict["checks"] == [
        {"name": "run", "passed": False, "detail": "past the end"}
    ]


def test_eval_gives_one_verdict_per_line_under_the_given_names(shell: Shell) -> None:
    batch = [{"text": KERNEL, "name": "good"}, {"text": WRONG}, {"text": KERNEL, "defines": {"BLOCK": 64}}]
    shell.write("batch.jsonl", "\n".join(map(json.dumps, batch)) + "\n\n")
    code, out, err = shell("eval", "twice.cu", "--jsonl", "batch.jsonl", "--workers", "2")
    verdicts = {record["name"]: record for record in map(json.loads, out.splitlines())}
    assert code == 1 and err.startswith("device")
    assert {name: record["status"] for name, record in verdicts.items()} == {
        "good": "passed",
        "2": "wrong",
        "3": "passed",
    }
    assert verdicts["3"]["score_us"] < verdicts["good"]["score_us"]


def test_eval_reads_standard_input_and_is_0_if_all_passed(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps({"text": KERNEL})))
    assert shell("eval", "twice.cu")[0] == 0


@pytest.mark.parametrize("status", ["infra", "unsupported"])
def test_eval_tells_our_fault_and_the_devices_from_the_candidates(shell: Shell, status: str) -> None:
    texts = [KERNEL + f"// status {status}\n", WRONG]
    shell.write("batch.jsonl", "\n".join(json.dumps({"text": text}) for text in texts))
    assert shell("eval", "twice.cu", "--jsonl", "batch.jsonl")[0] == {"infra": 3, "unsupported": 4}[status]


@pytest.mark.parametrize(
    "line",
    ["", "nonsense", "[]", "{}", '{"text": 3}', '{"text": "a", "defines": {"B": "1"}}', '{"text": "a", "defines": []}'],
)
def test_a_batch_that_cannot_be_read_names_its_line(shell: Shell, line: str) -> None:
    shell.write("batch.jsonl", line)
    code, out, err = shell("eval", "twice.cu", "--jsonl", "batch.jsonl")
    assert (code, out) == (2, "") and ("line 1" in err or "no candidate" in err)
