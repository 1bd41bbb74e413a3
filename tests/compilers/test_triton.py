"""Triton behind the wall, where the extra `triton` is installed: what it builds, and what a hostile file cannot do.

A candidate's file is imported in the jail, so it may do there whatever it likes: the attacks below are its code. Each
has a control that shows the same code to work where there is no wall.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conformance.compiler import BUDGET
from conformance.wall import WallContract
from wall.test_attacks import MODES, needs

from kernelevo import sandbox
from kernelevo.compilers.triton import ARCH, TritonCompiler
from kernelevo.compilers.triton_install import TritonInstall, find_triton
from kernelevo.errors import BadInput, NotInstalled
from kernelevo.evaluators.specialise import integer_parameter
from kernelevo.interfaces import WallAnswer, WallRequest
from kernelevo.sandbox import Sandbox, Worker
from kernelevo.sandbox_scripted import ScriptedWall
from kernelevo.types import Budget, BuildFailure, BuildRequest, Diagnostic, Image, Parameter

needs_triton = pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="the extra `triton` is not there")

TEXT = """\
import triton
import triton.language as tl


@triton.jit
def scale(x, y, n, a, BLOCK: tl.constexpr, SHIFT: tl.constexpr = 3):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y + i, a * tl.load(x + i, mask=i < n) + SHIFT, mask=i < n)


