"""The Python Machine: arguments, memory, errors of the caller, determinism."""

from __future__ import annotations

import json
from pathlib import Path

import access
import numpy as np
import pytest

from kernelevo import virtual_library
from kernelevo.errors import BadInput
from kernelevo.virtual import LaunchReport, Machine, Module, PtxError, Timing

PTX = Path(__file__).parent / "ptx"
STORE_ARGUMENTS = (
    access.HEAD
    + """
.visible .entry store_arguments(
  .param .u64 out, .param .u8 a, .param .s16 b, .param .f32 c, .param .f64 d, .param .s64 e)
{
  .reg .b16 %h<2>;
  .reg .b32 %r<3>;
  .reg .f32 %f<2>;
  .reg .f64 %fd<6>;
  .reg .b64 %rd<3>;
  ld.param.u64 %rd1, [out];
  ld.param.u8 %r1, [a];
  ld.param.s16 %r2, [b];
  ld.param.f32 %f1, [c];
  ld.param.f64 %fd1, [d];
  ld.param.s64 %rd2, [e];
  cvt.rn.f64.u32 %fd2, %r1;
  cvt.rn.f64.s32 %fd3, %r2;
  cvt.f64.f32 %fd4, %f1;
  cvt.rn.f64.s64 %fd5, %rd2;
  st.global.f64 [%rd1], %fd2;
  st.global.f64 [%rd1+8], %fd3;
  st.global.f64 [%rd1+16], %fd4;
  st.global.f64 [%rd1+24], %fd1;
  st.global.f64 [%rd1+32], %fd5;
  ret;
}
"""
)


def _machine(text: str = STORE_ARGUMENTS, memory_bytes: int = 1 << 20) -> Machine:
    return Machine(Module(text), memory_bytes=memory_bytes)


def test_arguments_are_packed_by_the_types_that_the_kernel_declares() -> None:
    with _machine() as machine:
        out = machine.empty(5, np.float64)
        args = [out, 200, np.int16(-3), 0.5, 2, -(2**40)]
        report = machine.launch("store_arguments", grid=1, block=1, args=args, budget=100)
        assert report.faults == ()
        assert out.numpy().tolist() == [200.0, -3.0, 0.5, 2.0, -(2.0**40)]


@pytest.mark.parametrize(
    ("position", "value", "words"),
    [(1, 256, "argument 1"), (2, 40000, "argument 2"), (1, 1.5, ".u8"), (5, b"123", ".s64"), (3, "x", "argument 3")],
)
def test_an_argument_that_does_not_fit_is_named(position: int, value: object, words: str) -> None:
    with _machine() as machine:
        args = [machine.empty(5, np.float64), 1, 1, 1.0, 1.0, 1]
        args[position] = value
        with pytest.raises(BadInput, match=words):
            machine.launch("store_arguments", grid=1, block=1, args=args, budget=100)


def test_a_wrong_number_of_arguments_and_an_unknown_kernel_are_errors() -> None:
    with _machine() as machine:
        with pytest.raises(BadInput, match="takes 6 arguments"):
            machine.launch("store_arguments", grid=1, block=1, args=[1], budget=100)
        with pytest.raises(BadInput, match="no kernel 'missing'; its kernels are: store_arguments"):
            machine.launch("missing", grid=1, block=1, args=[], budget=100)
        with pytest.raises(BadInput, match="grid has 1 to 3 sizes"):
            machine.launch("store_arguments", grid=(1, 1, 1, 1), block=1, args=[1] * 6, budget=100)


def test_a_module_describes_its_kernels() -> None:
    module = Module(STORE_ARGUMENTS)
    assert module.target == "sm_80"
    (kernel,) = module.kernels
    assert [(p.type, p.offset, p.bytes) for p in kernel.parameters] == [
        ("u64", 0, 8),
        ("u8", 8, 1),
        ("s16", 10, 2),
        ("f32", 12, 4),
        ("f64", 16, 8),
        ("s64", 24, 8),
    ]
    assert (kernel.parameter_bytes, kernel.static_shared_bytes, kernel.max_threads) == (32, 0, (0, 0, 0))
    assert Module(access.shared_kernel("")).kernels[0].static_shared_bytes == 16384


