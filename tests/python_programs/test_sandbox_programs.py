"""Programs behind the wall: what comes back of honest ones, how failures are told, and what hostile ones cannot do.

A program may do whatever it likes in its process; each attack has a control that shows the same code to work where
there is no wall.
"""

from __future__ import annotations

import importlib.util
import io
import json
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the extra `scrna` is not installed")

from conformance.programs import ProgramRunnerContract
from conformance.wall import WallContract
from wall.test_attacks import MODES, needs

from kernelevo import sandbox
from kernelevo.errors import NotInstalled, SandboxBroken
from kernelevo.interfaces import ProgramCall, ProgramFailure, WallAnswer, WallRequest
from kernelevo.sandbox import Sandbox
from kernelevo.sandbox_programs import LONGEST_TEXT, JailedPrograms, package_places, program_worker, request_of
from kernelevo.sandbox_scripted import ScriptedPrograms, ScriptedWall
from kernelevo.types import Status
from kernelevo.wire.arrays import array_bytes

GIVEN = np.arange(12.0).reshape(3, 4)
HEAD = "def denoise(counts, seed):\n    "


@pytest.fixture(scope="module")
def programs() -> Iterator[JailedPrograms]:
    found = JailedPrograms()
    yield found
    found.close()


def call(text: str, seed: int = 7) -> ProgramCall:
    return ProgramCall(text, "denoise", [GIVEN], seed, GIVEN.shape)


def failed(programs: JailedPrograms, text: str) -> ProgramFailure:
    found = programs.call(call(text))
    assert isinstance(found, ProgramFailure), found
    return found


class TestHonest:
    def test_what_it_returns_comes_back_to_the_last_bit(self, programs: JailedPrograms) -> None:
        found = programs.call(call(HEAD + "return counts / 3 + seed"))
        assert found.dtype == np.float64 and np.array_equal(found, GIVEN / 3 + 7)

    def test_arguments_are_arrays_that_may_be_changed_texts_and_numbers(self, programs: JailedPrograms) -> None:
        text = (
            "def f(a, texts, count, seed):\n    a *= 2\n    assert texts == ['盗窃', ''] and a.dtype == 'int64'\n"
            "    return a[:count].astype(float)"
        )
        asked = ProgramCall(text, "f", [np.arange(4), ["盗窃", ""], 2], 1, (2,))
        assert programs.call(asked).tolist() == [0.0, 2.0]

    @pytest.mark.parametrize(
        "made", ["counts.astype('float32')", "scipy.sparse.csr_matrix(counts)", "counts.T.copy().T", "counts[:]"]
    )
    def test_floats_of_other_widths_and_layouts_are_taken(self, programs: JailedPrograms, made: str) -> None:
        found = programs.call(call(f"import scipy.sparse\n{HEAD}return {made}"))
        assert np.array_equal(found, GIVEN)

    def test_it_may_import_what_is_not_loaded_yet_and_print(self, programs: JailedPrograms) -> None:
        text = f"{HEAD}from sklearn.ensemble import ExtraTreesRegressor as T\n    print('x' * 10**6, flush=True)\n    "
        found = programs.call(
            call(text + "return T(3, random_state=seed, n_jobs=2).fit(counts, counts).predict(counts)")
        )
        assert found.shape == GIVEN.shape

    @pytest.mark.parametrize(
        "draw", ["np.random.rand(3, 4)", "np.random.default_rng(seed).random((3, 4))", "[[random.random()] * 4] * 3"]
    )
    def test_the_same_seed_draws_the_same_and_another_another(self, programs: JailedPrograms, draw: str) -> None:
        text = f"import random\nimport numpy as np\n{HEAD}return np.array({draw})"
        first, again, other = (programs.call(call(text, seed)) for seed in (7, 7, 8))
        assert np.array_equal(first, again) and not np.array_equal(first, other)

    def test_hashes_and_threads_are_the_same_in_every_zygote(self, programs: JailedPrograms) -> None:
        text = (
            "from threadpoolctl import threadpool_info as pools\n"
            f"{HEAD}threads = max(each['num_threads'] for each in pools())\n"
            "    return counts * 0 + hash('facts') % 10**9 + threads / 2"
        )
        other = JailedPrograms()
        found = [each.call(call(text)) for each in (programs, other)]
        other.close()
        assert np.array_equal(*found) and found[0][0, 0] % 1 == 0.5

    def test_nothing_is_kept_from_call_to_call(self, programs: JailedPrograms) -> None:
        text = f"import numpy as np\n{HEAD}np.kept = getattr(np, 'kept', 0) + 1\n    return counts * 0 + np.kept"
        assert [programs.call(call(text)).max() for _ in range(2)] == [1.0, 1.0]


