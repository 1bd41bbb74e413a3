"""`--device cuda:virtual` through the command line: a driver's process behind the wall, from the first line to the
samples. Real kernels, at small sizes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODELLED = (
    "device cuda:virtual (modelled, not calibrated; the measuring path on the virtual GPU, which measures nothing)"
)


def kernelevo(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "KERNELEVO_RUNS": str(folder / "runs"), "KERNELEVO_CACHE": str(folder / "cache")}
    return subprocess.run(
        [sys.executable, "-m", "kernelevo", *words], cwd=folder, env=environment, capture_output=True, text=True,
        timeout=300,
    )  # fmt: skip


@pytest.mark.parametrize(("name", "case"), [("softmax", "rows=64,cols=128"), ("reduce_sum", "n=16384")])
def test_optimize_finds_a_faster_kernel_and_measures_it_beside_the_start(tmp_path: Path, name: str, case: str) -> None:
    done = kernelevo(tmp_path, "optimize", str(ROOT / "kernels" / f"{name}.cu"), "--device", "cuda:virtual",
                     "--case", case, "--evaluations", "10", "--seconds", "120", "--workers", "1", "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[0].startswith(MODELLED)
    answer = json.loads(done.stdout)
    assert answer["how"] == "modelled" and answer["improved"] and answer["speedup"] > 1.25
    (measured,) = answer["measurements"]["cases"]
    assert measured["name"] == case and measured["time_us"]["samples"] >= 6
    ratio = measured["times_as_fast_as_start"]
    assert ratio["low"] <= ratio["value"] <= ratio["high"] and ratio["value"] == pytest.approx(
        answer["speedup"], rel=0.05
    )
    sides = [sample["side"] for sample in answer["measurements"]["samples"]]
    assert sides.count("start") == 2 * ratio["samples"] and sides.count("candidate") > sides.count("start")


def test_check_tells_interval_and_samples_and_keeps_each_call(tmp_path: Path) -> None:
    words = ("check", str(ROOT / "kernels" / "vector_add.cu"), "--device", "cuda:virtual", "--case", "n=4096")
    told = kernelevo(tmp_path, *words)
    assert told.returncode == 0, told.stdout + told.stderr
    assert told.stdout.startswith(MODELLED) and "] " not in told.stdout.splitlines()[-1]
    assert "% interval of 8 calls (modelled, cuda:virtual)" in told.stdout
    verdict = json.loads(kernelevo(tmp_path, *words, "--json").stdout)
    samples = verdict["measurements"]["samples"]
    assert len({sample["case"] for sample in samples}) > 5
    assert [sample["order"] for sample in samples] == sorted(sample["order"] for sample in samples)
    assert {"event_us", "host_us", "outer_us", "state", "side"} <= set(samples[0])


def test_faults_of_a_kernel_are_its_own(tmp_path: Path) -> None:
    (tmp_path / "wild.cu").write_text("""
#pragma kernelevo launch scale<<<1, 32>>>(a, b, c, n)
extern "C" __global__ void scale(const float* a, const float* b, float* c, int n) { c[(size_t)n << 40] = a[0]; }
""")
    problem = str(ROOT / "kernels" / "vector_add.problem.py")
    done = kernelevo(tmp_path, "check", "wild.cu", "--problem", problem, "--device", "cuda:virtual", "--json",
                     "--case", "n=4096")  # fmt: skip
    assert done.returncode == 1, done.stderr
    verdict = json.loads(done.stdout)
    assert verdict["status"] == "trapped" and verdict["fault"]["kernel"] == "scale"


def test_faults_are_searched_for_elsewhere(tmp_path: Path) -> None:
    done = kernelevo(
        tmp_path, "check", str(ROOT / "kernels" / "vector_add.cu"), "--device", "cuda:virtual", "--sanitize"
    )
    assert done.returncode == 2 and "--device virtual:h100" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--device", "cuda:first"), "cuda:0 for the first card, or cuda:virtual"),
        (("--device", "cuda:virtual", "--driver", "opencl"), "choose one of cupy, pycuda"),
    ],
)
def test_a_device_that_is_none_is_one_sentence(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    done = kernelevo(tmp_path, "check", str(ROOT / "kernels" / "vector_add.cu"), *words)
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.skipif(Path("/dev/nvidia0").exists(), reason="there is a card here")
def test_a_card_that_is_not_there_is_one_sentence_that_says_what_is_missing(tmp_path: Path) -> None:
    done = kernelevo(tmp_path, "check", str(ROOT / "kernels" / "vector_add.cu"), "--device", "cuda:0")
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.startswith("kernelevo: ") and done.stderr.count("\n") == 1
    assert "pip install" in done.stderr or "no NVIDIA driver" in done.stderr or "no card" in done.stderr
