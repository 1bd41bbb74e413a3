"""Four doors, one judge: for one seed `check`, `eval`, `optimize` and Python give one status, checks and score."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kernelevo
from kernelevo.cli import main
from kernelevo.errors import BadInput
from kernelevo.report import verdict_json
from kernelevo.stores.folders import find_run
from kernelevo.stores.sqlite import SqliteStore

KERNEL = """#ifndef BLOCK
#define BLOCK 64
#endif
#pragma kernelevo tune BLOCK 64 128
#pragma kernelevo launch grow<<<ceildiv(n, BLOCK), BLOCK>>>(x, y, n)
extern "C" __global__ void grow(const float* x, float* y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = x[i] * 1.5f + 0.25f;
}
"""
WRONG = KERNEL.replace("0.25f", "0.26f")
OUTSIDE = KERNEL.replace("if (i < n) ", "")
BROKEN = KERNEL.replace("blockIdx.x *", "blockIdx.x **")
PROBLEM = """from kernelevo import Input, Output, Problem

problem = Problem([Input("x", "f32[n]"), Output("y", "f32[n]")], lambda x: x * 1.5 + 0.25, ["n=3000", "n=257"])
"""
SEED = 11


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERNELEVO_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("KERNELEVO_DEVICE", raising=False)
    (tmp_path / "grow.problem.py").write_text(PROBLEM)
    (tmp_path / "grow.cu").write_text(KERNEL)
    return tmp_path


def kept(verdict: dict[str, Any]) -> dict[str, Any]:
    """What of a verdict must not depend on the door."""
    names = ("candidate", "device", "status", "checks", "score_us", "feedback", "findings")
    return json.loads(json.dumps({name: verdict[name] for name in names}))


def by_check(capsys: pytest.CaptureFixture[str], text: str) -> dict[str, Any]:
    # Messages call a kernel file by its own name, which is the same at every door.
    Path("elsewhere").mkdir(exist_ok=True)
    Path("elsewhere/grow.cu").write_text(text)
    main(["check", "elsewhere/grow.cu", "--problem", "grow.problem.py", "--seed", str(SEED), "--json"])
    return json.loads(capsys.readouterr().out)


def by_eval(capsys: pytest.CaptureFixture[str], texts: list[str], *words: str, **fields: Any) -> list[dict[str, Any]]:
    lines = [json.dumps({"text": text, "name": str(place), **fields}) for place, text in enumerate(texts)]
    Path("batch.jsonl").write_text("\n".join(lines))
    main(["eval", "grow.cu", "--jsonl", "batch.jsonl", *words])
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return sorted(answers, key=lambda answer: int(answer["name"]))


def test_check_eval_and_python_give_the_same_verdicts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = [KERNEL, WRONG, OUTSIDE, BROKEN]
    with kernelevo.Judge("grow.problem.py", seed=SEED) as judge:
        python = [kept(verdict_json(judge.evaluate(text))) for text in texts]
    assert [verdict["status"] for verdict in python] == ["passed", "wrong", "trapped", "build_error"]
    assert [kept(by_check(capsys, text)) for text in texts] == python
    assert [kept(answer) for answer in by_eval(capsys, texts, "--seed", str(SEED))] == python
    assert [kept(answer) for answer in by_eval(capsys, texts, seed=SEED)] == python


def test_optimize_judges_its_start_as_python_does(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--evaluations", "5", "--seconds", "60", "--workers", "1", "--seed", str(SEED), "--json"]
    assert main(["optimize", "grow.cu", *words]) == 0
    run_id = json.loads(capsys.readouterr().out)["run_id"]
    with SqliteStore.read(find_run(Path("runs"), run_id)) as store:
        start = store.candidates()[0]
        recorded = [attempt.verdict for attempt in store.attempts() if attempt.candidate.id == start.id]
    with (
        kernelevo.Judge("grow.problem.py", seed=SEED, mode="search") as light,
        kernelevo.Judge(Path("grow.problem.py"), seed=SEED) as full,
    ):
        expected = [judge.evaluate(start.text) for judge in (light, full)]
    assert [kept(verdict_json(verdict)) for verdict in recorded] == [kept(verdict_json(each)) for each in expected]


def test_levels_defines_and_sizes_mean_the_same_at_both_doors(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = {"seed": SEED, "defines": {"BLOCK": 128}, "cases": ["n=500"]}
    for level in ("search", "sanitize"):
        (answer,) = by_eval(capsys, [KERNEL], "--level", level, **asked)
        verdict = kernelevo.evaluate("grow.problem.py", KERNEL, mode=level, **asked)
        assert kept(answer) == kept(verdict_json(verdict)) and answer["passed"]
        assert [case.name for case in verdict.cases] == ["n=500"]
        assert (verdict.sanitizing is None) == (level == "search")


def test_a_seed_is_what_makes_two_evaluations_the_same(folder: Path) -> None:
    with kernelevo.Judge("grow.problem.py") as judge:
        ratios = [judge.evaluate(KERNEL, seed=seed).cases[0].max_error_ratio for seed in (1, 1, 2, None, None)]
    assert ratios[0] == ratios[1] and len(set(ratios)) >= 3


def test_a_problem_may_be_an_object_or_the_name_of_a_shipped_one(folder: Path) -> None:
    problem = kernelevo.Problem(
        [kernelevo.Input("x", "f32[n]"), kernelevo.Output("y", "f32[n]")], lambda x: x * 1.5 + 0.25, ["n=64"]
    )
    assert kernelevo.evaluate(problem, Path("grow.cu"), mode="search").status == "passed"
    shipped = kernelevo.evaluate("vector_add", KERNEL, mode="search")
    assert shipped.status == "rule_broken" and "grow" not in shipped.candidate


def test_threads_have_walls_of_their_own(folder: Path) -> None:
    verdicts = {}
    with kernelevo.Judge("grow.problem.py", seed=SEED, mode="search") as judge:

        def work(number: int) -> None:
            verdicts[number] = judge.evaluate(f"{KERNEL}// {number}\n")

        threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert [verdicts[number].status for number in range(3)] == ["passed"] * 3
    assert len({verdict.score for verdict in verdicts.values()}) == 1


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        (("nothing", KERNEL), {}, "one of attention"),
        (("missing.problem.py", KERNEL), {}, "there is no problem file"),
        ((3, KERNEL), {}, "is no problem"),
        (("grow.problem.py", 3), {}, "a text or a path"),
        (("grow.problem.py", "missing.cu"), {}, "there is no kernel file"),
        (("grow.problem.py", KERNEL), {"mode": "full"}, "there is no mode"),
        (("grow.problem.py", KERNEL), {"device": "virtual:none"}, "there is no device"),
        (("grow.problem.py", KERNEL), {"cases": "n=3"}, "give a list"),
        (("grow.problem.py", KERNEL), {"cases": ["m=3"]}, "m"),
        (("grow.problem.py", KERNEL), {"cases": [4]}, "holds 4"),
        (("grow.problem.py", KERNEL), {"cases": None}, "give a list"),
        (("grow.problem.py", KERNEL), {"seed": -1}, "from 0"),
        (("grow.problem.py", KERNEL), {"seed": 1 << 64}, "from 0"),
        (("grow.problem.py", KERNEL), {"seed": True}, "an integer"),
        (("grow.problem.py", KERNEL), {"seed": 1.5}, "an integer"),
        (("grow.problem.py", KERNEL), {"defines": {"BLOCK": "256"}}, "BLOCK.*an integer"),
        (("grow.problem.py", KERNEL), {"defines": {"BLOCK": True}}, "BLOCK.*an integer"),
        (("grow.problem.py", KERNEL), {"defines": [1]}, "must map"),
        (("grow.problem.py", KERNEL), {"defines": {"\ud800": 1}}, "no macro's name"),
        (("grow.problem.py", KERNEL), {"macros": {"A B": "1"}}, "no macro name"),
        (("grow.problem.py", KERNEL), {"macros": {"A": "\ud800"}}, "the macro A cannot be"),
        (("grow.problem.py", KERNEL), {"macros": {"A": "1\0"}}, "the macro A cannot be"),
        (("grow.problem.py", KERNEL), {"device": 5}, "device is 5"),
        (("grow.problem.py", KERNEL), {"budget": 5}, "budget is 5"),
        (("grow.problem.py", KERNEL), {"mode": "sanitize", "most_findings": -1}, "most_findings is -1"),
        (("grow.problem.py", KERNEL), {"include_folders": "abc"}, "give a list"),
        (("grow.problem.py", KERNEL), {"macros": "X"}, "must map"),
        (("grow.problem.py", KERNEL), {"unsafe": "no"}, "True or False"),
        (("grow.problem.py", "a\0b.cu"), {}, "NUL"),
        (("grow.problem.py", "\ud800\n"), {}, "surrogate"),
    ],
)
def test_what_cannot_be_used_is_bad_input(folder: Path, arguments: tuple, options: dict, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        kernelevo.evaluate(*arguments, **options)


def test_numpy_integers_are_integers(folder: Path) -> None:
    given = {"seed": np.int64(4), "defines": {"BLOCK": np.int32(128)}, "mode": "search"}
    plain = {"seed": 4, "defines": {"BLOCK": 128}, "mode": "search"}
    verdicts = [kernelevo.evaluate("grow.problem.py", KERNEL, **options) for options in (given, plain)]
    assert verdicts[0].status == "passed", verdicts[0].feedback
    assert verdicts[0].score == verdicts[1].score and verdicts[0].candidate == verdicts[1].candidate


def test_what_is_raised_can_be_caught_by_the_packages_own_names() -> None:
    assert issubclass(kernelevo.BadInput, kernelevo.KernelevoError)
    assert issubclass(kernelevo.Infrastructure, kernelevo.KernelevoError)


def test_a_judge_is_of_one_process_and_a_fork_of_that_neither_uses_nor_closes_its_walls(folder: Path) -> None:
    """Two processes on one wall would take each other's answers."""
    with kernelevo.Judge("grow.problem.py", mode="search", seed=SEED) as judge:
        before = judge.evaluate(KERNEL)
        if (child := os.fork()) == 0:
            judge.close()
            try:
                judge.evaluate(WRONG)
            except BadInput as fault:
                os._exit(7 if "this is a fork of it" in str(fault) else 1)
            os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert judge.evaluate(KERNEL).score == before.score


def test_a_closed_judge_is_bad_input(folder: Path) -> None:
    judge = kernelevo.Judge("grow.problem.py")
    judge.close()
    judge.close()
    with pytest.raises(BadInput, match="closed"):
        judge.evaluate(KERNEL)
