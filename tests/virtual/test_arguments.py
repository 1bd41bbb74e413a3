"""What callers of the Python API may give: every wrong argument is answered by one sentence, and its valid neighbours
are taken as they are.

REFUSED and REFUSED_WRITES are the tables: a call, and what the sentence must say.
"""

from __future__ import annotations

import importlib
import struct
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import access
import numpy as np
import pytest

from kernelevo.errors import BadInput
from kernelevo.virtual import Array, Kernel, LaunchReport, Machine, Module, PtxError, Timing, pack_arguments

# Stores one parameter of each kind as the bits that the kernel sees, 8 bytes apart.
TAKE = (
    access.HEAD
    + """
.visible .entry take(
  .param .u64 out, .param .u32 u, .param .s32 s, .param .b32 b, .param .f32 f, .param .f64 d,
  .param .align 4 .b8 pair[12])
{
  .reg .b32 %r<5>;
  .reg .b64 %rd<3>;
  ld.param.u64 %rd1, [out];
  ld.param.u32 %r1, [u];
  st.global.u32 [%rd1], %r1;
  ld.param.u32 %r2, [s];
  st.global.u32 [%rd1+4], %r2;
  ld.param.u32 %r3, [b];
  st.global.u32 [%rd1+8], %r3;
  ld.param.u32 %r4, [f];
  st.global.u32 [%rd1+12], %r4;
  ld.param.u64 %rd2, [d];
  st.global.u64 [%rd1+16], %rd2;
  ld.param.u32 %r1, [pair+8];
  st.global.u32 [%rd1+24], %r1;
  ret;
}
.visible .entry nothing()
{
  ret;
}
"""
)
HUGE = 10**5000  # more digits than Python writes out
PAIR = bytes(12)


class Bench:
    """A machine with an output array, and a launch that is valid but for what a test changes."""

    def __init__(self) -> None:
        self.machine = Machine(Module(TAKE), memory_bytes=1 << 20)
        self.other = Machine(Module(TAKE), memory_bytes=1 << 20)
        self.out = self.machine.array(np.zeros(8, np.uint32), name="out")

    def launch(self, kernel: Any = "nothing", **changed: Any) -> LaunchReport:
        return self.machine.launch(kernel, **{"grid": 1, "block": 1, "args": [], "budget": 100, **changed})

    def take(self, position: int, value: Any) -> bytes:
        """What the kernel saw of its parameters, with `value` at `position`."""
        args = [self.out, 1, 1, 1, 1, 1, PAIR]
        args[position] = value
        assert self.launch("take", args=args).faults == ()
        return self.out.numpy().tobytes()


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.machine.close()
    made.other.close()


def closed() -> Bench:
    made = Bench()
    made.machine.close()
    return made


class Unreadable:
    """Says no to NumPy, as a tensor that asks for gradients does."""

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("ask for no gradient")


def machine_with(**options: Any) -> Callable[[Bench], Any]:
    return lambda _: Machine(Module(TAKE), **options)


def launch_with(**options: Any) -> Callable[[Bench], Any]:
    return lambda bench: bench.launch(**options)


def take(position: int, value: Any) -> Callable[[Bench], Any]:
    return lambda bench: bench.take(position, value)


def array_of(values: Any, **options: Any) -> Callable[[Bench], Any]:
    return lambda bench: bench.machine.array(values, **options)


def empty(*given: Any, **options: Any) -> Callable[[Bench], Any]:
    return lambda bench: bench.machine.empty(*given, **options)


