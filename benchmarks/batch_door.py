"""Evaluations per second through the batch door: `kernelevo eval --jsonl -` on pipes, compile included, the wall on.

    python benchmarks/batch_door.py [--level final] [--times-from ptx] [--count 60] [--repeats 3] [--workers 2]
                                    [--only softmax] [--shares] [--json] [--record]

For five problems of kernels/, timed at small sizes (their tests are the problems' own), the candidates are the start
and what the search's own proposers make of it, each with a line of its own, so that no build comes from a cache. A rate
counts answers from the one after the walls are warm to the last; "all" is all candidates over the sum of their times.
Candidates that do not pass are counted as such and stay in the rate, as in training. The CPU time of one evaluation is
that of the command with everything behind its walls: it says what idle cores could do (cores / CPU seconds).
--shares says what one evaluation is made of: compiling, running behind the wall, reference and tolerance, the rest.
--record adds the figures to benchmarks/results/batch_door.json.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from interpreter_speed import machine_words

from kernelevo import run
from kernelevo.evaluators import kernels
from kernelevo.settings import LEVELS, TIMES_FROM, Level, Request, Settings, usable_cores
from kernelevo.types import Attempt, Candidate, Verdict

HERE = Path(__file__).parent
RESULT = HERE / "results" / "batch_door.json"
CASES = {
    "vector_add": ("n=4096", "n=1000"),
    "softmax": ("rows=64,cols=64", "rows=50,cols=100"),
    "reduce_sum": ("n=4096", "n=1000"),
    "layernorm": ("rows=64,cols=64", "rows=50,cols=100"),
    "transpose": ("rows=64,cols=64", "rows=50,cols=100"),
}
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Rate:
    """One problem's batch: evaluations a second of each repeat, CPU seconds of one evaluation, and how many passed."""

    problem: str
    candidates: int
    per_second: list[float]
    cpu_ms: float
    passed: int
    cases: int


@dataclass(frozen=True)
class Shares:
    """Of one evaluation, in one worker: milliseconds of wall time."""

    problem: str
    compile_ms: float
    run_ms: float
    reference_ms: float
    rest_ms: float


def main() -> int:
    asked = _options()
    names = [name for name in CASES if asked.only in (None, name)]
    batches = {name: candidates(name, asked.count) for name in names}
    rates = [measure(name, batches[name], asked) for name in names]
    shares = [share(name, batches[name], asked) for name in names] if asked.shares else []
    record = {
        "machine": machine_words(), "cores": usable_cores(), "workers": asked.workers, "level": asked.level,
        "times_from": asked.times_from, "load_before": round(os.getloadavg()[0], 2),
        "all": summary(rates), "rates": [asdict(rate) for rate in rates], "shares": [asdict(each) for each in shares],
    }  # fmt: skip
    if asked.record:
        known = json.loads(RESULT.read_text()) if RESULT.exists() else {}
        RESULT.write_text(json.dumps({**known, f"{asked.level}, {asked.times_from}": record}, indent=1) + "\n")
    print(json.dumps(record) if asked.json else table(record, rates, shares))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--level", choices=LEVELS, default="final")
    parser.add_argument("--times-from", choices=TIMES_FROM, default="ptx")
    parser.add_argument("--count", type=int, default=60, help="candidates of each problem")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--workers", type=int, default=usable_cores())
    parser.add_argument("--only", choices=CASES, help="one problem")
    parser.add_argument("--shares", action="store_true", help="say what an evaluation is made of")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--record", action="store_true", help=f"write {RESULT.relative_to(HERE.parent)}")
    return parser.parse_args()


def request_of(name: str, asked: argparse.Namespace | None = None) -> Request:
    kernel = HERE.parent / "kernels" / f"{name}.cu"
    request = Request(kernel, cases=CASES[name], times_from="ptx")
    return replace(request, times_from=asked.times_from) if asked else request


