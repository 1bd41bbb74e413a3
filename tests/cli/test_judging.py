"""`kernelevo check` and `eval`: verdicts for a person and for a machine."""

from __future__ import annotations

import io
import json

import pytest
from cli.conftest import KERNEL, Shell

from kernelevo.types import Status

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


def test_eval_lets_what_the_device_lacks_be_worth_zero(shell: Shell) -> None:
    shell.write("batch.jsonl", json.dumps({"text": KERNEL + "// status unsupported\n"}))
    rewards = {}
    for worth in ("masked", "zero"):
        code, out, _ = shell("eval", "twice.cu", "--jsonl", "batch.jsonl", "--unsupported", worth)
        answer = json.loads(out)
        assert (code, answer["status"]) == (4, "unsupported")
        rewards[worth] = (answer["reward"]["value"], answer["reward"]["mask"])
    assert rewards == {"masked": (None, False), "zero": (0.0, True)}
    code, out, err = shell("eval", "twice.cu", "--jsonl", "batch.jsonl", "--unsupported", "half")
    assert (code, out) == (2, "") and "choose one of masked, zero" in err


@pytest.mark.parametrize("content", ["", "  \n\n"])
def test_an_empty_batch_is_bad_input(shell: Shell, content: str) -> None:
    shell.write("batch.jsonl", content)
    code, out, err = shell("eval", "twice.cu", "--jsonl", "batch.jsonl")
    assert (code, out) == (2, "") and "no candidate" in err


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("nonsense", "no JSON"),
        ("[]", "no JSON object"),
        ("{}", '"text"'),
        ('{"text": 3}', '"text"'),
        ('{"text": "a", "defines": {"B": "1"}}', '"defines"'),
        ('{"text": "a", "defines": []}', '"defines"'),
        ('{"text": "a", "seed": -1}', '"seed"'),
        ('{"text": "a", "cases": ["rows=3"]}', "rows"),
        ('{"text": "a", "cases": "n=3"}', '"cases"'),
        ('{"text": "a", "cases": ["n=3", "n=3"]}', "twice"),
        ('{"text": "a", "cases": ["n=3", "n= 3"]}', "twice"),
        (json.dumps({"text": "a", "cases": [f"n={size}" for size in range(1, 67)]}), "66 sizes"),
        ('{"text": "a", "defines": {"\\ud800": 1}}', '"defines"'),
        ('{"text": "a", "defines": {"A=1;B": 2}}', '"defines"'),
        ('{"text": "a", "name": []}', '"name"'),
        ('{"text": "a", "tset": 1}', "tset"),
        ('{"text": "\\ud800"}', "surrogate"),
        ("[" * 100_000, "no JSON"),
    ],
)
def test_a_bad_line_is_one_answer_and_the_batch_goes_on(shell: Shell, line: str, words: str) -> None:
    shell.write(
        "batch.jsonl", f"{json.dumps({'text': KERNEL})}\n{line}\n{json.dumps({'text': KERNEL, 'name': 'last'})}"
    )
    code, out, err = shell("eval", "twice.cu", "--jsonl", "batch.jsonl")
    answers = {answer["name"]: answer for answer in map(json.loads, out.splitlines())}
    assert code == 2 and list(answers) and set(answers) == {"1", "2", "last"}, err
    assert (answers["2"]["status"], answers["2"]["line"], answers["last"]["status"]) == ("bad_request", 2, "passed")
    assert words in answers["2"]["feedback"] and answers["2"]["reward"]["mask"] is False


def test_rewards_are_relative_to_the_start_and_missing_data_are_masked(shell: Shell) -> None:
    texts = {
        "same": KERNEL,
        "faster": KERNEL.replace("100 us", "25 us"),
        **{status: KERNEL + f"// status {status}\n" for status in Status if status is not Status.PASSED},
    }
    shell.write("batch.jsonl", "\n".join(json.dumps({"name": name, "text": text}) for name, text in texts.items()))
    code, out, _ = shell("eval", "twice.cu", "--jsonl", "batch.jsonl", "--workers", "1")
    rewards = {answer["name"]: answer["reward"] for answer in map(json.loads, out.splitlines())}
    assert code == 3 and set(rewards) == set(texts)
    assert (rewards["same"]["value"], rewards["faster"]["value"], rewards["faster"]["how"]) == (1.0, 4.0, "modelled")
    masked = {name for name, reward in rewards.items() if not reward["mask"]}
    assert masked == {"infra", "unsupported", "inconclusive"}
    assert all(rewards[name]["value"] is None for name in masked)
    zeros = set(texts) - masked - {"same", "faster"}
    assert len(zeros) >= 7 and all(rewards[name]["value"] == 0.0 for name in zeros)


@pytest.mark.parametrize(
    ("words", "level"), [((), "final"), (("--level", "search"), "search"), (("--sanitize",), "sanitize")]
)
def test_every_answer_states_its_level_of_checks(shell: Shell, words: tuple[str, ...], level: str) -> None:
    shell.write("batch.jsonl", json.dumps({"text": KERNEL}) + "\nnonsense\n")
    out = shell("eval", "twice.cu", "--jsonl", "batch.jsonl", *words)[1]
    assert [answer["level"] for answer in map(json.loads, out.splitlines())] == [level, level]


def test_a_level_that_is_none_is_bad_input(shell: Shell) -> None:
    shell.write("batch.jsonl", json.dumps({"text": KERNEL}))
    assert "choose one of search, final, sanitize" in shell("eval", "twice.cu", "--level", "full")[2]
    code, out, err = shell("eval", "twice.cu", "--level", "search", "--sanitize")
    assert (code, out) == (2, "") and "give one of them" in err


@pytest.mark.parametrize("words", [("check", "twice.cu"), ("eval", "twice.cu")])
def test_a_closed_standard_input_is_no_defect(
    shell: Shell, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As under cron, where Python has no stream at all."""
    monkeypatch.setattr("sys.stdin", None)
    code, _, err = shell(*words)
    assert "Traceback" not in err and "fault of kernelevo" not in err
    assert code == 0 if words[0] == "check" else code == 2 and "standard input is closed" in err


@pytest.mark.parametrize("workers", ["100000", "99999999999999999999"])
def test_more_workers_than_any_machine_has_cores_is_bad_input(shell: Shell, workers: str) -> None:
    code, _, err = shell("eval", "twice.cu", "--jsonl", "twice.cu", "--workers", workers)
    assert code == 2 and "is more than" in err