FLAGS = ("cooperative", "counters", "lines", "caches", "scoreboard", "track_uninitialised", "check_races", "plain")
WORDS = "is a whole number from {} to {}, not {}".format
REFUSED: list[tuple[Callable[[Bench], Any], str]] = [
    (lambda _: Module(None), r"the PTX of a Module is text (str), not None; read or decode it first"),
    (lambda _: Module(TAKE.encode()), "the PTX of a Module is text (str), not b'"),
    (lambda bench: bench.machine.module.kernel("missing"), "no kernel 'missing'; its kernels are: take, nothing"),
    (lambda bench: bench.machine.module.kernel(np.array(["a", "b"])), "no kernel array(['a', 'b'], dtype='<U1')"),
    (lambda _: Machine(TAKE), "a Machine runs a Module, not '"),
    (machine_with(memory_bytes=1.5), "memory_bytes " + WORDS(0, 2**63 - 1, 1.5)),
    (machine_with(memory_bytes=2**64 - 1), "memory_bytes " + WORDS(0, 2**63 - 1, 2**64 - 1)),
    (machine_with(memory_bytes=2**62), "set memory_bytes to what this machine can give"),
    (machine_with(threads_per_block=0), "threads_per_block " + WORDS(1, 2**32 - 1, 0)),
    (machine_with(sms=0), "sms " + WORDS(1, 2**32 - 1, 0)),
    (machine_with(shared_bytes_per_block=-1), "shared_bytes_per_block " + WORDS(0, 2**32 - 1, -1)),
    (machine_with(poison=2**32), "poison " + WORDS(0, 2**32 - 1, 2**32)),
    (array_of([[1], [1, 2]]), "the values [[1], [1, 2]] are no array of numbers"),
    (array_of(Unreadable()), "are no array of numbers"),
    (array_of(None), "the values None hold Python objects"),
    (array_of([2**70]), "hold Python objects, which a kernel cannot use; give numbers of up to 64 bits"),
    (lambda bench: bench.machine.array(bench.out), "and the numpy() of an Array"),
    (array_of([1, "a"]), "an array of dtype('<U21') has no counterpart in PTX"),
    (array_of(np.zeros(2, np.complex64)), "an array of dtype('complex64') has no counterpart"),
    (array_of(np.zeros(2, np.longdouble)), "has no counterpart"),
    (array_of(np.zeros(2, "M8[s]")), "an array of dtype('<M8[s]') has no counterpart"),
    (array_of(np.zeros(2, "i4,f4")), "has no counterpart in PTX; give bools, integers or fractions"),
    (array_of(np.zeros(2, ">f4")), "in the byte order of this machine"),
    (array_of(np.ma.array([1, 2], mask=[0, 1])), "the values are masked, which memory cannot say"),
    (empty(4, object), "an array of dtype('O') has no counterpart"),
    (empty(4, None), "the dtype of an array is None, which NumPy takes for float64"),
    (empty(4, "float33"), "the dtype of an array is 'float33', which NumPy does not know"),
    (empty(4, ","), "the dtype of an array is ',', which NumPy does not know"),
    (empty(None), "a size of an array " + WORDS(0, 2**63 - 1, None)),
    (empty((2, 1.5)), "a size of an array " + WORDS(0, 2**63 - 1, 1.5)),
    (empty(-1), "a size of an array " + WORDS(0, 2**63 - 1, -1)),
    (empty(True), "a size of an array " + WORDS(0, 2**63 - 1, True)),
    (empty(b"12"), "a size of an array " + WORDS(0, 2**63 - 1, b"12")),
    (empty((1,) * 33), "an array has 0 to 32 sizes, not 33"),
    (empty((0, 2**62), np.float32, name="x"), f"the number of bytes of array x {WORDS(0, 2**63 - 1, 2**64)}"),
    (empty(1 << 20), "the memory of the virtual device"),
    (empty(4, name=b"x"), "the name of an array is text (str)"),
    (empty(4, name="a\0b"), r"the name of an array is text (str) without NUL"),
    (empty(4, name="\ud800"), r"half of a surrogate pair, not '\ud800'"),
    (empty(4, skew=-1), "skew " + WORDS(0, 2**32 - 1, -1)),
    (launch_with(kernel="x"), "no kernel 'x'; its kernels are: take, nothing"),
    (launch_with(kernel=b"nothing"), "no kernel b'nothing'"),
    (launch_with(kernel=None), "no kernel None"),
    (launch_with(grid=1.0), "a size of the grid " + WORDS(0, 2**32 - 1, 1.0)),
    (launch_with(grid=(1, -1)), "a size of the grid " + WORDS(0, 2**32 - 1, -1)),
    (launch_with(grid=HUGE), "a size of the grid " + WORDS(0, 2**32 - 1, "an integer of 16610 bits")),
    (launch_with(budget=[HUGE]), "budget " + WORDS(0, 2**64 - 1, "[an integer of 16610 bits]")),
    (launch_with(grid=(1, 1, 1, 1)), "the grid has 1 to 3 sizes, not 4: (1, 1, 1, 1)"),
    (launch_with(grid="1"), "a size of the grid " + WORDS(0, 2**32 - 1, "'1'")),
    (launch_with(block=()), "the block has 1 to 3 sizes, not 0: ()"),
    (launch_with(block=True), "a size of the block " + WORDS(0, 2**32 - 1, True)),
    (launch_with(block=np.array([1.0])), "a size of the block " + WORDS(0, 2**32 - 1, 1.0)),
    (launch_with(block=2**32), "a size of the block " + WORDS(0, 2**32 - 1, 2**32)),
    (launch_with(budget=-1), "budget " + WORDS(0, 2**64 - 1, -1)),
    (launch_with(budget=2**64), "budget " + WORDS(0, 2**64 - 1, 2**64)),
    (launch_with(budget=1e6), "budget " + WORDS(0, 2**64 - 1, 1e6)),
    (launch_with(budget=None), "budget " + WORDS(0, 2**64 - 1, None)),
    (launch_with(shared_bytes=-1), "shared_bytes " + WORDS(0, 2**32 - 1, -1)),
    (launch_with(shared_bytes=1.5), "shared_bytes " + WORDS(0, 2**32 - 1, 1.5)),
    (launch_with(shared_bytes=2**32), "shared_bytes " + WORDS(0, 2**32 - 1, 2**32)),
    (launch_with(threads=0), "the number of threads of the host " + WORDS(1, 256, 0)),
    (launch_with(threads=257), "the number of threads of the host " + WORDS(1, 256, 257)),
    (launch_with(threads=1.5), "the number of threads of the host " + WORDS(1, 256, 1.5)),
    (launch_with(threads=True), "the number of threads of the host " + WORDS(1, 256, True)),
    (
        launch_with(check_races=True, track_uninitialised=True),
        "check_races goes without track_uninitialised, caches and scoreboard: launch again",
    ),
    (
        launch_with(check_races=True, caches=True),
        "check_races goes without track_uninitialised, caches and scoreboard: launch again",
    ),
    (launch_with(max_faults=0), "max_faults " + WORDS(1, 1000, 0)),
    (launch_with(max_faults=1001), "max_faults " + WORDS(1, 1000, 1001)),
    (launch_with(threads="2"), "the number of threads of the host " + WORDS(1, 256, "'2'")),
    *[
        (launch_with(**{name: value}), f"{name} is True or False, not {value!r}")
        for name in FLAGS
        for value in (None, "no", 2)
    ],
    (launch_with(timing=5), "timing is a Timing or None, not 5"),
    (launch_with(timing=Timing), "timing is a Timing or None, not <class"),
    (lambda _: Timing(alu=-1), "Timing.alu " + WORDS(0, 2**32 - 1, -1)),
    (lambda _: Timing(dram=1.5), "Timing.dram " + WORDS(0, 2**32 - 1, 1.5)),
    (lambda _: Timing(l2_bytes=2**63), "Timing.l2_bytes " + WORDS(0, 2**30, 2**63)),
    (launch_with(args=None), "args is a list of the kernel's arguments, not None"),
    (launch_with(args="abc"), "args is a list of the kernel's arguments, not 'abc'"),
    (launch_with(args={}), "args is a list of the kernel's arguments, not {}"),
    (launch_with(args=iter([])), "args is a list of the kernel's arguments, not <list_iterator"),
    (launch_with(args=[1]), "kernel nothing takes 0 arguments (), not 1"),
    (lambda _: pack_arguments("nothing", []), "arguments are packed for a Kernel, not 'nothing'"),
    (take(0, 1.5), f"does not fit .u64 of 8 bytes; give a whole number from {-(2**63)} to {2**64 - 1} or an Array"),
    (take(0, np.zeros(8, np.uint32)), "argument 0 of take is array([0, 0, 0, 0, 0, 0, 0, 0], dtype=uint32), which"),
    (lambda bench: bench.take(0, bench.other.empty(8)), "argument 0 is array array0 of another machine"),
    (take(1, 2**32), f"argument 1 of take is {2**32}, which does not fit .u32 of 4 bytes; give a whole number from"),
    (take(1, -(2**31) - 1), f"give a whole number from {-(2**31)} to {2**32 - 1}"),
    (take(1, np.int64(2**40)), f"argument 1 of take is {np.int64(2**40)!r}, which does not fit .u32 of 4 bytes"),
    (take(1, 1.0), "argument 1 of take is 1.0, which does not fit .u32"),
    (take(1, np.float32(1)), f"argument 1 of take is {np.float32(1)!r}, which does not fit .u32"),
    (take(1, Decimal("1.5")), "argument 1 of take is Decimal('1.5')"),
    (take(1, "12"), "argument 1 of take is '12'"),
    (take(1, None), "argument 1 of take is None"),
    (take(1, 1j), "argument 1 of take is 1j"),
    (take(1, [1]), "argument 1 of take is [1]"),
    (take(1, HUGE), "argument 1 of take is an integer of 16610 bits"),
    (take(1, b"123"), "argument 1 of take is b'123'"),
    (lambda bench: bench.take(1, bench.out), "argument 1 of take is Array(name='out', shape=(8,)"),
    (take(2, 2**31), f"does not fit .s32 of 4 bytes; give a whole number from {-(2**31)} to {2**31 - 1}"),
    (take(3, np.float64(1)), f"argument 3 of take is {np.float64(1)!r}, which does not fit .b32"),
    (take(3, np.str_("a")), f"argument 3 of take is {np.str_('a')!r}, which does not fit .b32"),
    (take(4, 1e39), "does not fit .f32 of 4 bytes; give an int or float within the range of f32"),
    (take(4, "1"), "argument 4 of take is '1', which does not fit .f32"),
    (take(4, 1j), "argument 4 of take is 1j, which does not fit .f32"),
    (take(4, Fraction(1, 2)), "argument 4 of take is Fraction(1, 2), which does not fit .f32"),
    (take(4, np.timedelta64(5, "s")), f"argument 4 of take is {np.timedelta64(5, 's')!r}, which does not fit .f32"),
    (lambda bench: bench.take(5, bench.out), "which does not fit .f64 of 8 bytes"),
    (take(5, HUGE), "argument 5 of take is an integer of 16610 bits, which does not fit .f64"),
    (take(6, 5), "argument 6 of take is 5, which does not fit .b8 of 12 bytes; give 12 bytes"),
    (take(6, bytes(11)), "which does not fit .b8 of 12 bytes; give 12 bytes"),
    (lambda _: closed().launch(), "the machine is closed; make a new one"),
    (lambda _: closed().machine.empty(4), "the machine is closed; make a new one"),
    (lambda _: closed().out.write(np.zeros(8, np.uint32)), "the machine is closed; make a new one"),
    (lambda _: closed().out.numpy(), "the machine is closed; make a new one"),
    (lambda _: closed().out.poison(), "the machine is closed; make a new one"),
    (lambda _: closed().out.first_uninitialised(), "the machine is closed; make a new one"),
    (lambda _: LaunchReport.from_json(None), "the text None is no launch report"),
    (lambda _: LaunchReport.from_json("[]"), "the text '[]' is no launch report; give the `json` of a LaunchReport"),
]


