"""The search for faults on the real path, compiler, wall and virtual GPU: bugs are found, shipped kernels are clean."""

from __future__ import annotations

from pathlib import Path

import pytest
from evaluator.cheats import BENCHMARKS

from kernelevo import run
from kernelevo.errors import NotInstalled
from kernelevo.kernel.file_name import passed_on
from kernelevo.settings import Request, Settings
from kernelevo.types import Budget, Candidate, Status, Verdict

KERNELS = Path(__file__).parent.parent.parent / "kernels"
SHIPPED = sorted([*KERNELS.glob("*.cu"), *KERNELS.glob("*.triton.py")])
SMALL = {
    **BENCHMARKS,
    "attention": "heads=2, length=64, width=64",
    "attention_unfused": "heads=2, length=64, width=32",
    "batch_norm": "rows=128, cols=96",
    "cross_entropy": "rows=128, classes=100",
    "matmul_f16": "m=64, n=64, k=64",
    "mlp": "rows=64, width=32, hidden=96",
}
REMARKS = {
    # Triton's conversions of layouts let several threads store the same value in one shared word.
    "attention.triton.py": {"race"},
}
"""Kinds that shipped kernels may be remarked for, with the reason; none may have an error."""
HEAD = """#pragma kernelevo launch add<<<ceildiv(n, 256), 256>>>(a, b, c, n)
extern "C" __global__ void add(const float* a, const float* b, float* c, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "runs", tmp_path / "cache", None, None, True)


def sanitize(
    kernel: Path, settings: Settings, text: str | None = None, mode: int | None = 20,
    budget: Budget = run.EVALUATION, problem: Path | None = None, cases: tuple[str, ...] = (),
) -> Verdict:  # fmt: skip
    """The verdict on a shipped kernel, or another text in its place, at small sizes."""
    name = (problem or kernel).name.partition(".")[0]
    small = (SMALL[name],) if name in SMALL else ()
    request = Request(kernel, problem, cases=cases or small)
    task = run.open_task(request)
    try:
        bench = run.KernelBench(request, task, settings)
    except NotInstalled as missing:
        pytest.skip(f"the native part or a compiler is missing: {missing}")
    try:
        judge = bench.full if mode is None else bench.at_level("sanitize", most_findings=mode)
        return judge.evaluate(Candidate(text or task.text), budget)
    finally:
        bench.close()


def test_there_are_kernels_to_look_at() -> None:
    assert len(SHIPPED) > 12


@pytest.mark.parametrize("kernel", SHIPPED, ids=lambda path: path.name)
def test_a_shipped_kernel_is_clean(kernel: Path, settings: Settings) -> None:
    verdict = sanitize(kernel, settings)
    assert verdict.status is Status.PASSED, verdict.feedback
    assert not verdict.findings
    assert {remark.kind for remark in verdict.remarks} <= REMARKS.get(kernel.name, set())
    covered = verdict.sanitizing
    assert covered is not None and covered.orders == 2 and "races" in covered.looked_for
    assert not any("too large" in words for words in covered.not_checked)


@pytest.mark.parametrize("mode", [20, None])
def test_an_access_out_of_bounds_is_found_at_its_line_in_every_case(settings: Settings, mode: int | None) -> None:
    text = HEAD + "    c[i] = a[i] + b[i];\n}\n"
    verdict = sanitize(KERNELS / "vector_add.cu", settings, text, mode)
    assert verdict.status is Status.TRAPPED
    found = verdict.findings[0]
    assert (found.kind, found.source.line, found.text.strip()) == ("out_of_bounds", 4, "c[i] = a[i] + b[i];")
    assert len(found.cases) > 3 and found.occurrences >= len(found.cases)
    assert (found.launched.line, found.block_dim) == (1, (256, 1, 1))


TWICE = """#pragma kernelevo temp float t[n]
#pragma kernelevo launch first<<<ceildiv(n, 256), 256>>>(a, t, n)
#pragma kernelevo launch sum<<<ceildiv(n, 256), dim3(256)>>>(t, b, c, n, 0)
#pragma kernelevo launch sum<<<ceildiv(n, 256), dim3(32, 8)>>>(t, b, c, n, 1)
__global__ void first(const float* a, float* t, int n) {
    int i = blockIdx.x * 256 + threadIdx.x;
    if (i <= n) t[i] = i < n ? a[i] : 0;
}
__global__ void sum(const float* t, const float* b, float* c, int n, int beyond) {
    int i = blockIdx.x * 256 + threadIdx.y * blockDim.x + threadIdx.x;
    if (i < n) c[i] = t[i] + b[i];
    if (i == 40 && i < n) c[beyond * n] = t[beyond * 0] + b[0];
}
"""


def test_later_launches_run_after_a_finding_and_each_finding_names_its_own(settings: Settings) -> None:
    """The second launch of `sum` is at fault, in a thread whose warp depends on the block's shape."""
    verdict = sanitize(KERNELS / "vector_add.cu", settings, TWICE)
    found = {(each.source.line, each.launched.line): each for each in verdict.findings if each.kind == "out_of_bounds"}
    assert set(found) == {(7, 2), (12, 4)}
    last = found[12, 4]
    assert (last.thread, last.block_dim) == ((8, 1, 0), (32, 8, 1))
    assert last.warp_and_lane(last.thread) == (1, 8)


