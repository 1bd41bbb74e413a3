"""kernelevo makes GPU kernels faster and proves it, with or without a GPU."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kernelevo.api import Judge, evaluate
    from kernelevo.errors import BadInput, Infrastructure, KernelevoError
    from kernelevo.kernel.arguments import InOut, Input, Output, Scalar
    from kernelevo.kernel.distributions import (
        biased,
        constant,
        constant_rows,
        custom,
        integers,
        normal,
        rare_huge,
        specials,
        uniform,
        wide,
    )
    from kernelevo.kernel.problem import Problem, Tolerance

__version__ = "0.1.0"

__all__ = [
    "BadInput",
    "InOut",
    "Infrastructure",
    "Input",
    "Judge",
    "KernelevoError",
    "Output",
    "Problem",
    "Scalar",
    "Tolerance",
    "biased",
    "constant",
    "constant_rows",
    "custom",
    "evaluate",
    "integers",
    "normal",
    "rare_huge",
    "specials",
    "uniform",
    "wide",
]

_HOMES = {
    **dict.fromkeys(["Judge", "evaluate"], "kernelevo.api"),
    **dict.fromkeys(["BadInput", "Infrastructure", "KernelevoError"], "kernelevo.errors"),
    **dict.fromkeys(["InOut", "Input", "Output", "Scalar"], "kernelevo.kernel.arguments"),
    **dict.fromkeys(["Problem", "Tolerance"], "kernelevo.kernel.problem"),
}


def __getattr__(name: str) -> Any:
    """Public names are imported when they are first used, so that `import kernelevo` does not wait for NumPy."""
    if name not in __all__:
        raise AttributeError(f"module 'kernelevo' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES.get(name, "kernelevo.kernel.distributions")), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
