"""Through the compiler: files that were not granted, and texts that take more than a build may use.

The control compiles the same text by the same worker without the wall's layers around it. (Its children keep their
filter of system calls, which lets a compiler open files for reading.)
"""

from __future__ import annotations

import time
from dataclasses import replace

from kernelevo.compilers.nvrtc import NvrtcCompiler
from kernelevo.redteam.attack import Attack, Outcome, Skipped
from kernelevo.redteam.intrusion import Victims, victims
from kernelevo.redteam.range import Range
from kernelevo.sandbox import Sandbox
from kernelevo.types import Budget, BuildFailure, BuildRequest, Image

ARCH = "sm_80"
NO_LAYERS = ("--no-namespaces", "--landlock-abi", "0", "--unsafe")
BUDGET = Budget(seconds=20.0, memory_bytes=1 << 30, warp_instructions=1)
SHORT_SECONDS, LONG_SECONDS = 1.0, 3.0
STOLEN = "__device__ int stolen = 42;\n"
USE = 'extern "C" __global__ void k(int *x) { x[0] = stolen; }\n'


def thief(name: str, title: str, text: str) -> Attack:
    """`text` has {path}, a file of the user's that holds STOLEN, {folder} that it lies in, and {name} in it; it is
    through if it compiles.
    """

    def run(range_: Range, defended: bool) -> Outcome | Skipped:
        with victims(range_.scratch) as found:
            built = _compile(range_, _filled(text, found), BUDGET, defended)
        return _outcome(built)

    return Attack(name, ("K23",), title, "compiler", ("the wall",), run)


def _filled(text: str, found: Victims) -> str:
    found.secret.write_text(STOLEN)
    return (
        text.replace("{path}", str(found.secret))
        .replace("{folder}", str(found.folder))
        .replace("{name}", found.secret.name)
    )


def glutton(name: str, title: str, text: str) -> Attack:
    """A text whose build takes long: it is through if it gets more than the time that a build may take. The control
    lets it have several times as much; nothing here waits for the end of an endless build.
    """

    def run(range_: Range, defended: bool) -> Outcome | Skipped:
        seconds = SHORT_SECONDS if defended else LONG_SECONDS
        started = time.monotonic()
        built = _compile(range_, text, replace(BUDGET, seconds=seconds), True)
        took = time.monotonic() - started
        # A child that is told to die may take a moment on a busy machine.
        through = took > (LONG_SECONDS if defended else 2 * SHORT_SECONDS)
        return Outcome(through, "" if through else "build_error", f"{_outcome(built).words}; it took {took:.1f} s")

    return Attack(name, ("H100",), title, "compiler", ("the limit of a build's time",), run)


def _compile(range_: Range, text: str, budget: Budget, defended: bool) -> Image | BuildFailure:
    request = BuildRequest(text, "attack.cu", ("k",), ARCH)
    if defended:
        # Without the range's cache: what is asked is what this text's build does.
        return NvrtcCompiler(range_.wall, range_.toolkit).build(request, budget)
    with Sandbox(range_.toolkit.library, range_.toolkit.read_only, launcher_options=NO_LAYERS) as bare:
        return NvrtcCompiler(bare, range_.toolkit).build(request, budget)


def _outcome(built: Image | BuildFailure) -> Outcome:
    if isinstance(built, Image):
        return Outcome(True, "", f"it was built: {built.key[:16]}")
    return Outcome(False, "build_error", str(built.diagnostics[0].message)[:200] if built.diagnostics else "")


ATTACKS = [
    thief("include a secret", "includes a file of the user's by its path", '#include "{path}"\n' + USE),
    thief("include by a macro", "puts the path together in a macro",
          '#define A "{path}"\n#define WHERE A\n#include WHERE\n' + USE),
    thief("include from the root", "goes up from wherever it is",
          '#include "../../../../../../../../../..{path}"\n' + USE),
    thief("ask whether a file is there", "learns names of files by __has_include",
          '#if !__has_include("{path}")\n#error none\n#endif\n' + STOLEN + USE),
    thief("include through /proc", "reaches the judge's files by the root of a process in /proc",
          '#include "/proc/self/root{path}"\n' + USE),
    glutton("endless constants", "lets the compiler compute a constant that takes forever",
            "constexpr __device__ int spin(long n) { int s = 0; for (long i = 0; i < n; ++i) s += i & 1; return s; }\n"
            + "".join(f"template <int N> struct A{i} {{ static const int v = spin(900000 + N); }};\n" for i in range(4))
            + 'extern "C" __global__ void k(int *x) { x[0] = ' + " + ".join(
                f"A{i}<{n}>::v" for i in range(4) for n in range(100)) + "; }\n"),
    glutton("an explosion of templates", "lets instances of templates multiply",
            "template <int N, int M> struct A { static const int v = A<N - 1, 2 * M>::v + A<N - 1, 2 * M + 1>::v; };\n"
            "template <int M> struct A<0, M> { static const int v = M & 1; };\n"
            'extern "C" __global__ void k(int *x) { x[0] = A<17, 1>::v; }\n'),
    glutton("an explosion of macros", "lets macros multiply its text",
            "#define A(x) x x x x x x x x\n#define B(x) A(A(A(A(A(x)))))\n"
            'extern "C" __global__ void k(float *x) { B(x[threadIdx.x] += x[1];) }\n'),
]  # fmt: skip