@pytest.mark.parametrize(("call", "words"), REFUSED, ids=[f"{i}-{words}" for i, (_, words) in enumerate(REFUSED)])
def test_a_wrong_argument_is_answered_by_one_sentence(bench: Bench, call: Callable[[Bench], Any], words: str) -> None:
    with pytest.raises(BadInput) as caught:
        call(bench)
    sentence = str(caught.value)
    assert words in sentence
    assert "\n" not in sentence and len(sentence) < 300
    # The machine is as good as before.
    assert bench.launch().faults == ()


REFUSED_WRITES = [
    (np.int32, [1.5] * 4, "array x is of int32 and does not take values of float64; convert them first"),
    (np.int32, [1.0] * 4, "array x is of int32 and does not take values of float64"),
    (np.int32, [2**31] * 4, f"a value for array x of int32 {WORDS(-(2**31), 2**31 - 1, 2**31)}"),
    (np.int32, np.full(4, 2**31, np.uint32), f"a value for array x of int32 {WORDS(-(2**31), 2**31 - 1, 2**31)}"),
    (np.uint64, [0, 0, 0, -1], f"a value for array x of uint64 {WORDS(0, 2**64 - 1, -1)}"),
    (np.bool_, [1] * 4, "array x is of bool and does not take values of int64"),
    (np.float32, [1e39] * 4, "array x is of float32, but a value of float64 is too large for it"),
    (np.float16, [70000] * 4, "array x is of float16, but a value of int64 is too large for it"),
    (np.float32, [1j] * 4, "dtype('complex128') has no counterpart"),
    (np.float32, "abcd", "dtype('<U4') has no counterpart"),
    (np.float32, [[1], [1, 2]], "are no array of numbers"),
    (np.float32, None, "hold Python objects"),
    (np.float32, [1, 2, 3], "array x has shape (4,); it cannot take values of shape (3,)"),
    (np.float32, 1, "array x has shape (4,); it cannot take values of shape ()"),
    (np.float32, np.zeros((4, 1)), "array x has shape (4,); it cannot take values of shape (4, 1)"),
]