def test_text_that_is_not_ptx_is_an_error_with_its_line() -> None:
    broken = access.HEAD + ".visible .entry k()\n{\n  mov.u32 %r1 %r2;;; [\n"
    with pytest.raises(PtxError) as caught:
        Module(broken)
    assert caught.value.line >= 4
    assert f"line {caught.value.line}" in str(caught.value)


def test_memory_keeps_shape_and_type_and_reads_as_poison_until_written() -> None:
    with Machine(Module(STORE_ARGUMENTS), memory_bytes=1 << 20, poison=0xDEADBEEF) as machine:
        values = np.arange(6, dtype=np.int16).reshape(2, 3)
        array = machine.array(values)
        np.testing.assert_array_equal(array.numpy(), values)
        assert array.numpy().dtype == np.int16
        fresh = machine.empty((2, 2), np.uint32)
        assert fresh.numpy().tolist() == [[0xDEADBEEF] * 2] * 2
        assert (array.first_uninitialised(), fresh.first_uninitialised()) == (-1, 0)
        fresh.write(np.ones((2, 2), np.uint32))
        assert fresh.first_uninitialised() == -1
        fresh.poison()
        assert fresh.first_uninitialised() == 0
        with pytest.raises(BadInput, match="shape"):
            fresh.write(np.ones(3))


def test_a_buffer_that_a_launch_left_partly_unwritten_says_where() -> None:
    store = access.global_kernel("st.global.u32 [address], %r3;")
    with _machine(store) as machine:
        data, offsets = machine.empty(8, np.uint32), machine.array(np.arange(5, dtype=np.uint32) * 4)
        report = machine.launch("access", grid=1, block=5, args=[data, offsets], budget=100, track_uninitialised=True)
        assert report.faults == ()
        assert data.first_uninitialised() == 5 * 4


def test_memory_beyond_the_limit_is_refused() -> None:
    with _machine(memory_bytes=1 << 16) as machine, pytest.raises(BadInput, match="memory"):
        machine.empty(1 << 20, np.uint8)


def test_addresses_are_aligned_plus_their_skew() -> None:
    with _machine() as machine:
        assert machine.empty(1).address % 256 == 0
        assert machine.empty(1, skew=4).address % 256 == 4


def test_a_closed_machine_says_so() -> None:
    machine = _machine()
    array = machine.empty(1)
    machine.close()
    machine.close()
    with pytest.raises(BadInput, match="closed"):
        array.numpy()


def test_default_latencies_are_those_of_the_library() -> None:
    default = virtual_library.open_library().vgpu_default_timing
    default.restype = virtual_library.TimingStruct
    assert Timing(*(getattr(default(), name) for name, _ in virtual_library.TimingStruct._fields_)) == Timing()


def _histogram() -> LaunchReport:
    text = (PTX / "atomics.ptx").read_text()
    with _machine(text) as machine:
        counter, taken = machine.array(np.zeros(1, np.uint32)), machine.empty(128, np.uint32)
        return machine.launch(
            "tickets", grid=2, block=64, args=[counter, taken], budget=10**5, lines=True, caches=True, scoreboard=True
        )


def test_the_same_launch_twice_gives_the_same_report_to_the_byte() -> None:
    assert _histogram().json == _histogram().json
    assert json.loads(_histogram().json)["counts"]["warp_instructions"] > 0


def test_observers_change_no_result() -> None:
    text = (PTX / "shuffles.ptx").read_text()
    results = []
    for options in (
        {"counters": False},
        {},
        {"lines": True},
        {"caches": True, "scoreboard": True},
        {"track_uninitialised": True},
    ):
        with _machine(text) as machine:
            out = machine.empty(64, np.uint32)
            assert machine.launch("sum", grid=1, block=64, args=[out], budget=10**5, **options).faults == ()
            results.append(out.numpy().tolist())
    assert results == [results[0]] * len(results)