def candidates(name: str, count: int) -> list[Candidate]:
    """The start and what rules and tuning make of it and of the first changes, again and again with another line."""
    request = request_of(name)
    with tempfile.TemporaryDirectory() as cache:
        settings = Settings.from_environment({**os.environ, "KERNELEVO_CACHE": cache})
        task = run.open_task(request)
        bench = run.KernelBench(request, task, settings)
        try:
            made = list(_changes(Candidate(task.text), task, bench, settings))
        finally:
            bench.close()
    several = (made * (count // len(made) + 1))[:count]
    return [replace(each, text=f"{each.text}\n// candidate {number}\n") for number, each in enumerate(several)]


def _changes(start: Candidate, task: run.Task, bench: run.KernelBench, settings: Settings) -> Iterator[Candidate]:
    found = {start.id: start}
    members = run.kernel_proposers(task, bench, settings).members
    for parent in [start]:
        verdict = bench.light.evaluate(parent, run.EVALUATION)
        if verdict.score is None:
            raise SystemExit(f"{task.name} does not pass: {verdict.feedback}")
        for proposer in members:
            fresh = proposer.propose(Attempt(parent, verdict), frozenset(found), 8)
            found |= {each.id: each for each in fresh}
    yield from found.values()


def measure(name: str, batch: list[Candidate], asked: argparse.Namespace) -> Rate:
    """The batch through the command, several times; each with an empty build cache."""
    runs = [_through_the_door(name, batch, asked) for _ in range(asked.repeats)]
    verdicts = runs[0].answers
    cases = len({case for verdict in verdicts for case in (verdict["sanitizing"] or {}).get("cases", ())})
    passed = sum(verdict["passed"] for verdict in verdicts)
    cpu = statistics.median(each.cpu_ms for each in runs)
    return Rate(name, len(batch), [round(each.per_second, 2) for each in runs], round(cpu, 1), passed, cases)


@dataclass(frozen=True)
class _Run:
    per_second: float
    cpu_ms: float
    answers: list[dict[str, Any]]


def _through_the_door(name: str, batch: list[Candidate], asked: argparse.Namespace) -> _Run:
    request = request_of(name, asked)
    words = [sys.executable, "-m", "kernelevo", "eval", str(request.kernel), "--jsonl", "-", "--level", asked.level]
    words += ["--workers", str(asked.workers), "--times-from", asked.times_from]
    words += [word for case in request.cases for word in ("--case", case)]
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "KERNELEVO_CACHE": cache}
        pipe = subprocess.PIPE
        with subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=environment) as door:
            assert door.stdin and door.stdout
            threading.Thread(target=_send, args=(door.stdin, batch), daemon=True).start()
            # Each worker's first answer pays for its wall, and one of them for the start's own verdict.
            warm = [json.loads(door.stdout.readline()) for _ in range(2 * asked.workers)]
            started, spent = time.perf_counter(), cpu_seconds(door.pid)
            rest = [json.loads(door.stdout.readline()) for _ in range(len(batch) - len(warm))]
            seconds, cpu = time.perf_counter() - started, cpu_seconds(door.pid) - spent
            door.stdin.close()
    answers = [*warm, *rest]
    if strange := [each for each in answers if each["status"] in ("infra", "bad_request") or each["duplicate_of"]]:
        raise SystemExit(f"a batch of {name} was not judged as it should be: {strange[0]}")
    return _Run(len(rest) / seconds, 1e3 * cpu / len(rest), answers)


def _send(pipe: Any, batch: list[Candidate]) -> None:
    for each in batch:
        line = {"text": each.text, "defines": dict(each.defines)}
        pipe.write(json.dumps(line).encode() + b"\n")
        pipe.flush()


