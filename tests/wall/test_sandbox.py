"""The wall as the judge uses it: errands, limits that kill, a zygote that dies, and answers that lie."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conformance.wall import BUDGET, WallContract
from wall.test_attacks import MODES, needs

from kernelevo.compilers.toolkit import Toolkit, find_toolkit
from kernelevo.errors import SandboxBroken, WallUnavailable
from kernelevo.interfaces import WallAnswer, WallRequest
from kernelevo.sandbox import Sandbox
from kernelevo.sandbox_scripted import ScriptedWall
from kernelevo.types import Budget
from kernelevo.wire.command import Command, read_result
from kernelevo.wire.heads import HeadReader, HeadWriter


def compile_errand(text: str, options: tuple[str, ...] = ("--gpu-architecture=sm_80",)) -> WallRequest:
    head = HeadWriter()
    head.text("kernel.cu")
    head.texts(options)
    head.texts(())
    return WallRequest("compile", head.bytes(), (text.encode(),), 16 << 20)


GOOD = compile_errand('extern "C" __global__ void k(float *x) { x[0] = 1; }')
# Some seconds of work for the compiler.
SLOW = compile_errand(
    'extern "C" __global__ void k(double *x) {\n#pragma unroll 256\n'
    "for (int i = 0; i < 256; ++i) x[i] = sin(x[i + 1]) * pow(x[i + 2], x[i + 3]);\n}"
)
GREEDY = compile_errand(
    "#define A(x) x x x x x x x x x x\n#define B(x) A(A(A(A(A(A(A(A(x))))))))\n"
    "__global__ void k(float *x) { B(B(x[0] += 1;)) }"
)


@pytest.fixture(scope="module")
def toolkit() -> Toolkit:
    return find_toolkit()


@pytest.fixture
def wall(toolkit: Toolkit) -> Iterator[Sandbox]:
    with Sandbox(toolkit.library, toolkit.read_only) as sandbox:
        yield sandbox


class TestSandbox(WallContract):
    @pytest.fixture
    def errand(self) -> WallRequest:
        return GOOD


class TestScriptedWall(WallContract):
    @pytest.fixture
    def wall(self) -> ScriptedWall:
        return ScriptedWall([WallAnswer("done", "", b"head", (b"blob",))] * 2)

    @pytest.fixture
    def errand(self) -> WallRequest:
        return GOOD


def test_a_scripted_wall_that_has_no_answer_left_says_so() -> None:
    with pytest.raises(SandboxBroken, match="no answer left"):
        ScriptedWall([]).call(GOOD, BUDGET)


@pytest.mark.parametrize("mode", MODES)
def test_it_compiles_in_every_mode(toolkit: Toolkit, offered: dict[str, object], mode: str) -> None:
    needs(MODES[mode], offered)
    with Sandbox(toolkit.library, toolkit.read_only, launcher_options=MODES[mode]) as sandbox:
        answer = sandbox.call(GOOD, BUDGET)
    assert answer.ended == "done"
    assert HeadReader(answer.head).u32() == 0
    assert b".visible .entry k(" in answer.blobs[0]


def test_a_child_that_does_not_end_is_killed_in_time_and_the_next_one_runs(wall: Sandbox) -> None:
    start = time.monotonic()
    answer = wall.call(SLOW, Budget(0.5, 4 << 30, 1))
    assert answer.ended == "killed"
    assert "0.5 s" in answer.reason
    assert time.monotonic() - start < 5
    assert wall.call(GOOD, BUDGET).ended == "done"


def test_a_child_that_wants_too_much_memory_gets_no_further(wall: Sandbox) -> None:
    answer = wall.call(GREEDY, Budget(60, 512 << 20, 1))
    compiled = answer.ended == "done" and HeadReader(answer.head).u32() == 0
    assert not compiled
    assert wall.call(GOOD, BUDGET).ended == "done"


def test_an_answer_that_does_not_fit_is_not_taken(wall: Sandbox) -> None:
    small = WallRequest(GOOD.kind, GOOD.head, GOOD.blobs, answer_bytes=256)
    answer = wall.call(small, BUDGET)
    assert (answer.ended, answer.head) == ("killed", b"")
    assert "larger" in answer.reason


def test_a_request_that_makes_no_sense_is_our_fault(wall: Sandbox) -> None:
    with pytest.raises(SandboxBroken, match="ends too early"):
        wall.call(WallRequest("compile", b"", (b"",)), BUDGET)
    assert wall.call(GOOD, BUDGET).ended == "done"


def test_a_worker_without_a_compiler_says_so() -> None:
    with Sandbox() as sandbox, pytest.raises(SandboxBroken, match="without a compiler"):
        sandbox.call(GOOD, BUDGET)


def test_a_library_that_is_no_compiler_is_named(tmp_path: Path) -> None:
    library = tmp_path / "libnvrtc.so"
    library.write_bytes(b"not a library")
    with pytest.raises(SandboxBroken, match="NVRTC library cannot be loaded"):
        Sandbox(library)


def test_a_dead_worker_is_reported_and_replaced(wall: Sandbox) -> None:
    assert wall._zygote is not None
    os.killpg(wall._zygote._process.pid, signal.SIGKILL)
    with pytest.raises(SandboxBroken):
        wall.call(GOOD, BUDGET)
    assert wall.call(GOOD, BUDGET).ended == "done"


def test_where_no_wall_can_be_built_nothing_starts(toolkit: Toolkit) -> None:
    nothing = ["--no-namespaces", "--landlock-abi", "0"]
    with pytest.raises(WallUnavailable, match="--unsafe"):
        Sandbox(toolkit.library, toolkit.read_only, launcher_options=nothing)
    with Sandbox(toolkit.library, toolkit.read_only, unsafe=True, launcher_options=nothing) as sandbox:
        assert sandbox.call(GOOD, BUDGET).ended == "done"


def test_the_worker_ends_when_the_judge_is_killed(toolkit: Toolkit) -> None:
    judge = subprocess.Popen(
        [sys.executable, "-c", JUDGE, str(toolkit.library)], stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    assert judge.stdout is not None
    worker = int(judge.stdout.readline())
    judge.kill()
    judge.communicate()
    deadline = time.monotonic() + 5
    while _runs(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(worker)


JUDGE = """
import sys, time
from pathlib import Path
from kernelevo.sandbox import Sandbox
sandbox = Sandbox(Path(sys.argv[1]))
print(sandbox._zygote._process.pid, flush=True)
time.sleep(60)
"""


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def shell(script: str, **given: object) -> WallRequest:
    fields: dict[str, object] = {
        "words": ("/bin/sh", "-c", script), "environment": {"PATH": "/usr/bin:/bin"}, "readable": ("/bin", "/usr/bin"),
        "inputs": {}, "outputs": (), "forks": 8, "file_bytes": 1 << 16,
    }  # fmt: skip
    return Command(**{**fields, **given}).request()  # type: ignore[arg-type]


class TestCommand:
    def test_files_go_in_and_come_out(self, wall: Sandbox) -> None:
        request = shell("cat in > out; echo said; exit 3", inputs={"in": b"content"}, outputs=("out", "absent"))
        result = read_result(wall.call(request, BUDGET))
        assert (result.code, result.log, result.outputs) == (3, "said\n", (b"content", None))

    def test_a_link_to_a_file_outside_is_not_followed(self, wall: Sandbox, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("secret")
        request = shell(f"ln -s {tmp_path / 'secret'} out", outputs=("out",))
        assert read_result(wall.call(request, BUDGET)).outputs == (None,)

    def test_one_that_sleeps_is_killed_with_everything_it_started(self, wall: Sandbox) -> None:
        start = time.monotonic()
        answer = wall.call(shell("sleep 50 & sleep 50"), Budget(0.5, 1 << 30, 1))
        assert answer.ended == "killed"
        assert time.monotonic() - start < 5

    def test_what_it_leaves_behind_does_not_keep_it_from_ending(self, wall: Sandbox) -> None:
        start = time.monotonic()
        assert read_result(wall.call(shell("sleep 50 & exit 0"), BUDGET)).code == 0
        assert time.monotonic() - start < 5

    def test_its_forks_are_counted(self, wall: Sandbox) -> None:
        script = "for i in 1 2 3 4 5 6; do /usr/bin/true || exit 7; done; echo all"
        assert "all" in read_result(wall.call(shell(script, forks=6), BUDGET)).log
        assert "all" not in read_result(wall.call(shell(script, forks=5), BUDGET)).log

    def test_it_gets_nothing_of_our_environment(self, wall: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("API_KEY", "secret")
        log = read_result(wall.call(shell("env"), BUDGET)).log
        assert "TMPDIR=" in log
        assert "secret" not in log
