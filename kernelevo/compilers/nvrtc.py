"""NVRTC behind the wall: CUDA C++ text to PTX and cubin for exactly one architecture, in one call.

https://docs.nvidia.com/cuda/nvrtc/#supported-compile-options. Only device code is compiled: NVRTC refuses host
functions. The text may include the toolkit's headers, ours for the standard C ones, and the folders that the wall was
built to grant.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kernelevo.compilers.cache import BuildCache
from kernelevo.compilers.diagnostics import parse_log
from kernelevo.compilers.image import Built, make_image, with_file_named
from kernelevo.compilers.request import build_key, failure, refuse
from kernelevo.compilers.toolkit import PRELUDE, Toolkit
from kernelevo.errors import SandboxBroken
from kernelevo.interfaces import Wall, WallAnswer, WallRequest
from kernelevo.types import Budget, BuildFailure, BuildRequest, Diagnostic, Image
from kernelevo.wire.heads import HeadReader, HeadWriter
from kernelevo.wire.words import visible

ANSWER_BYTES = 256 << 20  # room for PTX, cubin and log; untouched pages cost nothing
_OPTIONS = (f"--pre-include={PRELUDE}", "--ptxas-options=-v", "-lineinfo")
_SUCCESS, _COMPILATION_ERROR = 0, 6
_NAME_FILE = "__nv_name_map"


class NvrtcCompiler:
    """Implements interfaces.Compiler. `wall` must have been started with toolkit.library and toolkit.read_only;
    `cache` is the folder of the build cache, None for none.
    """

    name = "nvrtc"

    def __init__(self, wall: Wall, toolkit: Toolkit, cache: Path | None = None) -> None:
        self.version = toolkit.version
        self._wall = wall
        self._toolkit = toolkit
        self._cache = BuildCache(cache) if cache else None

    def target(self, arch: str) -> str:
        return arch

    def build(self, request: BuildRequest, budget: Budget) -> Image | BuildFailure:
        """Compiles, or takes the same build from the cache. Raises BadInput for a wrong request, SandboxBroken."""
        refused = refuse(request)
        if refused:
            return refused
        key = build_key(request, f"{self.name} {self.version} {self._toolkit.headers} {_OPTIONS}")
        known = self._cache.get(key) if self._cache else None
        if known:
            return known
        answer = self._wall.call(self._errand(request), budget)
        # From here on everything was written behind the wall.
        if answer.ended != "done":
            return failure(f"the compiler was stopped: {answer.reason}", request.file_name)
        build = self._read(request, key, answer)
        if self._cache and not _depends_on_budget(build):
            self._cache.put(key, build)
        return build

    def _errand(self, request: BuildRequest) -> WallRequest:
        head = HeadWriter()
        head.text(request.file_name)
        head.texts(self._options(request))
        head.texts(request.names)
        return WallRequest("compile", head.bytes(), (request.text.encode(errors="replace"),), ANSWER_BYTES)

    def _options(self, request: BuildRequest) -> list[str]:
        folders = [*request.include_folders, *map(str, self._toolkit.include)]
        return [
            *_OPTIONS,
            f"--gpu-architecture={request.arch}",
            *(f"-I{folder}" for folder in folders),
            *(f"-D{name}={value}" for name, value in request.defines.items()),
            *request.options,
        ]

    def _read(self, request: BuildRequest, key: str, answer: WallAnswer) -> Image | BuildFailure:
        head = HeadReader(answer.head)
        result, words, log, symbols = head.u32(), head.text(), visible(head.text()), head.texts()
        diagnostics = _diagnostics(log)
        if result != _SUCCESS:
            return _failed(result, words, log, diagnostics, request)
        if len(answer.blobs) != 2 or len(symbols) != len(request.names):
            raise SandboxBroken("the jailed compiler's answer lacks a part; report this kernel")
        ptx, cubin = answer.blobs
        text = with_file_named(ptx.decode(errors="replace"), "/", request.file_name)
        built = Built(text, cubin, log, dict(zip(request.names, symbols, strict=True)))
        return make_image(built, key, request.arch, f"{self.name} {self.version}", diagnostics)


def _diagnostics(log: str) -> tuple[Diagnostic, ...]:
    """The log's messages; those about the plan's kernel names say so instead of naming a file that nobody wrote."""
    return tuple(
        Diagnostic(one.severity, f"a kernel of the launch plan is not in the text: {one.message}")
        if one.file == _NAME_FILE
        else one
        for one in parse_log(log)
    )


def _depends_on_budget(build: Image | BuildFailure) -> bool:
    """Whether a larger memory budget could change the outcome; the front end reports a lack of memory as an error."""
    return isinstance(build, BuildFailure) and any(one.message == "out of memory" for one in build.diagnostics)


def _failed(
    result: int, words: str, log: str, diagnostics: Sequence[Diagnostic], request: BuildRequest
) -> BuildFailure:
    """Results other than an error in the text (a wrong option, an internal error) come back in NVRTC's own words."""
    errors = [one for one in diagnostics if one.severity == "error"]
    if result == _COMPILATION_ERROR and errors:
        return BuildFailure(tuple(diagnostics))
    message = f"NVRTC ended with {words[:200]}: {' '.join(log.split())[:1000]}"
    return BuildFailure((*diagnostics, Diagnostic("error", message, request.file_name)))
