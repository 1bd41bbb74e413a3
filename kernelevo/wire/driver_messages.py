"""What passes between a judge and the process that drives a card: messages over a stream socket.

A message is a prefix (bytes of the head as u32, of the body as u64, little-endian), a head of JSON and a body of raw
bytes. The judge asks, the process answers, one by one. Heads of requests are {"op": name, ...}; what answers may look
like is in driver_answers.py. Nothing here executes what it reads.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kernelevo.interfaces import DriverClear, DriverLaunch
from kernelevo.types import Image, KernelImage, Parameter

PREFIX = struct.Struct("<IQ")
HEAD_BYTES = 4 << 20
"""No head is larger."""
Bytes = bytes | bytearray | memoryview
Step = DriverLaunch | DriverClear


def message(head: Mapping[str, Any], body: Bytes = b"") -> tuple[bytes, Bytes]:
    """A message's beginning, and its body."""
    words = json.dumps(head, separators=(",", ":")).encode()
    return PREFIX.pack(len(words), memoryview(body).nbytes) + words, body


def read_message(read: Callable[[int], bytes]) -> tuple[dict[str, Any], bytes]:
    """The next message of a side that is trusted; `read` gives exactly so many bytes."""
    head_bytes, body_bytes = PREFIX.unpack(read(PREFIX.size))
    head: dict[str, Any] = json.loads(read(head_bytes))
    return head, read(body_bytes)


def step_words(step: Step) -> dict[str, Any]:
    if isinstance(step, DriverClear):
        return {"address": step.address, "bytes": step.bytes}
    return {
        "kernel": step.kernel, "grid": step.grid, "block": step.block, "shared_bytes": step.shared_bytes,
        "parameters": step.parameters.hex(), "cooperative": step.cooperative, "cluster": step.cluster,
    }  # fmt: skip


def read_step(words: Mapping[str, Any]) -> Step:
    if "kernel" not in words:
        return DriverClear(words["address"], words["bytes"])
    sizes = {name: tuple(words[name]) for name in ("grid", "block", "cluster")}
    return DriverLaunch(**{**words, **sizes, "parameters": bytes.fromhex(words["parameters"])})


def image_message(image: Image) -> tuple[dict[str, Any], bytes]:
    """Head and body of an image: what a driver needs of it."""
    ptx = image.ptx.encode(errors="replace")
    kernels = [
        {**{name: getattr(kernel, name) for name in _KERNEL_WORDS}, "parameters": _parameters(kernel)}
        for kernel in image.kernels
    ]
    head = {"key": image.key, "arch": image.arch, "compiler": image.compiler, "kernels": kernels, "ptx_bytes": len(ptx)}
    return head, ptx + image.cubin


def read_image(head: Mapping[str, Any], body: bytes) -> Image:
    ptx, cubin = body[: head["ptx_bytes"]], body[head["ptx_bytes"] :]
    kernels = tuple(
        KernelImage(
            **{name: words[name] for name in _KERNEL_WORDS if name != "scratch_bytes"},
            scratch_bytes=tuple(words["scratch_bytes"]),
            parameters=tuple(Parameter(*each) for each in words["parameters"]),
        )
        for words in head["kernels"]
    )
    return Image(head["key"], head["arch"], ptx.decode(), cubin, kernels, head["compiler"])


_KERNEL_WORDS = (
    "name", "spelled", "registers", "spill_bytes", "static_shared_bytes", "local_bytes", "max_threads",
    "dynamic_shared_bytes", "scratch_bytes",
)  # fmt: skip


def _parameters(kernel: KernelImage) -> Sequence[tuple[str, int, int]]:
    return [(each.type, each.offset, each.bytes) for each in kernel.parameters]