@pytest.mark.parametrize(
    ("text", "status", "words"),
    [
        ("def denoise(counts, seed)\n    pass", Status.BUILD_ERROR, "line 1: SyntaxError"),
        ("import torch\n" + HEAD + "pass", Status.BUILD_ERROR, "line 1: ModuleNotFoundError: No module named 'torch'"),
        ("x = 1\n", Status.BUILD_ERROR, "it defines no function denoise"),
        ("denoise = 7\n", Status.BUILD_ERROR, "it defines no function denoise"),
        ("def denoise(counts): return counts\n", Status.TRAPPED, "TypeError"),
        (HEAD + "return counts[9]", Status.TRAPPED, "line 2: IndexError"),
        (HEAD + "raise ValueError('\x1b[2J\\u202e')", Status.TRAPPED, "ValueError: \\x1b[2J"),
        (HEAD + "raise ValueError('x' * 10**7)", Status.TRAPPED, "ValueError: xxx"),
        (HEAD + "return denoise(counts, seed)", Status.TRAPPED, "RecursionError"),
        (HEAD + "return counts.repeat(10**10)", Status.TRAPPED, "MemoryError"),
        (HEAD + "return None", Status.WRONG, "denoise returned NoneType of object"),
        (HEAD + "return counts.astype(int)", Status.WRONG, "denoise returned ndarray of int64"),
        (HEAD + "return [['1'] * 4] * 3", Status.WRONG, "denoise returned list of <U1"),
        (HEAD + "return counts[:2]", Status.WRONG, "shape (2, 4), but (3, 4) is wanted"),
        (HEAD + "counts[1, 2] = float('nan')\n    return counts", Status.WRONG, "the value at (1, 2) is nan"),
        (HEAD + "return counts * float('inf')", Status.WRONG, "which is not finite"),
        (HEAD + "return counts + 1j", Status.WRONG, "denoise returned ndarray of complex128"),
        ("#" * LONGEST_TEXT + "\n" + HEAD + "return counts", Status.BUILD_ERROR, "and may have 65,536"),
        (HEAD + "return counts\0", Status.BUILD_ERROR, "NUL"),
        ("import os\nos._exit(0)\n", Status.TRAPPED, "exit status 0 and no answer"),
        ("import os\nos._exit(71)\n", Status.TRAPPED, "exit status 71"),
        ("import os\nos._exit(78)\n", Status.TIMEOUT, "larger than it may be"),
        ("import os\nos.abort()\n", Status.TRAPPED, "SIGABRT"),
        ("import ctypes\nctypes.string_at(0)\n", Status.TRAPPED, "SIGSEGV"),
        ("class Odd(Exception):\n    def __str__(self): raise Odd()\nraise Odd()", Status.TRAPPED, "no answer"),
        (HEAD + "import os, signal\n    os.kill(os.getpid(), signal.SIGKILL)", Status.TRAPPED, "PermissionError"),
        ("raise SystemExit(0)", Status.BUILD_ERROR, "SystemExit: 0"),
    ],
)  # fmt: skip
def test_a_failure_is_the_programs_and_says_why(
    programs: JailedPrograms, text: str, status: Status, words: str
) -> None:
    found = failed(programs, text)
    assert found.status is status and words in found.words and len(found.words) < 700
    assert found.status.blames_candidate
    assert programs.call(call(HEAD + "return counts")).shape == GIVEN.shape


