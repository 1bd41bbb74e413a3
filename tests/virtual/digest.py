"""One line for each of many launches: its name and a hash of results, faults and counts, to compare two builds with.

    python tests/virtual/digest.py

Two machines that execute the same way print the same text. The launches are the behaviour files of tests/virtual/ptx,
with every observer, the texts of tests/virtual/fuzz_corpus (or why they are refused), and the instructions whose bits a
processor or compiler could change: floating point with NaN, infinities, subnormals and every rounding mode, conversions
out of range, and approximations.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import elementwise
import numpy as np
import test_fuzz_corpus as kept
import test_ptx_files as behaviour
from ptx_file import DEFAULT_BUDGET, ArrayArg, Run

from kernelevo.virtual import LaunchReport, Machine, Module, PtxError

OBSERVERS = (
    {"lines": True},
    {"caches": True, "scoreboard": True},
    {"track_uninitialised": True},
    {"check_races": True},
    {"threads": 2},
)
ROUNDINGS = ("rn", "rz", "rm", "rp")
FLOATS = [
    *(f"{op}.{mode}{ftz}.f32" for op in ("add", "sub", "mul", "fma", "div", "sqrt", "rcp") for mode in ROUNDINGS
      for ftz in ("", ".ftz")),
    *(f"{op}.{mode}.f64" for op in ("add", "mul", "fma", "div", "sqrt", "rcp") for mode in ROUNDINGS),
    *(f"{op}{nan}.f32" for op in ("min", "max") for nan in ("", ".NaN", ".ftz")),
    *(f"{op}.approx{ftz}.f32" for op in ("ex2", "lg2", "rcp", "sqrt", "rsqrt", "sin", "cos") for ftz in ("", ".ftz")),
    "tanh.approx.f32", "div.approx.f32", "div.full.f32",
]  # fmt: skip
CONVERSIONS = [
    *(f"cvt.{mode}{sat}.{to}.{of}" for mode in ("rni", "rzi", "rmi", "rpi") for sat in ("", ".sat")
      for to in ("s32", "u32", "s64", "u64", "s16", "u16") for of in ("f32", "f64") if not sat),
    *(f"cvt.{mode}.f32.f64" for mode in ROUNDINGS),
    *(f"cvt.{mode}.{to}.{of}" for mode in ROUNDINGS for to in ("f32", "f64") for of in ("s32", "u64", "s64")
      if (to, of) != ("f64", "s32")),
    "cvt.rn.f16.f32", "cvt.rz.f16.f32", "cvt.rn.bf16.f32", "cvt.rz.bf16.f32",
]  # fmt: skip
OPERANDS = {"fma": 3, "add": 2, "sub": 2, "mul": 2, "div": 2, "min": 2, "max": 2}


def main() -> None:
    for name, parts in [*behaviours(), *kept_inputs(), *arithmetic()]:
        print(line(name, parts))


def line(name: str, parts: list[bytes]) -> str:
    return f"{name} {hashlib.sha256(bytes(1).join(parts)).hexdigest()[:16]}"


def behaviours() -> Iterator[tuple[str, list[bytes]]]:
    for file in behaviour.FILES:
        for number, run in enumerate(file.runs, 1):
            for observers in OBSERVERS:
                yield f"{file.path.stem}-{number}-{'-'.join(observers)}", list(outcome(file.text, run, observers))


def outcome(text: str, run: Run, observers: dict[str, int]) -> Iterator[bytes]:
    """The report of one launch, and what its arrays hold afterwards."""
    with Machine(Module(text), memory_bytes=1 << 24) as machine:
        made = [behaviour._make(machine, arg) if isinstance(arg, ArrayArg) else arg for arg in run.arguments]
        report = machine.launch(
            run.options["kernel"],
            grid=behaviour._triple(run.options["grid"]),
            block=behaviour._triple(run.options["block"]),
            args=made,
            shared_bytes=int(run.options.get("shared", 0)),
            budget=int(run.options.get("budget", DEFAULT_BUDGET)),
            cooperative="cooperative" in run.options,
            **observers,
        )
        yield said(report)
        if report.needs_one_thread:
            return
        for arg, array in zip(run.arguments, made, strict=True):
            if isinstance(arg, ArrayArg):
                yield array.numpy().tobytes()


def kept_inputs() -> Iterator[tuple[str, list[bytes]]]:
    for path in kept.CORPUS:
        try:
            module = Module(path.read_bytes().decode("latin-1"))
        except PtxError as error:
            yield path.stem, [repr(error.diagnostics).encode()]
            continue
        for kernel in module.kernels[:2]:
            outcomes = [kept.launch(module, kernel, options) for options in kept.OBSERVERS]
            name = f"{path.stem}-{hashlib.sha256(kernel.name.encode()).hexdigest()[:8]}"
            yield (
                name,
                [
                    part
                    for report, memory in outcomes
                    for part in (said(report), b"" if report.needs_one_thread else memory)
                ],
            )


def said(report: LaunchReport) -> bytes:
    """The report; where the order of blocks decided the outcome, only that it did."""
    return b"needs one thread" if report.needs_one_thread else report.json.encode()


def arithmetic() -> Iterator[tuple[str, list[bytes]]]:
    for opcode in [*FLOATS, *CONVERSIONS]:
        of = opcode.rpartition(".")[2]
        to = opcode.split(".")[-2] if opcode.startswith("cvt") else of
        names = "abc"[: OPERANDS.get(opcode.partition(".")[0], 1)]
        inputs = {name: (of, bits(of, seed)) for seed, name in enumerate(names)}
        yield opcode, [elementwise.run(f"{opcode} d, {', '.join(names)};", to, **inputs).tobytes()]


def bits(kind: str, seed: int) -> np.ndarray:
    """Random bits of every size and the special values, in an order of its own for each seed."""
    kind_bits = elementwise.bits_dtype(kind)
    width = 8 * kind_bits.itemsize
    random = np.random.default_rng(seed)
    anything = random.integers(0, 2**width, 1500, dtype=np.uint64).astype(kind_bits)
    small = (anything >> random.integers(0, width, 1500).astype(kind_bits)).astype(kind_bits)
    ordinary = [] if kind[0] != "f" else [random.normal(0, 100, 1500).astype(elementwise.dtype(kind)).view(kind_bits)]
    return random.permutation(np.concatenate([anything, small, *ordinary]))


if __name__ == "__main__":
    main()
