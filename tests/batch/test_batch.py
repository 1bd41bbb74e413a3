"""The batch's loop with scripted verdicts: duplicates, our own faults, the fuse, and bounded memory."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from kernelevo.batch import Batch, Known
from kernelevo.batch_lines import Asked, LineReader, NotAsked, requests
from kernelevo.errors import BadInput, Infrastructure, SandboxBroken, WallUnavailable
from kernelevo.executors.serial import SerialExecutor
from kernelevo.executors.streaming import StreamingExecutor
from kernelevo.types import Candidate, Check, Figure, Status, Verdict

START = Candidate("10")


def verdict_of(candidate: Candidate) -> Verdict:
    """The text is a number of microseconds, or a status."""
    if candidate.text in set(Status):
        return Verdict(candidate.id, "virtual:test", Status(candidate.text), f"it is {candidate.text}")
    time = Figure(float(candidate.text), "us", "virtual:test", "modelled")
    return Verdict(candidate.id, "virtual:test", Status.PASSED, "fine", time, checks=(Check("outputs", True, "1"),))


def shown(verdict: Verdict) -> dict:
    return {"status": verdict.status.value, "feedback": verdict.feedback}


class Evaluations:
    """Judges by `verdict_of`, or as `script` says for the text's first evaluations; counts."""

    def __init__(self, script: dict[str, list[Exception]] | None = None) -> None:
        self.script = script or {}
        self.asked: list[str] = []

    def __call__(self, asked: Asked) -> Verdict:
        self.asked.append(asked.candidate.text)
        if faults := self.script.get(asked.candidate.text):
            raise faults.pop(0)
        return verdict_of(asked.candidate)


def asked(*texts: str) -> list[Asked]:
    return [Asked(line, f"n{line}", Candidate(text)) for line, text in enumerate(texts, 1)]


def run(evaluate: Callable[[Asked], Verdict], items: Iterable, executor=None, **options) -> list[dict]:
    batch = Batch(evaluate, START, "final", "virtual:test", **options)
    return list(batch.answers(items, executor or SerialExecutor(), shown))


def test_the_same_request_is_judged_once_and_answered_for_each_line() -> None:
    evaluate = Evaluations()
    answers = run(evaluate, asked("5", "wrong", "5", "5", "wrong"))
    assert [answer["duplicate_of"] for answer in answers] == [None, None, "n1", "n1", "n2"]
    assert [answer["name"] for answer in answers] == ["n1", "n2", "n3", "n4", "n5"]
    assert answers[0]["reward"] == answers[3]["reward"] and answers[0]["reward"]["value"] == 2.0
    assert sorted(evaluate.asked) == ["10", "5", "wrong"]


def test_sizes_at_which_the_problem_fails_are_a_bad_request_and_the_batch_goes_on() -> None:
    text = Candidate("7")
    items = [Asked(1, "a", text, cases=("n=77",)), Asked(2, "b", Candidate("5"))]
    answers = run(Evaluations({"7": [BadInput("the reference failed")]}), items)
    assert [answer["status"] for answer in answers] == ["bad_request", "passed"]
    assert "the reference failed" in answers[0]["feedback"] and answers[0]["reward"]["mask"] is False


def test_a_problem_that_fails_at_its_own_sizes_ends_the_batch() -> None:
    with pytest.raises(BadInput, match="the reference failed"):
        run(Evaluations({"7": [BadInput("the reference failed")]}), asked("7"))


def test_another_seed_or_other_sizes_are_another_request() -> None:
    evaluate, text = Evaluations(), Candidate("5")
    items = [
        Asked(1, "a", text),
        Asked(2, "b", text, seed=1),
        Asked(3, "c", text, cases=("n=1",)),
        Asked(4, "d", text, 1),
    ]
    assert [answer["duplicate_of"] for answer in run(evaluate, items)] == [None, None, None, "b"]


def test_a_request_that_is_being_judged_is_not_judged_twice() -> None:
    gate, evaluate = threading.Event(), Evaluations()

    def slowly(item: Asked) -> Verdict:
        gate.wait(0.2)
        return evaluate(item)

    answers = run(slowly, asked("5", "5", "5"), StreamingExecutor(3))
    assert evaluate.asked.count("5") == 1 and sum(answer["duplicate_of"] is None for answer in answers) == 1


def test_a_fault_of_ours_is_tried_again_and_then_an_answer() -> None:
    faults = {"5": [SandboxBroken("died")], "6": [SandboxBroken("died"), SandboxBroken("died again")]}
    answers = run(Evaluations(faults), asked("5", "6", "7"))
    assert [answer["status"] for answer in answers] == ["passed", "infra", "passed"]
    assert answers[1]["reward"] == {"value": None, "mask": False, "how": None, "why": answers[1]["reward"]["why"]}
    assert answers[1]["feedback"] == "died again"


def test_an_infra_answer_is_not_remembered() -> None:
    answers = run(Evaluations({"5": [SandboxBroken("a"), SandboxBroken("b")]}), asked("5", "5"))
    assert [(answer["status"], answer["duplicate_of"]) for answer in answers] == [("infra", None), ("passed", None)]