class TestLimits:
    @pytest.mark.parametrize("text", ["while True: pass", "import time; time.sleep(600)"])
    def test_time_is_bounded(self, text: str) -> None:
        programs = JailedPrograms(seconds=1.0)
        programs.call(call(HEAD + "return counts"))
        began = time.monotonic()
        found = failed(programs, HEAD + text)
        programs.close()
        assert found.status is Status.TIMEOUT and "did not end within 1 s" in found.words
        assert time.monotonic() - began < 10

    def test_memory_is_bounded_and_what_is_granted_is_there(self) -> None:
        programs = JailedPrograms(memory_bytes=1 << 30)
        assert programs.call(call(f"import numpy as np\n{HEAD}return counts + np.ones(3 << 25)[0]")).min() == 1.0
        found = failed(programs, f"import numpy as np\n{HEAD}return counts + np.ones(6 << 25)[0]")
        programs.close()
        assert found.status is Status.TRAPPED and "MemoryError" in found.words

    def test_our_environment_is_not_shown(self, programs: JailedPrograms, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
        fresh = JailedPrograms()
        found = failed(fresh, HEAD + "import os; raise ValueError(str(dict(os.environ)))")
        fresh.close()
        assert "PYTHONHASHSEED" in found.words and "secret" not in found.words


ATTACKS = {
    "network": "import socket; socket.create_connection(('127.0.0.1', {port}))",
    "listening": "import socket; socket.socket().listen()",
    "reading": "open('{secret}').read()",
    "passwords": "open('/etc/passwd').read()",
    "listing": "import os; os.listdir('{folder}')",
    "writing": "open('{folder}/new', 'w').write('x')",
    "forking": "import os; os.fork() or os._exit(0)",
    "threads": "import threading; threading.Thread(target=int).start()",
    "programs": "import subprocess; subprocess.run(['/bin/true'], check=True)",
    "signals": "import os; os.kill({parent}, 0)",
    "processes": "open('/proc/{parent}/environ').read()",
    "packages": "import pytest",
    "the judge": "import kernelevo",
    "memory files": "import os; os.memfd_create('x')",
    "shared memory": "import mmap; mmap.mmap(-1, 4096)",
}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[dict[str, object]]:
    import socket

    (tmp_path / "secret").write_text("gold")
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield {
            "port": server.getsockname()[1], "secret": tmp_path / "secret", "folder": tmp_path, "parent": os.getpid(),
        }  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
def test_attacks_fail_in_every_mode_of_the_wall(mode: str, place: dict[str, object]) -> None:
    needs(MODES[mode], sandbox.layers())
    programs = JailedPrograms(launcher_options=MODES[mode])
    assert programs.call(call(HEAD + "return counts")).shape == GIVEN.shape
    for name, code in ATTACKS.items():
        text = f"{HEAD}{code.format(**place)}\n    return counts"
        found = programs.call(call(text))
        assert isinstance(found, ProgramFailure) and "line 2: " in found.words, (name, found)
        assert found.status is Status.TRAPPED
    programs.close()
    assert not (Path(str(place["folder"])) / "new").exists()


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks_work_where_there_is_no_wall(name: str, place: dict[str, object]) -> None:
    code = ATTACKS[name].format(**place)
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


FORGE = """\
import os, struct, sys
import numpy as np

def denoise(counts, seed):
    frame = sys._getframe()
    while "order" not in frame.f_locals or "answer" not in frame.f_locals:
        frame = frame.f_back
    memory = frame.f_locals["answer"]
    head, blob = {head!r}, {blob!r}
    memory[128 : 128 + len(blob)] = blob
    memory[64 : 80] = struct.pack("<2Q", 128, len(blob))
    memory[4096 : 4096 + len(head)] = head
    memory[:40] = struct.pack("<5Q", int.from_bytes(b"EVOWALL1", "little"), {start}, len(head), 64, {count})
    os._exit(0)
"""


def npy(array: np.ndarray, pickled: bool = False) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=pickled)
    return file.getvalue()


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch /tmp/kernelevo.was.unpickled",)


