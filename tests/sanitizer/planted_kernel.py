"""Reads a planted kernel: one .cu file with a bug, its fixed twin (-DFIXED), and how to launch both.

The head comment says in a sentence what is wrong. Lines of the form `//: word ...` say the rest:

    //: kernel NAME
    //: launch grid=2,1,1 block=128 [shared=BYTES] [budget=N]    (block of threads; a budget of 200000 by default)
    //: array NAME DTYPE LENGTH CONTENT [skew=BYTES]             the arguments, in their order
    //: scalar NAME DTYPE VALUE
    //: struct NAME DTYPE LENGTH CONTENT                         passed by value
    //: fault KIND [ARRAY]           of the buggy text; `uninitialised_output` names the array that shows it
    //: target sm_90                 the architecture, if it is not sm_80
    //: also KIND                    another fault of the buggy text, which a launch that goes on finds as well
    //: remark KIND                  what the buggy text is remarked for, and the fixed one is not
    //: order                        some other order of threads gives the buggy text another result
    //: missed REASON                why the virtual GPU does not find the bug yet
    //: false REASON                 why it finds fault with the fixed twin

CONTENT is `range`, `zeros`, `ones`, `empty` (uninitialised) or numbers with commas, repeated to the length. The source
line that a fault must name carries `// <- bug`; a race may name either of its two accesses, a divergent barrier any of
the places where threads wait. That of another fault carries `// <- also KIND`, that of a remark `// <- remark` or
`// <- bug`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from corpus.compiling import compiled_file

from kernelevo.types import Dim3
from kernelevo.virtual import Argument, Array, LaunchReport, Machine, Module

HERE = Path(__file__).parent / "planted"
MARK = "// <- bug"
ALSO = "// <- also "
REMARK = "// <- remark"
TARGET = "sm_80"
BUDGET = 200_000


@dataclass(frozen=True)
class PlantedArgument:
    """One argument; `form` is array, scalar or struct, and `words` what follows its dtype."""

    form: str
    name: str
    dtype: np.dtype
    words: tuple[str, ...]

    def values(self) -> np.ndarray:
        count, content = int(self.words[0]), self.words[1]
        if content == "range":
            return np.arange(count).astype(self.dtype)
        named = {"zeros": "0", "ones": "1"}.get(content, content)
        return np.resize(np.array([float(word) for word in named.split(",")]), count).astype(self.dtype)

    def on(self, machine: Machine) -> Argument:
        if self.form == "scalar":
            return self.dtype.type(self.words[0])
        if self.form == "struct":
            return self.values().tobytes()
        skew = int(self.words[2].removeprefix("skew=")) if len(self.words) > 2 else 0
        if self.words[1] == "empty":
            return machine.empty(int(self.words[0]), self.dtype, name=self.name, skew=skew)
        return machine.array(self.values(), name=self.name, skew=skew)


@dataclass(frozen=True)
class PlantedRun:
    """What one launch left: its report, and of each array the content and the first byte nobody wrote (or -1)."""

    report: LaunchReport
    contents: dict[str, bytes]
    uninitialised: dict[str, int]


@dataclass(frozen=True)
class PlantedKernel:
    path: Path
    kernel: str
    grid: Dim3
    block: Dim3
    shared: int
    budget: int
    fault: str
    shown_by: str
    also: tuple[str, ...]
    remark: str
    order_shows: bool
    target: str
    missed: str
    false: str
    arguments: tuple[PlantedArgument, ...] = field(repr=False)
    bug_lines: tuple[int, ...]
    also_lines: tuple[tuple[str, int], ...]
    remark_lines: tuple[int, ...]

    @property
    def name(self) -> str:
        return f"{self.path.parent.name}/{self.path.stem}"

    def ptx(self, *, fixed: bool) -> str:
        return compiled_file(self.path, self.target, ("FIXED",) if fixed else ())

    def run(self, *, fixed: bool, order: int = 0, races: bool = False, max_faults: int = 1) -> PlantedRun:
        """Launches one of the twins on a fresh machine, with tracking of what was never written, or of races."""
        ptx = self.ptx(fixed=fixed)
        with Machine(Module(ptx), memory_bytes=1 << 26) as machine:
            arguments = [argument.on(machine) for argument in self.arguments]
            report = machine.launch(
                self.kernel, grid=self.grid, block=self.block, args=arguments, budget=self.budget,
                shared_bytes=self.shared, track_uninitialised=not races, check_races=races, max_faults=max_faults,
                order=order,
            )  # fmt: skip
            arrays = [value for value in arguments if isinstance(value, Array)]
            contents = {array.name: array.numpy().tobytes() for array in arrays}
            return PlantedRun(report, contents, {array.name: array.first_uninitialised() for array in arrays})


def planted_kernels() -> list[PlantedKernel]:
    """All of them, by folder and name."""
    return [read_planted(path) for path in sorted(HERE.glob("*/*.cu"))]


def read_planted(path: Path) -> PlantedKernel:
    text = path.read_text(encoding="utf-8")
    lines = [line.removeprefix("//:").split() for line in text.splitlines() if line.startswith("//:")]
    said = {words[0]: words[1:] for words in lines}
    numbered = [(number, line.rstrip()) for number, line in enumerate(text.splitlines(), 1)]
    launch = dict(word.split("=") for word in said["launch"])
    fault, *shown_by = said["fault"]
    return PlantedKernel(
        path=path,
        kernel=said["kernel"][0],
        grid=_dimensions(launch["grid"]),
        block=_dimensions(launch["block"]),
        shared=int(launch.get("shared", 0)),
        budget=int(launch.get("budget", BUDGET)),
        fault=fault,
        shown_by=shown_by[0] if shown_by else "",
        also=tuple(words[1] for words in lines if words[0] == "also"),
        remark=said.get("remark", [""])[0],
        order_shows="order" in said,
        target=said.get("target", [TARGET])[0],
        missed=" ".join(said.get("missed", [])),
        false=" ".join(said.get("false", [])),
        arguments=tuple(_argument(words) for words in lines if words[0] in ("array", "scalar", "struct")),
        bug_lines=tuple(number for number, line in numbered if line.endswith(MARK)),
        also_lines=tuple((line.split(ALSO)[1], number) for number, line in numbered if ALSO in line),
        remark_lines=tuple(number for number, line in numbered if line.endswith((MARK, REMARK))),
    )


def _argument(words: list[str]) -> PlantedArgument:
    form, name, dtype, *rest = words
    return PlantedArgument(form, name, np.dtype(dtype), tuple(rest))


def _dimensions(text: str) -> Dim3:
    x, y, z = (int(part) for part in re.split(",", text + ",1,1")[:3])
    return x, y, z