@pytest.mark.parametrize(("dtype", "values", "words"), REFUSED_WRITES)
def test_values_that_an_array_cannot_hold_are_refused_and_change_nothing(
    bench: Bench, dtype: type, values: Any, words: str
) -> None:
    array = bench.machine.array(np.array([0, 1, 0, 1], dtype), name="x")
    with pytest.raises(BadInput) as caught:
        array.write(values)
    assert words in str(caught.value)
    np.testing.assert_array_equal(array.numpy(), np.array([0, 1, 0, 1], dtype))


TAKEN_WRITES = [
    (np.int32, [1, -2]),
    (np.uint32, [1, 2**32 - 1]),
    (np.uint64, np.array([1, 2**64 - 1], np.uint64)),
    (np.int8, np.array([True, False])),
    (np.float64, [1, 2.5]),
    (np.float32, [0.1, float("nan")]),
    (np.float16, np.array([1, np.inf])),
    (np.float32, np.arange(8.0).reshape(2, 4).T[1]),
]


@pytest.mark.parametrize(("dtype", "values"), TAKEN_WRITES)
def test_values_that_an_array_can_hold_are_taken(bench: Bench, dtype: type, values: Any) -> None:
    array = bench.machine.empty(2, dtype)
    array.write(values)
    np.testing.assert_array_equal(array.numpy(), np.asarray(values).astype(dtype))


