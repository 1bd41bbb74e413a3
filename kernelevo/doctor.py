"""What this machine offers: native files, wall layers, compilers, devices; and what to do about what is missing.

Every finding says whether the main job works without it. Nothing is installed, started or changed.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from kernelevo import native
from kernelevo.disassembler import find_nvdisasm
from kernelevo.errors import NotInstalled

State = Literal["ok", "optional", "missing"]
NATIVE_FILES = {
    "kernelevo-jail": "the wall's launcher",
    "kernelevo-worker": "the wall's worker (compiler and virtual GPU)",
    "libkernelevo_lock.so": "the wall around Triton's compiler",
    "libkernelevo_vgpu.so": "the virtual GPU as a Python API",
}
TRITON_VERSIONS = "3.9."
CARD_DRIVERS = {
    "cupy": (("cupy-cuda13x", "cupy-cuda12x", "cupy"), "cuda", "; drives cards"),
    "pycuda": (("pycuda",), "pycuda", "; drives cards, unmeasured"),
    "nvml": (("nvidia-ml-py",), "cuda", "; tells the state of cards"),
}
"""Of each driver: distributions that hold it, our extra, and what is to be said of it."""
HEADER_WHEELS = ("nvidia-cuda-nvrtc", "nvidia-cuda-runtime", "nvidia-cuda-crt", "nvidia-cuda-cccl")


@dataclass(frozen=True)
class Finding:
    """One thing looked at. "optional" is absent and not needed for the main job; "missing" is needed."""

    name: str
    state: State
    detail: str
    advice: str = ""


def examine(layers: Mapping[str, Any] | None) -> list[Finding]:
    """All findings, in the order in which a run needs them. `layers` is what the launcher's probe answered, None where
    the launcher is missing."""
    return [
        _python(),
        *_native_files(),
        *wall_findings(layers),
        *_nvrtc(),
        _nvcc(),
        _triton(),
        _machine_code(),
        _virtual_devices(),
        *_drivers(),
        _cuda_device(),
        _model_client(),
    ]


def _python() -> Finding:
    version = platform.python_version()
    return Finding("python", "ok", f"{version} on {platform.system()} {platform.machine()}")


def _native_files() -> list[Finding]:
    findings = []
    for name, purpose in NATIVE_FILES.items():
        try:
            findings.append(Finding(name, "ok", f"{purpose}: {native.path(name)}"))
        except NotInstalled as error:
            findings.append(Finding(name, "missing", purpose, str(error)))
    return findings


def wall_findings(layers: Mapping[str, Any] | None) -> list[Finding]:
    """The wall's layers; at least one that isolates files (Landlock or namespaces) must be there."""
    if layers is None:
        return [Finding("wall", "missing", "not probed: its launcher is not installed", "run `pip install .` again")]
    abi = int(layers["landlock_abi"])
    namespaces = bool(layers["namespaces"])
    isolates = abi > 0 or namespaces
    advice = (
        ""
        if isolates
        else "enable Landlock (Linux 5.13 or newer with lsm=landlock) or unprivileged user namespaces; "
        "--unsafe runs candidates without them"
    )
    absent: State = "optional" if isolates else "missing"
    return [
        Finding(
            "wall: Landlock",
            "ok" if abi else absent,
            f"ABI {abi}" if abi else "not offered by this kernel",
            "" if abi else advice,
        ),
        Finding(
            "wall: namespaces",
            "ok" if namespaces else absent,
            "user, pid, net, mount" if namespaces else "forbidden here",
            advice,
        ),
        Finding(
            "wall: seccomp",
            "ok" if layers["seccomp"] else "missing",
            "system call filter",
            "" if layers["seccomp"] else "run on a kernel with seccomp filters",
        ),
    ]


def _nvrtc() -> list[Finding]:
    findings = []
    for wheel in HEADER_WHEELS:
        try:
            findings.append(Finding(f"compiler: {wheel}", "ok", importlib.metadata.version(wheel)))
        except importlib.metadata.PackageNotFoundError:
            advice = "pip install 'cuda-toolkit[nvrtc,cccl,cudart,crt]>=13.0,<14'"
            findings.append(Finding(f"compiler: {wheel}", "missing", "wheel not installed", advice))
    return findings


