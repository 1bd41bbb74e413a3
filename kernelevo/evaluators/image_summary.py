"""What a verdict keeps of the image that it judged."""

from __future__ import annotations

import hashlib
from typing import Any

from kernelevo.types import Image


def image_summary(image: Image | None) -> dict[str, Any]:
    """Sizes and hashes, no code; nothing of none."""
    if image is None:
        return {}
    kernels = [
        {
            "name": kernel.spelled, "symbol": kernel.name,
            "registers": kernel.registers, "spill_bytes": kernel.spill_bytes,
            "static_shared_bytes": kernel.static_shared_bytes, "dynamic_shared_bytes": kernel.dynamic_shared_bytes,
            "local_bytes": kernel.local_bytes,
        }
        for kernel in image.kernels
    ]  # fmt: skip
    return {
        "key": image.key, "arch": image.arch, "compiler": image.compiler, "kernels": kernels,
        "ptx_sha256": hashlib.sha256(image.ptx.encode()).hexdigest(),
        "cubin_sha256": hashlib.sha256(image.cubin).hexdigest(),
    }  # fmt: skip
