"""Whether two builds of the virtual GPU say the same: every report and every byte of memory, in every setting.

    python benchmarks/same_reports.py --write before.json FILE.ptx...      # with KERNELEVO_NATIVE at one build
    python benchmarks/same_reports.py --against before.json FILE.ptx...    # and at the other

Every kernel of the files is launched in a few shapes with arguments made from its parameters' types: pointers to
256 KiB of numbers, the last one uninitialised, and small integers. Many launches stop at a fault, which is as good a
thing to compare as a result: faults, counts up to them, counts by line and the memory that is left must be equal.
Exit code 1 names what differs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path

import numpy as np

from kernelevo.virtual import Argument, Array, Kernel, Machine, Module

SETTINGS: dict[str, dict[str, bool]] = {
    "nothing": {"counters": False},
    "counters": {"lines": True},
    "profile": {"lines": True, "caches": True, "scoreboard": True},
    "uninitialised": {"lines": True, "track_uninitialised": True},
}
# Grid, block, the integer arguments and the bytes of dynamic shared memory. Two shapes have a last warp that is not
# full, one has rows of 16 threads, and one has rows shorter than a half warp.
SHAPES = [
    ((2,), (128,), 64, 4096),
    ((3, 2), (32, 8), 33, 16384),
    ((4,), (256,), 1024, 49152),
    ((1, 2), (16, 16), 100, 0),
    ((2,), (100,), 7, 512),
    ((2, 1), (8, 9), 128, 8192),
]
FLOATS = 1 << 16
BUDGET = 400_000


def main() -> int:
    options = _options()
    digests: dict[str, str] = {}
    for file in options.files:
        digests |= _of_file(file)
    if options.write:
        options.write.write_text(json.dumps(digests, indent=1) + "\n")
        print(f"{len(digests)} launches written to {options.write}")
        return 0
    before = json.loads(options.against.read_text())
    different = [key for key in digests if before.get(key) != digests[key]]
    for key in different:
        print(f"differs: {key}: {before.get(key, 'not run before')} -> {digests[key]}")
    print(f"{len(digests) - len(different)} of {len(digests)} launches are the same")
    return 1 if different or not digests else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, help="PTX files")
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--write", type=Path, help="where to keep the digests of this build")
    mode.add_argument("--against", type=Path, help="digests of another build to compare with")
    return parser.parse_args()


def _of_file(file: Path) -> dict[str, str]:
    module = Module(file.read_text())
    return {
        f"{file.name} {kernel.name} {setting} {number}": _digest(module, kernel, setting, number)
        for kernel in module.kernels
        for setting in SETTINGS
        for number in range(len(SHAPES))
    }


def _digest(module: Module, kernel: Kernel, setting: str, number: int) -> str:
    grid, block, integer, shared = SHAPES[number]
    with Machine(module, memory_bytes=1 << 26) as machine:
        args = _arguments(machine, kernel, integer)
        report = machine.launch(
            kernel.name, grid=grid, block=block, args=args, shared_bytes=shared, budget=BUDGET, **SETTINGS[setting]
        )
        digest = hashlib.sha256(repr(report).encode())
        for array in args:
            if isinstance(array, Array):
                digest.update(array.numpy().tobytes())
        kinds = ",".join(str(fault.kind) for fault in report.faults) or "clean"
        return f"{digest.hexdigest()[:16]} {kinds} {report.counts['warp_instructions']}"


def _arguments(machine: Machine, kernel: Kernel, integer: int) -> list[Argument]:
    pointers = [index for index, parameter in enumerate(kernel.parameters) if parameter.type == "u64"]
    args: list[Argument] = []
    for index, parameter in enumerate(kernel.parameters):
        if parameter.type == "u64":
            empty = index == pointers[-1] and len(pointers) > 1
            args.append(machine.empty(FLOATS) if empty else machine.array(_numbers(index)))
        elif parameter.type[0] == "f":
            args.append(0.5)
        elif parameter.type == "b8":
            args.append(bytes(parameter.bytes))
        else:
            args.append(integer)
    return args


def _numbers(seed: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Numbers of both signs, with a NaN, an infinity, a zero and a subnormal among them."""
    values = np.random.default_rng(seed).standard_normal(FLOATS).astype(np.float32)
    values[100:104] = np.float32(np.nan), np.float32(np.inf), -0.0, 1e-40
    return values


if __name__ == "__main__":
    sys.exit(main())
