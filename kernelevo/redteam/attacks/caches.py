"""The build cache: what one candidate leaves there must never serve another."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from kernelevo.compilers.nvrtc import NvrtcCompiler
from kernelevo.interfaces import Compiler
from kernelevo.redteam import problems
from kernelevo.redteam.attack import Attack, Outcome, Skipped
from kernelevo.redteam.kernels import elementwise, outcome
from kernelevo.redteam.range import Range
from kernelevo.types import Budget, BuildFailure, BuildRequest, Image

_HONEST = elementwise("if (i < n) c[i] = a[i] + b[i];")
_NOTHING = elementwise("")


class _ByName:
    """A compiler in front of which builds are kept by the name of the file alone."""

    def __init__(self, compiler: Compiler) -> None:
        self.name, self.version = compiler.name, compiler.version
        self._compiler = compiler
        self._kept: dict[str, Image | BuildFailure] = {}

    def target(self, arch: str) -> str:
        return self._compiler.target(arch)

    def build(self, request: BuildRequest, budget: Budget) -> Image | BuildFailure:
        if request.file_name not in self._kept:
            self._kept[request.file_name] = self._compiler.build(request, budget)
        return self._kept[request.file_name]


def _served_by_another(range_: Range, defended: bool) -> Outcome | Skipped:
    """A text that does nothing, after an honest one of the same file and kernel name."""
    folder = range_.scratch / f"served-{defended}"
    compiler: Compiler = NvrtcCompiler(range_.wall, range_.toolkit, folder)
    if not defended:
        compiler = _ByName(compiler)
    honest = range_.judge(problems.ADD, _HONEST, compiler=compiler)
    if honest.score is None:
        return outcome(honest)
    return outcome(range_.judge(problems.ADD, _NOTHING, compiler=compiler))


def _exchanged(range_: Range, defended: bool) -> Outcome | Skipped:
    """The cached build of a text that does nothing gets an honest one's code; the control sets its digest right."""
    folder = range_.scratch / f"exchanged-{defended}"
    compiler = NvrtcCompiler(range_.wall, range_.toolkit, folder)
    for text in (_HONEST, _NOTHING):
        range_.judge(problems.ADD, text, compiler=compiler)
    entries = {("add.f32" in body["image"]["ptx"]): (file, body) for file, body in _entries(folder)}
    (_, honest), (file, poisoned) = entries[True], entries[False]
    digest = file.read_bytes().partition(b"\n")[0]
    body = json.dumps(poisoned | {"image": honest["image"]}).encode()
    file.write_bytes((digest if defended else hashlib.sha256(body).hexdigest().encode()) + b"\n" + body)
    fresh = NvrtcCompiler(range_.wall, range_.toolkit, folder)
    return outcome(range_.judge(problems.ADD, _NOTHING, compiler=fresh))


def _entries(folder: Path) -> Iterator[tuple[Path, dict[str, dict[str, str]]]]:
    for file in sorted(folder.rglob("*.build")):
        yield file, json.loads(file.read_bytes().partition(b"\n")[2])


def _macros(range_: Range, defended: bool) -> Outcome | Skipped:
    """One text built right by a macro of the user, then without it; the control keeps builds by text alone."""
    text = "#ifndef RIGHT\n#define RIGHT 0\n#endif\n" + elementwise("if (i < n && RIGHT) c[i] = a[i] + b[i];")
    compiler: Compiler = NvrtcCompiler(range_.wall, range_.toolkit, range_.scratch / f"macros-{defended}")
    if not defended:
        compiler = _ByName(compiler)
    names = ("attack",)
    request = BuildRequest(text, "add.cu", names, range_.device.arch, options=("-DRIGHT=1",))
    compiler.build(request, Budget(30.0, 1 << 30, 1))
    compiler.build(replace(request, options=()), Budget(30.0, 1 << 30, 1))
    return outcome(range_.judge(problems.ADD, text, compiler=compiler))


ATTACKS = [
    Attack(
        "served by another's build", ("H102",), "uses the names of an honest kernel, whose build is in the cache",
        "cache", ("builds are kept by content",), _served_by_another,
    ),
    Attack(
        "built with other macros", ("H102",), "its text was built before with a macro that makes it right",
        "cache", ("builds are kept by content",), _macros,
    ),
    Attack(
        "an entry exchanged", ("H102",), "the code in its cache entry is exchanged for an honest kernel's",
        "cache", ("the digest of an entry",), _exchanged,
    ),
]  # fmt: skip
