"""Triton behind the wall, ahead of time: a file's kernels to PTX, one for each specialisation, and a cubin of them all.

What imports the candidate's file is a child of kernelevo/jailed/triton_zygote.py, in a jail. Its answer is the
candidate's word: it holds PTX, which is data and is judged by what it does, and sizes of memory, which harm the
candidate alone if they are lies.
Registers and the like are read from the cubin that ptxas makes of this PTX in a jail of its own.

Triton's PTX for sm_90 uses tensor-core instructions that the virtual GPU does not execute, so newer architectures than
sm_80 get code for sm_80 (`ARCH`).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from kernelevo.compilers.cache import BuildCache
from kernelevo.compilers.diagnostics import parse_log
from kernelevo.compilers.image import Built, make_image
from kernelevo.compilers.request import build_key, failure, refuse
from kernelevo.compilers.triton_install import TritonInstall
from kernelevo.compilers.triton_ptx import join_ptx
from kernelevo.counting import counted
from kernelevo.errors import BadInput
from kernelevo.interfaces import Wall, WallRequest
from kernelevo.kernel.triton_instance import Instance, read_instance
from kernelevo.types import Budget, BuildFailure, BuildRequest, Diagnostic, Image, KernelImage
from kernelevo.wire.command import Command, CommandResult, read_result
from kernelevo.wire.words import visible, visible_line

ARCH = "sm_80"
MOST_KERNELS = 128  # specialisations of one build; the most that the shipped problems need is under 20
ANSWER_BYTES = 16 << 20  # room for all PTX of one build, which the judge reads: 0.03 MB a kernel, 0.3 MB if it is large
_CUBIN_BYTES = 64 << 20


class TritonCompiler:
    """Implements interfaces.Compiler. The names of a request are instances (kernel/triton_instance.py).

    `wall` must have been made for the words and files of `install` (a Worker of sandbox.py); `cache` is the folder of
    the build cache, None for none.
    """

    name = "triton"

    def __init__(self, wall: Wall, install: TritonInstall, cache: Path | None = None) -> None:
        self.version = install.version
        self._wall = wall
        self._install = install
        self._cache = BuildCache(cache) if cache else None
        self._identity = f"{self.name} {self.version} ptxas {install.ptxas_version} {_hash(install.scripts)}"

    def target(self, arch: str) -> str:
        return ARCH

    def build(self, request: BuildRequest, budget: Budget) -> Image | BuildFailure:
        """Compiles, or takes the same build from the cache. Raises BadInput for a wrong request, SandboxBroken."""
        refused = refuse(request)
        if refused:
            return refused
        instances = _instances(request)
        key = build_key(request, self._identity)
        known = self._cache.get(key) if self._cache else None
        if known:
            return known
        build, final = self._compile(request, instances, key, budget)
        if self._cache and final:
            self._cache.put(key, build)
        return build

    def _compile(
        self, request: BuildRequest, instances: Sequence[Instance], key: str, budget: Budget
    ) -> tuple[Image | BuildFailure, bool]:
        """The build, and whether a larger budget could not change it."""
        if len(instances) > MOST_KERNELS:
            needed = counted(len(instances), "specialisation")
            message = f"its cases need {needed}, and at most {MOST_KERNELS} are compiled"
            return failure(message, request.file_name), True
        symbols = [f"{instance.kernel}__{index}" for index, instance in enumerate(instances)]
        answer = self._ask(request, instances, symbols, budget)
        if isinstance(answer, BuildFailure):
            return answer, False
        # From here on everything was written behind the wall.
        if answer.error is not None:
            return failure(visible(answer.error), request.file_name, answer.line), True
        ptx = join_ptx([kernel.ptx for kernel in answer.kernels], request.file_name)
        ended = self._wall.call(self._assembler(ptx).request(), budget)
        if ended.ended != "done":
            return failure(f"ptxas was stopped: {ended.reason}", request.file_name), False
        assembled = read_result(ended)
        if assembled.code != 0 or assembled.outputs[0] is None:
            return _refused_by_ptxas(assembled, request), True
        named = dict(zip(request.names, symbols, strict=True))
        built = Built(ptx, assembled.outputs[0], assembled.log, named)
        image = make_image(built, key, ARCH, f"{self.name} {self.version}", parse_log(visible(assembled.log)))
        return (image if isinstance(image, BuildFailure) else _with_wishes(image, answer.kernels)), True

    def _ask(
        self, request: BuildRequest, instances: Sequence[Instance], symbols: Sequence[str], budget: Budget
    ) -> _Answer | BuildFailure:
        asked = {
            "text": request.text,
            "file_name": request.file_name,
            "arch": int(ARCH.removeprefix("sm_")),
            "ptx_version": self._install.ptx_version,
            "instances": [
                {**dataclasses.asdict(instance), "symbol": symbol}
                for instance, symbol in zip(instances, symbols, strict=True)
            ],
        }
        answer = self._wall.call(WallRequest("triton", json.dumps(asked).encode(), (), ANSWER_BYTES), budget)
        if answer.ended != "done":
            return failure(f"Triton was stopped: {answer.reason}", request.file_name)
        return _read(answer.head, request, len(instances))

    def _assembler(self, ptx: str) -> Command:
        ptxas = str(self._install.ptxas)
        words = (ptxas, "-v", "-lineinfo", "--regAllocOptLevel=2", f"--gpu-name={ARCH}", "-o", "cubin", "kernels.ptx")
        return Command(words, {}, (ptxas,), {"kernels.ptx": ptx.encode(errors="replace")}, ("cubin",), 0, _CUBIN_BYTES)


def _hash(scripts: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(scripts.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _instances(request: BuildRequest) -> list[Instance]:
    if request.options or request.include_folders:
        raise BadInput("-D, -I and -std are for CUDA files; a Triton file takes none; leave them out")
    try:
        return [read_instance(name) for name in request.names]
    except ValueError as error:
        raise BadInput(f"{error}; a Triton file is launched by `# kernelevo: launch` lines") from error


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


_Bytes = Annotated[int, Field(ge=0, lt=1 << 31)]


class _Kernel(_Strict):
    ptx: str
    shared_bytes: _Bytes
    scratch_bytes: Annotated[list[_Bytes], Field(min_length=2, max_length=2)]


class _Answer(_Strict):
    kernels: list[_Kernel] = []
    error: str | None = None
    line: _Bytes = 0


_ANSWER = TypeAdapter(_Answer)


def _read(head: bytes, request: BuildRequest, count: int) -> _Answer | BuildFailure:
    """The answer of a process that the candidate may have taken over: what does not fit is the candidate's failure."""
    try:
        answer = _ANSWER.validate_json(head)
    except ValidationError as error:
        words = visible_line(f"{error.errors()[0]['msg']} at {error.errors()[0]['loc']}")
        return failure(f"what came back in place of Triton's answer cannot be read: {words}", request.file_name)
    if answer.error is None and len(answer.kernels) != count:
        came = counted(len(answer.kernels), "kernel")
        return failure(f"{came} came back, and {count} were asked for", request.file_name)
    return answer


def _refused_by_ptxas(result: CommandResult, request: BuildRequest) -> BuildFailure:
    words = " ".join(visible(result.log).split())[:1000]
    message = f"ptxas ended with exit status {result.code}: {words}"
    return BuildFailure((Diagnostic("error", message, request.file_name),))


def _with_wishes(image: Image, kernels: Sequence[_Kernel]) -> Image:
    """The image with the shared memory and scratch that each kernel wants in its launches."""

    def add(kernel: KernelImage, wish: _Kernel) -> KernelImage:
        return dataclasses.replace(
            kernel, dynamic_shared_bytes=wish.shared_bytes, scratch_bytes=tuple(wish.scratch_bytes)
        )

    pairs = zip(image.kernels, kernels, strict=True)
    return dataclasses.replace(image, kernels=tuple(add(kernel, wish) for kernel, wish in pairs))
