"""nvcc behind the wall, where it is asked for: CUDA C++ text to PTX by nvcc, PTX to a cubin by its ptxas.

https://docs.nvidia.com/cuda/cuda-compiler-driver-nvcc/. nvcc has no name expressions, so the plan's names are
appended as device variables that hold the kernels' addresses: that instantiates the templates, and the PTX tells the
symbols. These lines are taken out before ptxas, because it compiles a kernel whose address is taken in another way.
"""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from kernelevo.compilers.cache import BuildCache
from kernelevo.compilers.diagnostics import parse_log
from kernelevo.compilers.image import Built, make_image, with_file_named
from kernelevo.compilers.request import build_key, failure, refuse
from kernelevo.errors import NotInstalled
from kernelevo.interfaces import Wall
from kernelevo.types import Budget, BuildFailure, BuildRequest, Diagnostic, Image
from kernelevo.wire.command import Command, CommandResult, read_result
from kernelevo.wire.words import visible

_FORKS = 64  # nvcc starts about ten processes for a kernel
_FILE_BYTES = 256 << 20  # of the largest intermediate file
_NO_DATE = ("-U__DATE__", "-U__TIME__", "-U__TIMESTAMP__", "-Xcompiler=-Wno-builtin-macro-redefined")
"""The host compiler's preprocessor alone knows the date, and is told to forget it before it reads the text, which
cannot get it back; then, as with NVRTC (sandbox/wall/no_date.cpp), a text is no other program every day.
"""
_SYSTEM = ("/bin", "/usr/bin", "/usr/include", "/usr/local/include", "/usr/libexec", "/etc/alternatives")
_NAME_FILE = "kernelevo_names"
_NAME = re.compile(r"[^\n]{0,100}\.u64 kernelevo_name_(?P<index>\d{1,6}) = (?P<symbol>[\w$%]{1,4096});")


class NvccCompiler:
    """Implements interfaces.Compiler. `cache` is the folder of the build cache, None for none.

    Raises NotInstalled where there is no nvcc on PATH, or it cannot tell its version.
    """

    name = "nvcc"

    def __init__(self, wall: Wall, cache: Path | None = None) -> None:
        self._program = _find_nvcc()
        self.version = _version(self._program)
        self._wall = wall
        self._cache = BuildCache(cache) if cache else None

    def target(self, arch: str) -> str:
        return arch

    def build(self, request: BuildRequest, budget: Budget) -> Image | BuildFailure:
        """Compiles, or takes the same build from the cache. Raises BadInput for a wrong request, SandboxBroken."""
        refused = refuse(request)
        if refused:
            return refused
        key = build_key(request, f"{self.name} {self.version} {self._program} {_NO_DATE}")
        known = self._cache.get(key) if self._cache else None
        if known:
            return known
        build, final = self._compile(request, key, budget)
        if self._cache and final:
            self._cache.put(key, build)
        return build

    def _compile(self, request: BuildRequest, key: str, budget: Budget) -> tuple[Image | BuildFailure, bool]:
        """The build, and whether a larger budget could not change it."""
        front = self._run(self._front_end(request), budget)
        if isinstance(front, BuildFailure):
            return front, False
        if front.code != 0 or front.outputs[0] is None:
            return _failed(front, request), True
        text = with_file_named(front.outputs[0].decode(errors="replace"), front.folder, request.file_name)
        ptx, symbols = _take_names(text, request.names)
        back = self._run(self._assembler(ptx, request.arch), budget)
        if isinstance(back, BuildFailure):
            return back, False
        if back.code != 0 or back.outputs[0] is None:
            return _failed(back, request), True
        built = Built(ptx, back.outputs[0], back.log, symbols)
        return make_image(built, key, request.arch, f"{self.name} {self.version}", parse_log(visible(front.log))), True

    def _run(self, command: Command, budget: Budget) -> CommandResult | BuildFailure:
        answer = self._wall.call(command.request(), budget)
        return read_result(answer) if answer.ended == "done" else failure(f"nvcc was stopped: {answer.reason}")

    def _front_end(self, request: BuildRequest) -> Command:
        # The file has a name of ours, so that the user's cannot be a path or an option; #line gives it his.
        text = f'#line 1 "{_quoted(request.file_name)}"\n{request.text}\n{_names(request.names)}'
        words = [
            *(str(self._program), "-ptx", f"-arch={request.arch}", "-lineinfo", "-o", "kernel.ptx", "kernel.cu"),
            *_NO_DATE,
            *(f"-I{folder}" for folder in request.include_folders),
            *(f"-D{name}={value}" for name, value in request.defines.items()),
            *request.options,
        ]
        return self._command(words, "kernel.cu", text, "kernel.ptx", request.include_folders)

    def _assembler(self, ptx: str, arch: str) -> Command:
        ptxas = str(self._program.parent / "ptxas")
        words = [ptxas, "-v", "--generate-line-info", f"-arch={arch}", "-o", "kernel.cubin", "kernel.ptx"]
        return self._command(words, "kernel.ptx", ptx, "kernel.cubin", ())

    def _command(
        self, words: Sequence[str], name: str, text: str, output: str, include_folders: Sequence[str]
    ) -> Command:
        toolkit = self._program.parent.parent
        return Command(
            words=tuple(words),
            environment={"PATH": f"{self._program.parent}:/usr/bin:/bin"},
            readable=(str(toolkit), *_SYSTEM, *include_folders),
            inputs={name: text.encode(errors="replace")},
            outputs=(output,),
            forks=_FORKS,
            file_bytes=_FILE_BYTES,
        )