@pytest.mark.parametrize(
    ("position", "value", "seen"),
    [
        (1, 2**32 - 1, struct.pack("<I", 2**32 - 1)),
        (1, -(2**31), struct.pack("<i", -(2**31))),
        (1, np.uint64(7), struct.pack("<I", 7)),
        (1, np.int8(-1), struct.pack("<i", -1)),
        (1, np.array(7), struct.pack("<I", 7)),
        (1, True, struct.pack("<I", 1)),
        (1, np.False_, struct.pack("<I", 0)),
        (1, b"abcd", b"abcd"),
        (2, -(2**31), struct.pack("<i", -(2**31))),
        (3, np.float32(1.5), struct.pack("<f", 1.5)),
        (3, np.int64(5), struct.pack("<I", 5)),
        (4, float("nan"), struct.pack("<f", float("nan"))),
        (4, float("-inf"), struct.pack("<f", float("-inf"))),
        (4, np.float64(0.1), struct.pack("<f", 0.1)),
        (4, np.array(0.5), struct.pack("<f", 0.5)),
        (4, np.int32(3), struct.pack("<f", 3)),
        (4, True, struct.pack("<f", 1)),
        (5, 10**300, struct.pack("<d", 10**300)),
        (6, bytes(8) + b"last", b"last"),
        (6, np.array([(0, 0, 9)], "i4,f4,u4")[0], struct.pack("<I", 9)),
    ],
)
def test_an_argument_that_fits_is_what_the_kernel_sees(bench: Bench, position: int, value: Any, seen: bytes) -> None:
    start = {1: 0, 2: 4, 3: 8, 4: 12, 5: 16, 6: 24}[position]
    assert bench.take(position, value)[start : start + len(seen)] == seen


