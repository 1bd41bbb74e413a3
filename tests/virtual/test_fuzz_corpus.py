"""Replays what the fuzzers kept (sandbox/vgpu/fuzz): each text is refused with a line, or its kernels end within their
budget under every observer, with the same memory where none of them ends in a fault.

The files are small ones that together reach most of what the fuzzers reached, and the former findings
(finding-*.ptx). Each is a PTX file as it is; its first line chooses how the fuzzer itself launches it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kernelevo.virtual import Kernel, LaunchReport, Machine, Module, PtxError

CORPUS = sorted((Path(__file__).parent / "fuzz_corpus").glob("*.ptx"))
OBSERVERS = (
    {},
    {"counters": False},
    {"lines": True, "caches": True, "scoreboard": True},
    {"track_uninitialised": True},
    {"check_races": True},
    {"threads": 2},
    {"cooperative": True},
)
BUDGET, BYTES = 2000, 4096


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_a_kept_text_is_refused_or_ends_within_its_budget(path: Path) -> None:
    try:
        module = Module(path.read_bytes().decode("latin-1"))
    except PtxError as error:
        assert error.diagnostics and error.line >= 1
        return
    for kernel in module.kernels[:2]:
        outcomes = [launch(module, kernel, options) for options in OBSERVERS]
        clean = [memory for report, memory in outcomes if not report.faults and not report.needs_one_thread]
        assert len(set(clean)) <= 1, f"{path.name}: what is observed changes the results of {kernel.name}"
        assert all(report.counts["warp_instructions"] <= 2 * BUDGET for report, _ in outcomes)


def test_the_corpus_has_texts_that_load_and_texts_that_do_not() -> None:
    assert len(CORPUS) >= 100
    assert sum(path.stat().st_size for path in CORPUS) < 300_000
    refused = 0
    for path in CORPUS:
        try:
            Module(path.read_bytes().decode("latin-1"))
        except PtxError:
            refused += 1
    assert 0 < refused < len(CORPUS)


def launch(module: Module, kernel: Kernel, options: dict[str, bool | int]) -> tuple[LaunchReport, bytes]:
    """Two blocks of 33 threads on two buffers; parameters of 8 bytes are their addresses, all others the byte 3."""
    with Machine(module, memory_bytes=64 << 20) as machine:
        arrays = [machine.array(np.arange(BYTES // 4, dtype=np.uint32) * 7) for _ in range(2)]
        args = [
            arrays[index % 2] if parameter.bytes == 8 and parameter.type != "f64" else b"\3" * parameter.bytes
            for index, parameter in enumerate(kernel.parameters)
        ]
        report = machine.launch(kernel.name, grid=2, block=33, args=args, budget=BUDGET, **options)
        return report, b"".join(array.numpy().tobytes() for array in arrays)