@triton.jit
def total(x, y, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(y, tl.sum(tl.load(x + i, mask=i < n, other=0.0), 0))
"""
SCALE = "scale(x: *fp32 % 16, y: *fp32 % 16, n: i32, a: fp32, BLOCK = 256, SHIFT = default) num_warps=4 num_stages=3"
TOTAL = "total(x: *fp32, y: *fp32, n: i32, BLOCK = 256) num_warps=2 num_stages=3"
GOOD = BuildRequest(TEXT, "k.triton.py", (SCALE,), ARCH)


@pytest.fixture(scope="module")
def install() -> TritonInstall:
    return find_triton()


def open_wall(install: TritonInstall, *launcher_options: str) -> Sandbox:
    return Sandbox(launcher_options=launcher_options, script=Worker(install.words, install.readable))


@pytest.fixture(scope="module")
def compiler(install: TritonInstall) -> Iterator[TritonCompiler]:
    with open_wall(install) as wall:
        yield TritonCompiler(wall, install)


def built(compiler: TritonCompiler, text: str = TEXT, *names: str) -> Image:
    image = compiler.build(dataclasses.replace(GOOD, text=text, names=names or (SCALE,)), BUDGET)
    assert isinstance(image, Image), image
    return image


def refused(compiler: TritonCompiler, text: str, *names: str, budget: Budget = BUDGET) -> Diagnostic:
    failure = compiler.build(dataclasses.replace(GOOD, text=text, names=names or (SCALE,)), budget)
    assert isinstance(failure, BuildFailure), failure
    return failure.diagnostics[-1]


@needs_triton
class TestBuilds:
    def test_a_good_text_becomes_an_image_with_its_kernel(self, compiler: TritonCompiler) -> None:
        image = built(compiler)
        assert (image.arch, image.compiler) == ("sm_80", f"triton {compiler.version}")
        kernel = image.kernel(SCALE)
        assert kernel.parameters[:4] == (
            Parameter("u64", 0, 8), Parameter("u64", 8, 8), Parameter("u32", 16, 4), Parameter("f32", 20, 4)
        )  # fmt: skip
        assert (len(kernel.parameters), kernel.scratch_bytes) == (6, (0, 0))
        assert 0 < kernel.registers <= 255
        assert (kernel.static_shared_bytes, kernel.dynamic_shared_bytes) == (0, 0)
        assert '"k.triton.py"' in image.ptx

    def test_several_specialisations_are_kernels_of_one_image(self, compiler: TritonCompiler) -> None:
        other = SCALE.replace("n: i32", "n: i32 % 16")
        one = SCALE.replace("n: i32", "n = 1").replace("num_warps=4", "num_warps=8")
        image = built(compiler, TEXT, SCALE, other, one, TOTAL)
        assert len({kernel.name for kernel in image.kernels}) == 4
        assert [len(kernel.parameters) for kernel in image.kernels] == [6, 6, 5, 5]
        assert re.findall(r"\.reqntid (\d+)", image.ptx) == ["128", "128", "256", "64"]
        assert image.kernel(TOTAL).dynamic_shared_bytes > 0
        # What is known to be divisible is loaded in one piece.
        bodies = dict(re.findall(r"\.entry (\w+)(.*?)^}", image.ptx, re.DOTALL | re.MULTILINE))
        assert "ld.global.v2.b32" in bodies["scale__1"]
        assert "ld.global.v2.b32" not in bodies["scale__0"]

    def test_the_same_content_has_the_same_key_and_comes_from_the_cache(
        self, install: TritonInstall, tmp_path: Path
    ) -> None:
        with open_wall(install) as wall:
            first = built(TritonCompiler(wall, install, tmp_path))
        assert built(TritonCompiler(ScriptedWall([]), install, tmp_path)) == first

    def test_every_place_in_the_code_is_in_the_users_file(self, compiler: TritonCompiler) -> None:
        image = built(compiler, TEXT, TOTAL)
        places = re.findall(r"\.loc\s+(\d+) (\d+)", image.ptx)
        assert {file for file, _ in places} == {"1"}
        assert {int(line) for _, line in places} <= {0, 12, 13, 14}

    @pytest.mark.parametrize(
        ("old", "new", "line", "said"),
        [
            ("a * tl.load", "tl.lode", 8, "lode"),
            ("import triton\n", "import tritton\n", 1, "tritton"),
            ("i = tl.program_id(0)", "i == = tl.program_id(0)", 7, "SyntaxError"),
            ("tl.load(x + i, mask=i < n) + SHIFT", "helper(x)", 19, "pointer"),
            ("BLOCK + tl.arange(0, BLOCK)", "BLOCK + tl.arange(0, n)", 7, "constexpr"),
            ("@triton.jit\ndef scale", "def scale", 0, "no @triton.jit function"),
            ("\n\n@triton.jit\ndef total", "\nraise ValueError(7)\n\n@triton.jit\ndef total", 10, "ValueError: 7"),
        ],
    )
    def test_a_mistake_is_a_value_that_names_the_line(
        self, compiler: TritonCompiler, old: str, new: str, line: int, said: str
    ) -> None:
        helper = "\n\n@triton.jit\ndef helper(x):\n    return x * x\n"
        assert old in TEXT
        found = refused(compiler, TEXT.replace(old, new) + helper)
        assert said in found.message
        assert (found.severity, found.line) == ("error", line)
        assert found.file == ("k.triton.py" if line or "jit function" in said else "")

    def test_a_block_that_is_no_power_of_two_is_the_candidates_mistake(self, compiler: TritonCompiler) -> None:
        assert "power of 2" in refused(compiler, TEXT, SCALE.replace("256", "100")).message

    def test_a_kernel_that_is_not_there_is_refused(self, compiler: TritonCompiler) -> None:
        assert "absent is no @triton.jit function" in refused(compiler, TEXT, TOTAL.replace("total", "absent")).message

    def test_a_text_with_a_nul_character_is_refused(self, compiler: TritonCompiler) -> None:
        assert "NUL" in refused(compiler, TEXT + "\0").message

    @pytest.mark.parametrize(
        "wrong", [{"arch": "--help"}, {"names": ("scale",)}, {"options": ("-DX=1",)}, {"include_folders": ("/usr",)}]
    )
    def test_a_wrong_request_is_the_callers_mistake(self, compiler: TritonCompiler, wrong: dict[str, object]) -> None:
        with pytest.raises(BadInput):
            compiler.build(dataclasses.replace(GOOD, **wrong), BUDGET)

    def test_a_newer_architecture_gets_code_for_an_older_one_and_it_is_said(self, compiler: TritonCompiler) -> None:
        image = compiler.build(dataclasses.replace(GOOD, arch="sm_90"), BUDGET)
        assert isinstance(image, Image)
        assert (image.arch, compiler.target("sm_90")) == ("sm_80", "sm_80")
        assert ".target sm_80" in image.ptx


# What a hostile file does when it is imported; {place} is a folder that it may not touch.
ATTACKS = {
    "write": "open('{place}/written', 'w').write('x')",
    "read": "assert open('{place}/secret').read()",
    "list": "import os; assert os.listdir('{place}')",
    "shell": "import os; assert os.system('/bin/sh -c true') == 0",
    "fork": "import os\npid = os.fork()\nif pid == 0: os._exit(0)\nos.waitpid(pid, 0)",
    "thread": "import threading; t = threading.Thread(target=print); t.start(); t.join()",
    "socket": "import socket; socket.create_connection(('127.0.0.1', {port}), 2)",
    "signal": "import os; os.kill({victim}, 0)",
    "environment": "import os; assert os.environ['API_KEY']",
    "packages": "import numpy",
    "judge": "import kernelevo.evaluators",
}


# Finds the answer's memory among what the process has, and writes a frame of its own into it.
FORGE = """
import gc, mmap, os, struct, sys
frame = sys._getframe()
while "answer" not in frame.f_locals or not isinstance(frame.f_locals["answer"], mmap.mmap):
    frame = frame.f_back
memory = frame.f_locals["answer"]
memory[40:40 + {head!r}.__len__()] = {head!r}
memory[0:40] = struct.pack("<5Q", int.from_bytes(b"EVOWALL1", "little"), {start}, {size}, 40, 0)
os._exit(0)
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, object]]:
    (tmp_path / "secret").write_text("secret")
    monkeypatch.setenv("API_KEY", "secret")
    with socket.socket() as server, subprocess.Popen(["sleep", "60"]) as victim:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield {"place": tmp_path, "port": server.getsockname()[1], "victim": victim.pid}
        victim.kill()


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_works_where_there_is_no_wall(name: str, place: dict[str, object]) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    code = ATTACKS[name].format(**place)
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