def test_a_branch_on_what_nobody_wrote_is_found(settings: Settings) -> None:
    text = HEAD + "    if (i < n && ((volatile float*)c)[i] > 40) c[i] = 0;\n    if (i < n) c[i] = a[i] + b[i];\n}\n"
    verdict = sanitize(KERNELS / "vector_add.cu", settings, text)
    assert [found.kind for found in verdict.findings][:1] == ["uninitialised_branch"]
    assert verdict.findings[0].source.line == 4


def test_findings_of_triton_have_the_lines_of_the_python_file(settings: Settings) -> None:
    kernel = KERNELS / "softmax.triton.py"
    good, bad = "/ total, at < cols)", "/ total, at < cols + 1)"
    text = kernel.read_text().replace(good, bad)
    verdict = sanitize(kernel, settings, text)
    assert verdict.findings, verdict.feedback
    found = verdict.findings[0]
    lines = text.split("\n")
    assert (found.kind, bad in lines[found.source.line - 1]) == ("out_of_bounds", True), verdict.feedback
    assert lines[found.launched.line - 1].startswith("# kernelevo: launch softmax")


WILD = HEAD + "    c[i] = a[i] + b[i];\n}\n"


@pytest.mark.parametrize("name", ["mine.cu", 'odd "name" é.cu', "-Dx.cu"])
def test_messages_call_the_kernel_file_by_its_own_name(name: str, settings: Settings, tmp_path: Path) -> None:
    kernel = tmp_path / name
    kernel.write_text(WILD)
    verdict = sanitize(kernel, settings, problem=KERNELS / "vector_add.problem.py")
    told = passed_on(name)
    assert verdict.findings[0].source.file == verdict.findings[0].launched.file == told
    assert verdict.findings[0].text.strip() == "c[i] = a[i] + b[i];" and f"{told}:4" in verdict.feedback
    refused = sanitize(kernel, settings, WILD.replace("a[i]", "q[i]"), problem=KERNELS / "vector_add.problem.py")
    assert refused.status is Status.BUILD_ERROR and refused.diagnostics[0].file == told


def test_a_triton_file_is_called_by_its_own_name_too(settings: Settings, tmp_path: Path) -> None:
    kernel = tmp_path / "mine é.triton.py"
    kernel.write_text((KERNELS / "softmax.triton.py").read_text())
    verdict = sanitize(kernel, settings, problem=KERNELS / "softmax.problem.py", cases=("rows=4, cols=64",))
    assert verdict.status is Status.PASSED
    lines = [line.source for case in verdict.cases for step in case.steps for line in step.lines]
    assert {source.file for source in lines if source.line} == {"mine _.triton.py"}


def test_an_endless_kernel_is_told_with_its_case_and_line(settings: Settings) -> None:
    text = HEAD + "    volatile int go = 1;\n    while (go) {\n        if (n < 1025) go = 0;\n    }\n"
    text += "    if (i < n) c[i] = a[i] + b[i];\n}\n"
    verdict = sanitize(KERNELS / "vector_add.cu", settings, text, budget=Budget(2.0, 1 << 30, 10**12))
    assert verdict.status is Status.TIMEOUT and verdict.fault is not None
    (case,) = verdict.fault.cases
    assert int(case.removeprefix("n=")) >= 1025 and verdict.feedback.startswith(f"case {case}: the run was stopped")
    assert verdict.fault.source.line in (5, 6) and "in add: it was still running after" in verdict.feedback
    assert verdict.sanitizing is not None and verdict.sanitizing.runs > 0


def test_a_kernel_that_uses_up_its_instructions_is_told_with_its_line(settings: Settings) -> None:
    text = HEAD + "    volatile int go = 1;\n    while (go) { }\n    if (i < n) c[i] = a[i] + b[i];\n}\n"
    verdict = sanitize(KERNELS / "vector_add.cu", settings, text, budget=Budget(30.0, 1 << 30, 10**6))
    assert verdict.status is Status.TIMEOUT and "its budget of instructions" in verdict.feedback
    assert verdict.fault is not None and verdict.fault.source.line == 5 and "at vector_add.cu:5" in verdict.feedback