@pytest.mark.parametrize(
    ("head", "blob", "start", "count"),
    [
        (b"no JSON", b"", 4096, 0), (b"[" * 5000, b"", 4096, 0), (b"{}", b"", 4096, 0), (b"7", b"", 4096, 1),
        (b'{"fault": "result"}', b"", 4096, 0), (b'{"fault": 7, "words": "x"}', b"", 4096, 0),
        (b"{}", b"\x93NUMPY", 4096, 1), (b"{}", npy(GIVEN)[:-1], 4096, 1), (b"{}", npy(GIVEN) + b"x", 4096, 1),
        (b"{}", npy(GIVEN.astype(np.float32)), 4096, 1), (b"{}", npy(GIVEN.T), 4096, 1),
        (b"{}", npy(np.array([Bomb()] * 12, dtype=object), pickled=True), 4096, 1),
        (b"{}", pickle.dumps(Bomb()), 4096, 1), (b"{}", b"", 1 << 62, 1), (b"{}", b"", 4096, 1 << 60),
        (b"{}", npy(GIVEN).replace(b"(3, 4)", b"(9, 9)"), 4096, 1),
    ],
)  # fmt: skip
def test_a_forged_answer_is_a_failure_of_the_program(
    programs: JailedPrograms, head: bytes, blob: bytes, start: int, count: int
) -> None:
    found = failed(programs, FORGE.format(head=head, blob=blob, start=start, count=count))
    assert found.status in (Status.WRONG, Status.TRAPPED), found
    assert not Path("/tmp/kernelevo.was.unpickled").exists()


def test_an_array_that_is_forged_well_is_as_good_as_one_that_is_returned(programs: JailedPrograms) -> None:
    found = programs.call(call(FORGE.format(head=b"{}", blob=npy(GIVEN + 1), start=4096, count=1)))
    assert np.array_equal(found, GIVEN + 1)


def test_its_process_is_given_the_text_the_arguments_and_the_seed_alone() -> None:
    wall = ScriptedWall([WallAnswer("done", "", b"{}", (array_bytes(GIVEN),))])
    assert np.array_equal(JailedPrograms(wall=wall).call(call("text")), GIVEN)
    (asked,) = wall.asked
    order = json.loads(asked.head)
    assert order == {
        "text": "text", "function": "denoise", "arguments": [{"blob": 0}], "seed": 7, "shape": [3, 4],
    }  # fmt: skip
    assert np.array_equal(np.load(io.BytesIO(asked.blobs[0]), allow_pickle=False), GIVEN) and len(asked.blobs) == 1


def test_a_fault_of_ours_is_no_failure_of_the_program() -> None:
    with pytest.raises(SandboxBroken):
        JailedPrograms(wall=ScriptedWall([])).call(call("text"))


def test_a_missing_package_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "sklearn" else found(name))
    package_places.cache_clear()
    with pytest.raises(NotInstalled, match="programs in Python need sklearn: pip install 'scikit-learn'"):
        package_places()


def test_the_version_hangs_on_the_limits() -> None:
    assert JailedPrograms().version == JailedPrograms().version != JailedPrograms(seconds=1.0).version


class TestJailedPrograms(ProgramRunnerContract):
    @pytest.fixture
    def runner(self) -> Iterator[JailedPrograms]:
        found = JailedPrograms()
        yield found
        found.close()

    @pytest.fixture
    def texts(self) -> dict[str, str]:
        head = "def work(values, seed):\n    "
        infinite = f"{head}return values / 0"
        return {"triples": f"{head}values *= 3\n    return values", "raises": f"{head}1 / 0", "infinite": infinite}


class TestScriptedPrograms(ProgramRunnerContract):
    @pytest.fixture
    def runner(self) -> ScriptedPrograms:
        made = {"t": lambda values: 3 * values, "i": lambda values: values + np.inf}
        failure = ProgramFailure(Status.TRAPPED, "it failed")
        return ScriptedPrograms(lambda call: failure if call.text == "r" else made[call.text](call.arguments[0]))

    @pytest.fixture
    def texts(self) -> dict[str, str]:
        return {"triples": "t", "raises": "r", "infinite": "i"}


class TestProgramWall(WallContract):
    @pytest.fixture
    def wall(self) -> Iterator[Sandbox]:
        with Sandbox(script=program_worker()) as wall:
            yield wall

    @pytest.fixture
    def errand(self) -> WallRequest:
        return request_of(call(HEAD + "return counts[:2]"))
