"""Programs in Python that somebody wrote (`denoise`, `classify`), run behind the wall: a zygote that has loaded NumPy,
SciPy and scikit-learn (kernelevo/jailed/pipeline_program.py) forks a child for each call, which is killed when its time
is over.

What a child answers is the program's word: it may have taken the child over. An array is believed only as far as it is
floats of the shape that was asked for, all finite; everything else is a failure of the program, with words.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.util
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import kernelevo
from kernelevo import native
from kernelevo.errors import NotInstalled
from kernelevo.interfaces import ProgramCall, ProgramFailure, Wall, WallAnswer, WallRequest
from kernelevo.sandbox import Sandbox, Worker
from kernelevo.types import Budget, Status
from kernelevo.wire.arrays import array_bytes, floats_size, read_floats
from kernelevo.wire.words import visible_line

SECONDS = 60.0
MEMORY_BYTES = 3 << 30
"""Of one call: on the clock and of one core, and of private memory beside what the zygote has."""
LONGEST_TEXT = 1 << 16
"""Bytes of a program."""
LONGEST_WORDS = 500
HEAD_BYTES = 1 << 14
"""Room for an answer's words."""
PACKAGES = {
    "numpy": "numpy", "scipy": "scipy", "sklearn": "scikit-learn", "joblib": "joblib", "threadpoolctl": "threadpoolctl",
}  # fmt: skip
"""What a program may import beside the standard library, and what installs it."""
ALONG = ("narwhals", "cloudpickle", "loky")
"""What newer versions of these import, where it is there."""
ENVIRONMENT: Mapping[str, str] = {
    "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0", "JOBLIB_MULTIPROCESSING": "0",
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"), "1"),
}  # fmt: skip
"""One thread, and the same order of sets each time."""


class JailedPrograms:
    """Implements interfaces.ProgramRunner; the first call starts the zygote. To be used by one thread at a time.

    `seconds` and `memory_bytes` bound a call; `launcher_options` are further words for kernelevo-jail, and `wall`
    stands in for the zygote (both for tests).
    """

    def __init__(
        self, seconds: float = SECONDS, memory_bytes: int = MEMORY_BYTES, launcher_options: Sequence[str] = (),
        wall: Wall | None = None,
    ) -> None:  # fmt: skip
        self.version = _version(seconds, memory_bytes)
        self._budget = Budget(seconds, memory_bytes, 1)
        self._launcher_options = tuple(launcher_options)
        self._wall = wall

    def call(self, call: ProgramCall) -> np.ndarray | ProgramFailure:
        """See ProgramRunner. Raises NotInstalled, SandboxBroken, WallUnavailable."""
        if refused := _refused(call.text):
            return ProgramFailure(Status.BUILD_ERROR, refused)
        if self._wall is None:
            self._wall = Sandbox(launcher_options=self._launcher_options, script=program_worker())
        return _outcome(self._wall.call(request_of(call), self._budget), call)

    def close(self) -> None:
        if self._wall is not None:
            self._wall.close()
            self._wall = None


def program_worker() -> Worker:
    """The zygote's words, what it is shown, and its environment. Raises NotInstalled."""
    places = package_places()
    script, lock = _scripts() / "pipeline_program.py", native.path("libkernelevo_lock.so").resolve()
    # -E would leave out the seed of hashes; the environment holds nothing but ours.
    words = (str(native.interpreter()), "-s", "-S", "-P", "-B", str(script), json.dumps(places), str(lock))
    shown = (*map(Path, places.values()), *_libraries(places))
    return Worker(words, (*native.interpreter_files(), _scripts(), *shown, lock), ENVIRONMENT)


@functools.cache
def package_places() -> Mapping[str, str]:
    """The folder (or file) of each package that programs may import; raises NotInstalled naming one that is missing."""
    found = {}
    for name in (*PACKAGES, *ALONG):
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin is not None:
            origin = Path(spec.origin).resolve()
            found[name] = str(origin.parent if origin.name == "__init__.py" else origin)
        elif name in PACKAGES:
            raise NotInstalled(f"programs in Python need {name}: pip install '{PACKAGES[name]}'")
    return found


def _libraries(places: Mapping[str, str]) -> list[Path]:
    """Shared libraries that wheels put beside their packages."""
    names = [*places, *(PACKAGES.get(name, name).replace("-", "_") for name in places)]
    folders = {Path(place).parent for place in places.values()}
    return sorted({path for folder in folders for name in names if (path := folder / f"{name}.libs").is_dir()})


def request_of(call: ProgramCall) -> WallRequest:
    """All that a program's process is given."""
    blobs: list[bytes] = []
    arguments: list[dict[str, Any]] = []
    for each in call.arguments:
        if isinstance(each, np.ndarray):
            arguments.append({"blob": len(blobs)})
            blobs.append(array_bytes(each))
        else:
            arguments.append({"value": each})
    order = {
        "text": call.text, "function": call.function, "arguments": arguments, "seed": call.seed, "shape": call.shape,
    }  # fmt: skip
    return WallRequest("program", json.dumps(order).encode(), tuple(blobs), floats_size(call.shape) + HEAD_BYTES)


def _refused(text: str) -> str:
    """Why a text is not even tried."""
    if (size := len(text.encode("utf-8", "replace"))) > LONGEST_TEXT:
        return f"the program has {size:,} bytes, and may have {LONGEST_TEXT:,}"
    return "the program holds a NUL character" if "\0" in text else ""


_STATUS = {"import": Status.BUILD_ERROR, "call": Status.TRAPPED, "result": Status.WRONG}
_STAGES = {"import": "the program cannot be loaded", "call": "it failed", "result": "its result cannot be taken"}


def _outcome(answer: WallAnswer, call: ProgramCall) -> np.ndarray | ProgramFailure:
    if answer.ended != "done":
        status = Status.TIMEOUT if answer.ended == "killed" else Status.TRAPPED
        return ProgramFailure(status, f"it was stopped: {visible_line(answer.reason)[:LONGEST_WORDS]}")
    told = _fault(answer.head)
    if told is not None:
        stage, words = told
        return ProgramFailure(_STATUS[stage], f"{_STAGES[stage]}: {words}")
    if len(answer.blobs) != 1:
        return ProgramFailure(Status.WRONG, f"{call.function} gave {len(answer.blobs)} arrays, and one is wanted")
    try:
        return read_floats(answer.blobs[0], call.shape)
    except ValueError as error:
        return ProgramFailure(Status.WRONG, f"what {call.function} returned cannot be taken: {error}")


def _fault(head: bytes) -> tuple[str, str] | None:
    """The stage and the words of a fault; None where none is told."""
    told: Any = None
    with contextlib.suppress(ValueError, RecursionError):
        told = json.loads(head)
    if told == {}:
        return None
    if not isinstance(told, dict) or told.get("fault") not in _STAGES or not isinstance(told.get("words"), str):
        return "result", "the answer of its process is none"
    return told["fault"], visible_line(told["words"])[:LONGEST_WORDS]


def _scripts() -> Path:
    return (Path(kernelevo.__file__).parent / "jailed").resolve()


def _version(seconds: float, memory_bytes: int) -> str:
    digest = hashlib.sha256(f"{seconds:g} {memory_bytes} {sorted(ENVIRONMENT.items())}".encode())
    for name in ("zygote.py", "pipeline_program.py"):
        digest.update((_scripts() / name).read_bytes())
    return digest.hexdigest()[:16]
