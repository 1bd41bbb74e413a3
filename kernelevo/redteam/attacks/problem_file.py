"""Through the problem file of a stranger's repository: a program with the user's rights, so it must not run unnoticed.

Each attack is a folder with a kernel and a problem file that leaves a mark when it runs, and `kernelevo check` in it,
as a script would call it, by somebody whose machine has never seen the file. The control vouches for it by `--trust`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from kernelevo.redteam.attack import Attack, Outcome, Skipped
from kernelevo.redteam.range import Range

SECONDS = 120.0
MARK = "ran"
KERNEL = """\
#pragma kernelevo launch add<<<ceildiv(n, 256), 256>>>(a, c, n)
extern "C" __global__ void add(const float* a, float* c, int n) {
    int i = blockIdx.x * 256 + threadIdx.x;
    if (i < n) c[i] = a[i] + 1;
}
"""
PROBLEM = """\
from kernelevo import Input, Output, Problem

problem = Problem([Input("a", "f32[n]"), Output("c", "f32[n]")], lambda a: a + 1, ["n=100"], tests=["n=3"])
"""
HOSTILE = 'open("ran", "w").close()\n' + PROBLEM


def _check(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """`kernelevo check` there, without a terminal, with a cache of its own and nobody's word for the file."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KERNELEVO_TRUST")}
    path = os.pathsep.join(filter(None, sys.path))
    environment = {**kept, "KERNELEVO_CACHE": str(folder / "cache"), "PYTHONPATH": path, "CI": "1"}
    words = [sys.executable, "-P", "-m", "kernelevo", "check", "add.cu", *options]
    return subprocess.run(
        words, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS
    )


def _repository(range_: Range, name: str, problem: str) -> Path:
    folder = range_.scratch / name
    folder.mkdir(exist_ok=True)
    (folder / MARK).unlink(missing_ok=True)
    (folder / "add.cu").write_text(KERNEL)
    (folder / "add.problem.py").write_text(problem)
    return folder


def _outcome(folder: Path, done: subprocess.CompletedProcess[str]) -> Outcome:
    through = (folder / MARK).exists()
    return Outcome(through, "" if through else "refused unread", " ".join(done.stderr.split())[-300:])


def _stranger(range_: Range, defended: bool) -> Outcome | Skipped:
    folder = _repository(range_, f"stranger-{defended}", HOSTILE)
    return _outcome(folder, _check(folder, *([] if defended else ["--trust"])))


def _changed(range_: Range, defended: bool) -> Outcome | Skipped:
    """The file was harmless when the user let it in."""
    folder = _repository(range_, f"changed-{defended}", PROBLEM)
    first = _check(folder, "--trust")
    if first.returncode != 0:
        return Outcome(False, "broken", f"the harmless file does not pass: {first.stderr[-300:]}")
    (folder / "add.problem.py").write_text(HOSTILE)
    return _outcome(folder, _check(folder, *([] if defended else ["--trust"])))


ATTACKS = [
    Attack("a stranger's problem file", ("K28",), "runs code of its own when somebody judges a kernel in its folder",
           "problem file", ("the notice of problem files",), _stranger),
    Attack("a problem file changed later", ("K28",), "is harmless until it was let in, and then is another",
           "problem file", ("the notice of problem files",), _changed),
]  # fmt: skip