@needs_triton
class TestHostileFiles:
    @pytest.mark.parametrize("name", ATTACKS)
    def test_an_attack_fails_behind_the_wall(
        self, compiler: TritonCompiler, name: str, place: dict[str, object]
    ) -> None:
        code = ATTACKS[name].format(**place)
        found = refused(compiler, f"{TEXT}\n{code}\n")
        assert re.search("Error", found.message), found.message
        assert found.line > len(TEXT.split("\n"))
        assert not (Path(str(place["place"])) / "written").exists()

    def test_the_same_file_without_an_attack_is_built(self, compiler: TritonCompiler) -> None:
        assert built(compiler, f"{TEXT}\nassert True\n").kernels

    @pytest.mark.parametrize(
        ("code", "said"),
        [
            ("import os; os._exit(0)", "no answer"),
            ("import os; os._exit(7)", "exit status 7"),
            ("import sys; sys.exit(0)", "SystemExit"),
            ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
            ("import os; os._exit(70)", "exit status 70"),
            ("import os; os._exit(71)", "exit status 71"),
            ("import os; os._exit(78)", "larger than it may be"),
            ("import os; os.abort()", "SIGABRT"),
            ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "PermissionError"),
            ("import os, signal; os.kill(os.getppid(), signal.SIGKILL)", "PermissionError"),
            ("import sys; sys.stderr.write('x' * (64 << 20))", "Error"),
            ("import threading, signal; signal.pthread_kill(threading.get_ident(), 9)", "PermissionError"),
            ("x = bytearray(64 << 30)", "MemoryError"),
            ("raise BaseException('gone')", "gone"),
            ("class Odd(Exception):\n    def __str__(self): raise Odd()\nraise Odd()", "no answer"),
        ],
    )
    def test_a_file_that_ends_its_process_has_no_build(self, compiler: TritonCompiler, code: str, said: str) -> None:
        assert said in refused(compiler, f"{TEXT}\n{code}\n").message

    @pytest.mark.parametrize("code", ["while True: pass", "import time; time.sleep(3600)"])
    def test_a_file_that_never_ends_is_stopped(self, compiler: TritonCompiler, code: str) -> None:
        found = refused(compiler, f"{TEXT}\n{code}\n", budget=Budget(3.0, 4 << 30, 1))
        assert "did not end within 3 s" in found.message or "of CPU" in found.message

    def test_memory_is_limited(self, compiler: TritonCompiler) -> None:
        code = "held = []\nwhile True: held.append(bytearray(64 << 20))"
        found = refused(compiler, f"{TEXT}\n{code}\n", budget=Budget(30.0, 1 << 30, 1))
        assert "MemoryError" in found.message or "no answer" in found.message or "memory" in found.message

    def test_a_forged_answer_is_data_and_no_more(self, compiler: TritonCompiler) -> None:
        for answer in ('{"kernels": []}', "no JSON", '{"kernels": [{"ptx": 7}]}', "[" * 100_000, '{"kernels": null}'):
            forge = FORGE.format(head=answer.encode(), start=40, size=len(answer))
            assert "came back" in refused(compiler, f"{TEXT}\n{forge}").message

    @pytest.mark.parametrize(("start", "size"), [(1 << 63, 9), (40, 1 << 62), (0, 1 << 26)])
    def test_a_forged_frame_is_no_answer(self, compiler: TritonCompiler, start: int, size: int) -> None:
        forge = FORGE.format(head=b"{}", start=start, size=size)
        message = refused(compiler, f"{TEXT}\n{forge}").message
        assert "no answer" in message or "came back" in message

    def test_other_ptx_than_the_texts_is_assembled_and_judged_like_any(self, compiler: TritonCompiler) -> None:
        patch = (
            "import triton.backends.nvidia.compiler as c\n"
            "c.CUDABackend.make_ptx = lambda self, src, metadata, opt, capability: "
            "'.version 8.0\\n.target sm_80\\n.address_size 64\\n' + "
            "'.visible .entry scale__0(.param .u64 p)\\n{\\nret;\\n}\\n'\n"
        )
        image = built(compiler, TEXT + patch)
        assert [parameter.type for parameter in image.kernel(SCALE).parameters] == ["u64"]
        assert "Parsing error" in refused(compiler, TEXT + patch.replace("ret;", "malformed")).message
        assert "scale" in refused(compiler, TEXT + patch.replace("scale__0", "other")).message

    def test_an_answer_that_is_too_large_is_not_taken(self, compiler: TritonCompiler) -> None:
        patch = "import triton.backends.nvidia.compiler as c\nc.CUDABackend.make_ptx = lambda *_: 'x' * (65 << 20)\n"
        assert "larger than it may be" in refused(compiler, TEXT + patch).message

    def test_wishes_that_are_no_sizes_are_refused(self, compiler: TritonCompiler) -> None:
        for size in ("-1", "1 << 40", "'7'", "None", "float('nan')"):
            patch = (
                "import triton.backends.nvidia.compiler as c\n"
                "old = c.CUDABackend.make_ptx\n"
                "def new(self, src, metadata, *rest):\n"
                f"    metadata['shared'] = {size}\n"
                "    return old(self, src, metadata, *rest)\n"
                "c.CUDABackend.make_ptx = new\n"
            )
            assert "shared_bytes" in refused(compiler, TEXT + patch).message

    def test_one_candidate_leaves_nothing_behind_for_the_next(self, compiler: TritonCompiler) -> None:
        patch = "import triton.backends.nvidia.compiler as c\nc.CUDABackend.make_ptx = None\n"
        assert refused(compiler, TEXT + patch)
        assert built(compiler).kernels