def _nvcc() -> Finding:
    found = shutil.which("nvcc")
    if found is None:
        return Finding("compiler: nvcc", "optional", "not on PATH", "not needed; --compiler nvcc uses it where it is")
    answer = subprocess.run([found, "--version"], capture_output=True, text=True, check=False, timeout=20)
    lines = [line.strip() for line in answer.stdout.splitlines() if "release" in line]
    return Finding(
        "compiler: nvcc", "ok", f"{lines[0] if lines else 'unknown version'} ({found}); used with --compiler nvcc"
    )


def _model_client() -> Finding:
    try:
        version = importlib.metadata.version("openai")
    except importlib.metadata.PackageNotFoundError:
        advice = 'not needed without --model openai:NAME or vllm:NAME; for these: pip install "kernelevo[llm]"'
        return Finding("language models", "optional", "no client for servers is installed", advice)
    return Finding("language models", "ok", f"openai {version}; --model openai:NAME asks any compatible server")


def _triton() -> Finding:
    try:
        version = importlib.metadata.version("triton")
    except importlib.metadata.PackageNotFoundError:
        advice = 'not needed for .cu files; for .triton.py files: pip install "kernelevo[triton]"'
        return Finding("compiler: triton", "optional", "not installed", advice)
    if not version.startswith(TRITON_VERSIONS):
        advice = 'pip install "kernelevo[triton]"'
        return Finding(
            "compiler: triton", "optional", f"{version}, but .triton.py files need {TRITON_VERSIONS}x", advice
        )
    return Finding("compiler: triton", "ok", f"{version}; compiles .triton.py files for sm_80")


def _machine_code() -> Finding:
    """What corrects modelled times by the machine code."""
    try:
        found = find_nvdisasm()
    except NotInstalled as absent:
        return Finding("machine code", "optional", "not read", str(absent))
    return Finding("machine code", "ok", f"nvdisasm {found.version} ({found.program}); corrects modelled times")


def _virtual_devices() -> Finding:
    flags = _cpu_flags()
    level = "AVX-512" if "avx512bw" in flags else "AVX2" if "avx2" in flags else "plain"
    return Finding(
        "devices: virtual", "ok", f"virtual:h100, h200, a100, l4, rtx4090; {level} vectors; times are modelled"
    )


def _cpu_flags() -> set[str]:
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return set()
    lines = [line for line in info.read_text(encoding="utf-8").splitlines() if line.startswith(("flags", "Features"))]
    return set(lines[0].split(":", 1)[1].split()) if lines else set()


def _drivers() -> list[Finding]:
    """What a card can be driven through; only that it is installed is looked at, since importing costs seconds."""
    findings = []
    for name, (distribution, extra, remark) in CARD_DRIVERS.items():
        found = _version_of(distribution)
        state: State = "ok" if found else "optional"
        advice = "" if found else f'not needed for the virtual devices; for a card: pip install "kernelevo[{extra}]"'
        findings.append(Finding(f"drivers: {name}", state, f"{found}{remark}" if found else "not installed", advice))
    return findings


def _version_of(distributions: Sequence[str]) -> str:
    for name in distributions:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            return f"{name} {importlib.metadata.version(name)}"
    return ""


def cards(folder: Path = Path("/proc/driver/nvidia/gpus")) -> list[str]:
    """The models of the cards that NVIDIA's driver tells of, in the order of their bus addresses."""
    found = []
    for file in sorted(folder.glob("*/information")):
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        models = [line.partition(":")[2].strip() for line in lines if line.startswith("Model:")]
        found.append(models[0] if models else "unknown")
    return found


def _cuda_device() -> Finding:
    if not Path("/proc/driver/nvidia/version").exists() and not Path("/dev/nvidiactl").exists():
        advice = "not needed: the virtual devices execute the compiled PTX"
        return Finding("devices: cuda", "optional", "no NVIDIA driver", advice)
    models = ", ".join(cards()) or "it does not tell which cards"
    return Finding("devices: cuda", "ok", f"NVIDIA's driver is here: {models}; cuda:0 is the first card")