def _find_nvcc() -> Path:
    found = shutil.which("nvcc")
    if not found:
        raise NotInstalled("nvcc is not on PATH; install the CUDA toolkit, or use the default compiler nvrtc")
    # A distribution may put a script on PATH; nvcc itself says where its toolkit is.
    plan = subprocess.run([found, "--dryrun", "-ptx", "x.cu"], capture_output=True, text=True, check=False)
    home = re.search(r"^#\$ _HERE_=(.+)$", plan.stdout + plan.stderr, re.MULTILINE)
    program = (Path(home[1]) if home else Path(found).parent).resolve() / "nvcc"
    if not (program.parent / "ptxas").is_file():
        raise NotInstalled(f"{found} is no complete CUDA toolkit: there is no ptxas in {program.parent}")
    return program


def _version(program: Path) -> str:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    version = re.search(r"\bV(\d+(?:\.\d+)+)", said.stdout)
    if said.returncode != 0 or not version:
        raise NotInstalled(f"{program} does not tell its version; use the default compiler nvrtc")
    return version[1]


def _names(names: Sequence[str]) -> str:
    return "".join(
        f'#line {index + 1} "{_NAME_FILE}"\n'
        f'extern "C" __device__ void *const kernelevo_name_{index} = (void *)({name});\n'
        for index, name in enumerate(names)
    )


def _take_names(ptx: str, names: Sequence[str]) -> tuple[str, dict[str, str]]:
    """The PTX without our variables, and the symbol of each name that one of them held."""
    symbols: dict[str, str] = {}
    kept = []
    for line in ptx.split("\n"):
        found = _NAME.fullmatch(line)
        if found and int(found["index"]) < len(names):
            symbols[names[int(found["index"])]] = found["symbol"]
        else:
            kept.append(line)
    return "\n".join(kept), {name: symbols.get(name, name) for name in names}


def _quoted(name: str) -> str:
    return name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")


def _failed(result: CommandResult, request: BuildRequest) -> BuildFailure:
    diagnostics = tuple(_in_plan_or_text(one, request) for one in parse_log(visible(result.log)))
    if any(one.severity == "error" for one in diagnostics):
        return BuildFailure(diagnostics)
    message = f"nvcc ended with exit status {result.code}: {' '.join(visible(result.log).split())[:1000]}"
    return BuildFailure((*diagnostics, Diagnostic("error", message, request.file_name)))


def _in_plan_or_text(diagnostic: Diagnostic, request: BuildRequest) -> Diagnostic:
    if diagnostic.file != _NAME_FILE or not 0 < diagnostic.line <= len(request.names):
        return diagnostic
    name = request.names[diagnostic.line - 1]
    message = f"the launch plan names {name}, which is not a __global__ function: {diagnostic.message}"
    return dataclasses.replace(diagnostic, message=message, file="", line=0, column=0)