@needs_triton
@pytest.mark.parametrize(
    "value", [0, 1, 2, 15, 16, 17, -1, -16, -17, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**40 + 1, 2**62]
)
def test_an_integer_is_specialised_as_by_tritons_own_jit(value: int) -> None:
    from triton._C.libtriton import native_specialize_impl
    from triton.backends.compiler import BaseBackend

    kind, known = native_specialize_impl(BaseBackend, value, False, True, True)
    ours = integer_parameter("n", value)
    if kind == "constexpr":
        assert (ours.type, ours.value) == (None, known)
    else:
        assert (ours.type, ours.divisible) == (kind, known == "D")


@needs_triton
class TestScriptWall(WallContract):
    @pytest.fixture
    def wall(self, install: TritonInstall) -> Iterator[Sandbox]:
        with open_wall(install) as wall:
            yield wall

    @pytest.fixture
    def errand(self) -> WallRequest:
        empty = {"text": "", "file_name": "k.py", "arch": 80, "ptx_version": 80, "instances": []}
        return WallRequest("triton", json.dumps(empty).encode(), (), 1 << 20)


@needs_triton
@pytest.mark.parametrize("mode", MODES)
def test_it_builds_in_every_mode_of_the_wall(install: TritonInstall, mode: str) -> None:
    needs(MODES[mode], sandbox.layers())
    with open_wall(install, *MODES[mode]) as wall:
        compiler = TritonCompiler(wall, install)
        assert built(compiler).kernels
        assert "Error" in refused(compiler, f"{TEXT}\nopen('/etc/passwd')\n").message


@needs_triton
def test_hostile_words_are_made_visible(install: TritonInstall) -> None:
    answer = WallAnswer("done", "", json.dumps({"error": "words\x1b[2J", "line": 3}).encode(), ())
    found = TritonCompiler(ScriptedWall([answer]), install).build(GOOD, BUDGET)
    assert isinstance(found, BuildFailure)
    assert found.diagnostics == (Diagnostic("error", "words\\x1b[2J", "k.triton.py", 3),)


def test_a_folder_that_is_called_triton_is_not_triton(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "triton").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.setattr(sys, "path_importer_cache", {})
    monkeypatch.delitem(sys.modules, "triton", raising=False)
    assert importlib.util.find_spec("triton") is not None
    with pytest.raises(NotInstalled, match="not installed"):
        find_triton()


def test_without_triton_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(NotInstalled, match=r'pip install "kernelevo\[triton\]"'):
        find_triton()