def test_several_faults_in_a_row_end_the_batch_and_keep_what_was_answered() -> None:
    texts = ["1", "infra", "2", "infra", "3", "3", "infra", "infra ", "infra  ", "4"]
    evaluate = Evaluations()
    evaluate.script = {text: [SandboxBroken("dead")] * 9 for text in texts if "infra" in text}
    answers = []
    with pytest.raises(Infrastructure, match=r"3 candidates in a row .*dead.*kernelevo doctor"):
        batch = Batch(evaluate, START, "final", "virtual:test")
        for answer in batch.answers(asked(*texts), SerialExecutor(), shown):
            answers.append(answer["status"])
    assert answers == ["passed", "infra", "passed", "infra", "passed", "passed", "infra", "infra", "infra"]


def test_duplicates_and_bad_lines_between_do_not_reset_the_fuse() -> None:
    evaluate = Evaluations({text: [SandboxBroken("dead")] * 9 for text in ("a", "b", "c")})
    a, one, b, again, c = asked("a", "1", "b", "1", "c")
    with pytest.raises(Infrastructure, match="3 candidates in a row"):
        run(evaluate, [one, a, b, again, NotAsked(9, "9", "nonsense"), c, *asked("2")])


def test_where_there_is_no_wall_nothing_is_tried_again() -> None:
    evaluate = Evaluations({"5": [WallUnavailable("none here")]})
    with pytest.raises(WallUnavailable):
        run(evaluate, asked("5"))
    assert evaluate.asked == ["5"]


def test_a_start_without_a_time_makes_rewards_missing_data() -> None:
    batch = Batch(Evaluations(), Candidate("wrong"), "final", "virtual:test")
    (answer,) = batch.answers(asked("5"), SerialExecutor(), shown)
    assert (answer["status"], answer["reward"]["mask"], answer["reward"]["value"]) == ("passed", False, None)
    assert "start" in answer["reward"]["why"]


def test_known_answers_are_bounded_and_a_forgotten_one_is_judged_again() -> None:
    known, evaluate = Known(most_bytes=3000), Evaluations()
    texts = [str(1000 + number) for number in range(100)]
    run(evaluate, asked(*texts, texts[-1], texts[0]), known=known)
    assert known._bytes <= 3000
    assert evaluate.asked.count(texts[-1]) == 1 and evaluate.asked.count(texts[0]) == 2


def no_case(case: str) -> None:
    raise BadInput(f"no case {case}")


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_lines_are_cut_wherever_the_parts_end(size: int) -> None:
    content = b'{"text": "a"}\n\n{"text": "b", "name": "two"}\r\n' + b"x" * 50 + b'\n{"text": "c"}'
    parts = iter([content[at : at + size] for at in range(0, len(content), size)])
    reader = LineReader(lambda _: next(parts, b""), longest=40)
    found = list(requests(reader, no_case))
    assert [item.name for item in found] == ["1", "two", "4", "5"]
    assert [isinstance(item, NotAsked) for item in found] == [False, False, True, False]
    assert "bytes" in found[2].why and found[3].candidate.text == "c"


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (b'{"text": "1", "text": "2"}', "text"), (b'{"text": "1", "seed": 1, "name": "a", "seed": 1}', "seed"),
        (b'{"text": "1", "defines": {"BLOCK": 64, "BLOCK": 128}}', "BLOCK"),
        (b'{"text": "1", "\\u0074ext": "2"}', "text"),
    ],
)  # fmt: skip
def test_a_line_that_gives_a_name_twice_is_no_request(line: bytes, name: str) -> None:
    """By the last of the two, as JSON is often read, another candidate would be judged than a reader sees."""
    (found,) = requests([line], no_case)
    assert isinstance(found, NotAsked) and f'it gives "{name}" twice' in found.why
    (answer,) = run(Evaluations(), [found])
    assert answer["status"] == "bad_request" and f'"{name}" twice' in answer["feedback"]


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_line_without_end_is_dropped_as_it_comes(end: bytes) -> None:
    parts = iter([b"x" * 1000] * 1000 + [end])
    reader = LineReader(lambda _: next(parts, b""), longest=4000)
    assert [isinstance(item, NotAsked) for item in requests(reader, no_case)] == [True]
    assert len(reader._rest) <= 5000


MEASURED = """
import json, resource, sys
sys.path[:0] = [{tests!r}]
from batch.test_batch import *

def lines(count):
    for number in range(count):
        text = "wrong" if number % 2 else f"{{number}}.5" + " " * 20_000
        yield json.dumps({{"text": text, "name": "x" * 500 + str(number)}}).encode()

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

def consume(count):
    batch = Batch(Evaluations(), START, "final", "virtual:test")
    batch.evaluate.asked = type("Nothing", (), {{"append": lambda self, text: None}})()
    answers = batch.answers(requests(lines(count), no_case), StreamingExecutor(2, ahead=2), wide)
    return sum(1 for _ in answers)

def wide(verdict):
    return {{**shown(verdict), "cases": [{{"name": "c", "words": str(i) * 200}} for i in range(100)]}}

consume(200)
before = peak()
given = consume(5000)
print(json.dumps({{"given": given, "kib": peak() - before}}))
"""


def test_five_thousand_candidates_need_no_more_memory_than_some() -> None:
    """Over 50 MB of texts go in and as much of answers come out; what is kept for duplicates is packed and bounded."""
    script = MEASURED.format(tests=str(Path(__file__).parent.parent))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["given"] == 5000 and found["kib"] < 40_000, found
