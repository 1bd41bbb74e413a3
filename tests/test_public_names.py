"""The names that other people's files may use. Taking one away, or adding one by accident, breaks this file first."""

from __future__ import annotations

import subprocess
import sys

import kernelevo
from kernelevo import virtual

PUBLIC = {
    "BadInput", "Infrastructure", "KernelevoError",
    "InOut", "Input", "Judge", "Output", "Problem", "Scalar", "Tolerance", "biased", "constant", "constant_rows",
    "custom", "evaluate", "integers", "normal", "rare_huge", "specials", "uniform", "wide",
}  # fmt: skip
VIRTUAL = {
    "Array", "Form", "Instruction", "Kernel", "LaunchReport", "Machine", "Module", "PtxError", "Sample", "Timing",
    "VirtualGpuDefect", "forms", "pack_arguments",
}  # fmt: skip


def test_the_names_of_problem_files_and_of_the_python_door_are_these() -> None:
    assert set(kernelevo.__all__) == PUBLIC
    assert all(getattr(kernelevo, name).__name__ == name for name in PUBLIC)


def test_the_names_of_the_virtual_gpu_are_these() -> None:
    assert set(virtual.__all__) == VIRTUAL
    assert all(getattr(virtual, name).__name__ == name for name in VIRTUAL)
    own = {name for name, value in vars(virtual).items() if getattr(value, "__module__", "") == virtual.__name__}
    assert not {name for name in own if not name.startswith("_")} - VIRTUAL


def test_a_name_that_is_not_public_is_refused() -> None:
    assert not hasattr(kernelevo, "Sandbox")


def test_the_command_line_starts_without_numpy() -> None:
    asked = "import sys, kernelevo.commands.app; print('numpy' in sys.modules, 'pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["False", "False"]
    control = subprocess.run(
        [sys.executable, "-c", "import sys, kernelevo.kernel.problem; print('numpy' in sys.modules)"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert control.stdout.strip() == "True"
