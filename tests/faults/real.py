"""A small problem with real parts, and `kernelevo` on it as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import kernelevo

KERNEL = """#ifndef BLOCK
#define BLOCK 64
#endif
#pragma kernelevo tune BLOCK 32 64 128 256
#pragma kernelevo launch grow<<<ceildiv(n, BLOCK), BLOCK>>>(x, y, n)
extern "C" __global__ void grow(const float* x, float* y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = x[i] * 1.5f + 0.25f;
}
"""
WRONG = KERNEL.replace("0.25f", "0.26f")
PROBLEM = """from kernelevo import Input, Output, Problem

problem = Problem(
    [Input("x", "f32[n]"), Output("y", "f32[n]")], lambda x: x * 1.5 + 0.25, ["n=3000"], tests=["n=1", "n=33", "n=500"]
)
"""
SEED = 11


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "grow.cu").write_text(KERNEL)
    (tmp_path / "grow.problem.py").write_text(PROBLEM)
    return tmp_path


def start(folder: Path, *words: str, cache: str = "cache", limit: int | None = None) -> subprocess.Popen[str]:
    """The program in this folder, always with the same seed (a resumed run has its own); `limit` is of its address
    space in bytes.
    """
    environment = {**os.environ, "KERNELEVO_CACHE": str(folder / cache), "CI": "1"}
    environment["PYTHONPATH"] = str(Path(kernelevo.__file__).parent.parent)
    environment.pop("KERNELEVO_DEVICE", None)
    seed = [] if words[0] == "resume" else ["--seed", str(SEED)]
    limited = ["sh", "-c", f'ulimit -v {limit >> 10}; exec "$@"', "sh"] if limit else []
    command = [*limited, sys.executable, "-m", "kernelevo", *words, *seed]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, stdout=pipe, stderr=pipe, text=True, env=environment)


def write_batch(folder: Path, count: int) -> None:
    """Half of the candidates are right, half are wrong; all differ."""
    texts = [f"{WRONG if number % 2 else KERNEL}// {number}\n" for number in range(count)]
    lines = [json.dumps({"name": str(number), "text": text}) for number, text in enumerate(texts)]
    (folder / "batch.jsonl").write_text("\n".join(lines))


def answers(out: str) -> dict[str, dict[str, Any]]:
    """What must be the same however often an evaluation was disturbed."""
    names = ("status", "checks", "score_us", "feedback", "reward")
    return {each["name"]: {name: each[name] for name in names} for each in map(json.loads, out.splitlines())}