def cpu_seconds(root: int) -> float:
    """Of a process and all that came of it, living or dead and waited for."""
    spent, children = {}, {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = place.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        pid = int(place.parent.name)
        spent[pid] = sum(map(int, words[11:15])) / TICKS
        children.setdefault(int(words[1]), []).append(pid)
    total, left = 0.0, [root]
    while left:
        pid = left.pop()
        total += spent.get(pid, 0.0)
        left += children.get(pid, [])
    return total


def share(name: str, batch: list[Candidate], asked: argparse.Namespace) -> Shares:
    """What the evaluations of a batch are made of, in this process and one after the other."""
    request, spent = request_of(name, asked), {"compile": 0.0, "run": 0.0, "reference": 0.0}

    def timed(what: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*given: Any, **named: Any) -> Any:
            started = time.perf_counter()
            try:
                return work(*given, **named)
            finally:
                spent[what] += time.perf_counter() - started

        return wrapped

    with tempfile.TemporaryDirectory() as cache:
        task = run.open_task(request)
        bench = run.KernelBench(request, task, Settings.from_environment({**os.environ, "KERNELEVO_CACHE": cache}))
        evaluator = bench.at_level(_level(asked.level))
        evaluator.evaluate(Candidate(task.text), run.EVALUATION)
        reference = kernels.expect_first
        bench.compiler.build = timed("compile", bench.compiler.build)
        evaluator.device.run = timed("run", evaluator.device.run)
        kernels.expect_first = timed("reference", reference)
        started = time.perf_counter()
        try:
            verdicts: list[Verdict] = [evaluator.evaluate(each, run.EVALUATION) for each in batch]
        finally:
            kernels.expect_first = reference
            bench.close()
    each = {what: 1e3 * seconds / len(verdicts) for what, seconds in spent.items()}
    whole = 1e3 * (time.perf_counter() - started) / len(verdicts)
    rest = whole - sum(each.values())
    return Shares(name, *(round(value, 1) for value in (each["compile"], each["run"], each["reference"], rest)))


def _level(name: str) -> Level:
    return next(level for level in LEVELS if level == name)


def summary(rates: list[Rate]) -> dict[str, float]:
    """Over all problems: of each repeat, all candidates over the sum of their times."""
    count = sum(rate.candidates for rate in rates)
    repeats = [
        count / sum(rate.candidates / rate.per_second[place] for rate in rates)
        for place in range(len(rates[0].per_second))
    ]
    cpu = sum(rate.candidates * rate.cpu_ms for rate in rates) / count
    middle = {"min": min(repeats), "median": statistics.median(repeats), "max": max(repeats)}
    return {name: round(value, 2) for name, value in {**middle, "cpu_ms": cpu}.items()}


def table(record: dict[str, Any], rates: list[Rate], shares: list[Shares]) -> str:
    head = f"level {record['level']}, times from {record['times_from']}, {record['workers']} workers, wall on"
    lines = [f"{head}; load before: {record['load_before']}"]
    lines.append(
        f"{'problem':12}{'candidates':>11}{'passed':>8}{'cases':>7}{'min/s':>8}{'median':>8}{'max':>7}{'CPU ms':>8}"
    )
    for rate in rates:
        low, middle, high = min(rate.per_second), statistics.median(rate.per_second), max(rate.per_second)
        lines.append(
            f"{rate.problem:12}{rate.candidates:11}{rate.passed:8}{rate.cases or '':>7}"
            f"{low:8.1f}{middle:8.1f}{high:7.1f}{rate.cpu_ms:8.0f}"
        )
    total = record["all"]
    lines.append(f"{'all':38}{total['min']:8.1f}{total['median']:8.1f}{total['max']:7.1f}{total['cpu_ms']:8.0f}")
    if shares:
        lines.append(f"{'one worker':12}{'compile ms':>11}{'run ms':>8}{'reference ms':>14}{'rest ms':>9}")
    for each in shares:
        lines.append(
            f"{each.problem:12}{each.compile_ms:11.1f}{each.run_ms:8.1f}{each.reference_ms:14.1f}{each.rest_ms:9.1f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