@pytest.mark.parametrize(
    "options",
    [
        {"grid": (2, 1), "block": [1, 2, 1]},
        {"grid": np.int64(2), "block": np.array([2, 1])},
        {"grid": np.array(2), "block": range(1, 3)},
        {"budget": np.uint32(100), "shared_bytes": np.int16(16), "threads": np.int64(2)},
        {"budget": 2**64 - 1, "threads": 256},
        {"args": ()},
        {"cooperative": np.True_, "counters": False, "plain": np.bool_(False)},
        {"timing": None},
        {"timing": Timing(alu=0, dram=2**32 - 1, l1_bytes=np.int64(0), l2_bytes=2**30), "caches": True},
        {"kernel": np.str_("nothing")},
    ],
)
def test_valid_neighbours_of_refused_options_are_taken(bench: Bench, options: dict[str, Any]) -> None:
    assert bench.launch(**options).faults == ()


def test_an_empty_grid_is_a_fault_of_the_launch_and_no_error(bench: Bench) -> None:
    assert [fault.kind for fault in bench.launch(grid=0).faults] == ["invalid_launch"]


@pytest.mark.parametrize(
    ("shape", "made"), [(3, (3,)), (np.int64(3), (3,)), ((), ()), ([2, 3], (2, 3)), (np.array([2, 0]), (2, 0))]
)
def test_shapes_are_whole_numbers_or_sequences_of_them(bench: Bench, shape: Any, made: tuple[int, ...]) -> None:
    array = bench.machine.empty(shape, "f8", name="é")
    assert (array.shape, array.numpy().shape, array.nbytes) == (made, made, 8 * int(np.prod(made)))
    assert (array.name, array.dtype) == ("é", np.dtype(np.float64))


def test_values_of_any_shape_and_plain_dtype_go_to_the_device_and_back(bench: Bench) -> None:
    for values in (np.float16(2), np.bool_(True), np.arange(6).reshape(2, 3).T, np.zeros((0, 3), "u1"), [[1, 2]]):
        back = bench.machine.array(values).numpy()
        np.testing.assert_array_equal(back, values)
        assert back.dtype == np.asarray(values).dtype


def test_a_dtype_that_a_package_adds_to_numpy_is_taken(bench: Bench) -> None:
    # NumPy's own example of such a dtype; ml_dtypes adds bfloat16 in the same way.
    core = "core" if np.__version__.startswith("1.") else "_core"
    tests = importlib.import_module(f"numpy.{core}._rational_tests")
    values = np.array([tests.rational(1, 3), tests.rational(-2)], tests.rational)
    assert values.dtype.isbuiltin == 2
    np.testing.assert_array_equal(bench.machine.array(values).numpy(), values)


def test_text_with_half_of_a_surrogate_pair_is_no_ptx_and_names_the_line() -> None:
    with pytest.raises(PtxError, match="line 3 of the PTX: half of a surrogate pair") as caught:
        Module(".version 8.0\n.target sm_80\n\ud800")
    assert caught.value.line == 3


def test_values_that_are_refused_take_no_memory(bench: Bench) -> None:
    before = bench.machine.empty(1).address
    for values in ("text", [[1], [1, 2]]):
        with pytest.raises(BadInput):
            bench.machine.array(values)
    assert bench.machine.empty(1).address - before < 2048


def test_an_array_cannot_be_changed_behind_its_machine(bench: Bench) -> None:
    with pytest.raises(AttributeError):
        bench.out.address = 0
    with pytest.raises(AttributeError):
        bench.out.shape = (4, 2)
    assert isinstance(bench.out, Array) and bench.out != bench.machine.empty(8, np.uint32)


def test_a_report_is_read_back_from_its_text(bench: Bench) -> None:
    report = bench.launch()
    assert LaunchReport.from_json(report.json) == report


def test_packed_arguments_are_the_block_of_the_kernel(bench: Bench) -> None:
    kernel: Kernel = bench.machine.module.kernel("take")
    block = pack_arguments(kernel, (bench.out, 1, -1, 2, 0.5, 1, PAIR))
    assert len(block) == kernel.parameter_bytes
    assert block[:24] == struct.pack("<QIiIf", bench.out.address, 1, -1, 2, 0.5)
