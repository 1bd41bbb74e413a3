"""cp.async.bulk: ranges that one thread copies in the background, and what says that they are there.

https://docs.nvidia.com/cuda/parallel-thread-execution/#data-movement-and-conversion-instructions-bulk-copy
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from staging import THREADS, Timing, Words, new_words, note, old_words, run, snapshot

OLD, NEW = old_words(), new_words()
ALL_BYTES = THREADS * 16
LEADER = "  setp.eq.u32 %p7, %tid, 0;\n"
INIT = LEADER + "  @%p7 mbarrier.init.shared.b64 [%bar], 1;\n  fence.proxy.async;\n  bar.sync 0;\n"
EXPECT = f"  @%p7 mbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, [%bar], {ALL_BYTES};\n"
TEST = "  mbarrier.try_wait.parity.shared::cta.b64 %p0, [%bar], 0;\n  selp.u32 %r15, 1, 0, %p0;\n"
LOAD = "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%slot], [%from], {size}, [%bar];\n"
STORE = "cp.async.bulk.global.shared::cta.bulk_group [%from], [%slot], {size};\n"
COMMIT = "  cp.async.bulk.commit_group;\n"
WAIT = "  cp.async.bulk.wait_group 0;\n"
LOADS = {
    "to shared::cluster": LOAD.format(size=ALL_BYTES),
    "to shared::cta": LOAD.format(size=ALL_BYTES).replace("shared::cluster", "shared::cta"),
    "with a cache policy": "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.L2::cache_hint"
    f" [%slot], [%from], {ALL_BYTES}, [%bar], %rd9;\n",
    "with 64-bit addresses": "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes"
    f" [%rd1], [%from], {ALL_BYTES}, [%rd2];\n",
    "at offsets": "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes"
    f" [%r1+16], [%rd3+32], {ALL_BYTES}, [%r2+8];\n",
}
SPELLINGS = """
  cvt.u64.u32 %rd1, %slot;
  cvt.u64.u32 %rd2, %bar;
  sub.s64 %rd3, %from, 32;
  sub.u32 %r1, %slot, 16;
  sub.u32 %r2, %bar, 8;
  mov.u64 %rd9, 0;
"""


@pytest.mark.parametrize("load", LOADS.values(), ids=LOADS)
@pytest.mark.parametrize("track", [False, True])
def test_a_load_is_there_when_its_barrier_says_so_and_not_before(load: str, track: bool) -> None:
    body = INIT + SPELLINGS + "  @%p7 " + load + EXPECT + snapshot(0) + TEST + note(1, "%r15") + snapshot(2)
    got = run(body, rows=3, track_uninitialised=track)
    np.testing.assert_array_equal(got.rows[[0, 2]], [OLD, NEW])
    np.testing.assert_array_equal(got.rows[1, :, 0], 1)
    assert got.report.counts["async_copies_dropped"] == 0


def test_a_load_that_nobody_tests_for_is_dropped_and_counted() -> None:
    got = run(INIT + "  @%p7 " + LOAD.format(size=ALL_BYTES) + EXPECT + "  bar.sync 0;\n" + snapshot(0))
    np.testing.assert_array_equal(got.rows[0], OLD)
    assert got.report.counts["async_copies_dropped"] == 1
    ended = run(INIT + "  @%p7 " + LOAD.format(size=16) + "  @%p7 mbarrier.inval.shared.b64 [%bar];\n")
    assert ended.report.counts["async_copies_dropped"] == 1


def test_a_phase_needs_as_many_bytes_as_were_expected() -> None:
    half = "  @%p7 " + LOAD.format(size=ALL_BYTES // 2)
    body = INIT + half + EXPECT + TEST + note(0, "%r15") + snapshot(1)
    got = run(body, rows=2)
    assert (got.rows[0, :, 0] == 0).all()
    np.testing.assert_array_equal(got.rows[1], np.where(np.arange(THREADS)[:, None] < THREADS // 2, NEW, OLD))


def test_every_thread_copies_a_range_of_its_own() -> None:
    got = run(INIT + EXPECT + "  " + LOAD.format(size=16) + snapshot(0) + TEST + snapshot(1), rows=2)
    np.testing.assert_array_equal(got.rows, [OLD, NEW])


def test_a_range_is_copied_within_shared_memory() -> None:
    copy = "cp.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes [%slot], [%slot+256], 256, [%bar];\n"
    expect = EXPECT.replace(str(ALL_BYTES), "256")
    got = run(INIT + "  @%p7 " + copy + expect + snapshot(0) + TEST + snapshot(1), rows=2)
    np.testing.assert_array_equal(got.rows, [OLD, np.vstack([OLD[16:], OLD[16:]])])


# --- stores -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wait", [WAIT, "  cp.async.bulk.wait_group.read 0;\n"])
@pytest.mark.parametrize("hint", [False, True])
def test_a_store_is_carried_out_when_its_group_is_waited_for(wait: str, hint: bool) -> None:
    store = STORE.format(size=ALL_BYTES)
    if hint:
        store = "{ .reg .b64 %w; mov.u64 %w, 0; " + store.replace("bulk_group", "bulk_group.L2::cache_hint").replace(
            ";", ", %w; }"
        )
    body = LEADER + "  @%p7 bra STORE;\n  bra DONE;\nSTORE:\n  " + store + COMMIT
    assert (run(body + "DONE:\n").source.reshape(NEW.shape) == NEW).all()
    got = run(body + wait + "DONE:\n")
    np.testing.assert_array_equal(got.source.reshape(NEW.shape), OLD)
    assert got.report.counts["async_copies_dropped"] == 0
    assert run(body + "DONE:\n").report.counts["async_copies_dropped"] == 1


def test_stores_without_a_commit_are_in_no_group_that_is_waited_for() -> None:
    got = run("  " + STORE.format(size=16) + WAIT)
    np.testing.assert_array_equal(got.source.reshape(NEW.shape), NEW)


def test_the_last_groups_of_stores_may_stay_pending() -> None:
    first, second = STORE.format(size=16), STORE.format(size=16).replace("[%from]", "[%rd0]")
    body = f"  add.s64 %rd0, %from, {ALL_BYTES};\n  " + first + COMMIT + "  " + second + COMMIT
    source = np.vstack([NEW, NEW])
    got = run(body + "  cp.async.bulk.wait_group 1;\n", source=source)
    np.testing.assert_array_equal(got.source.reshape(source.shape), np.vstack([OLD, NEW]))
    got = run(body + "  cp.async.bulk.wait_group 0;\n", source=source)
    np.testing.assert_array_equal(got.source.reshape(source.shape), np.vstack([OLD, OLD]))


def test_groups_of_stores_and_of_small_copies_are_apart() -> None:
    body = "  " + STORE.format(size=16) + "  cp.async.commit_group;\n" + WAIT + "  cp.async.wait_all;\n"
    np.testing.assert_array_equal(run(body).source.reshape(NEW.shape), NEW)
    body = "  cp.async.cg.shared.global [%slot], [%from], 16;\n" + COMMIT + "  cp.async.wait_group 0;\n" + WAIT
    np.testing.assert_array_equal(run(body + snapshot(0)).rows[0], OLD)


def test_a_store_reads_shared_memory_when_it_is_carried_out() -> None:
    body = "  " + STORE.format(size=16) + COMMIT + "  st.shared.u32 [%slot], 5;\n" + WAIT
    np.testing.assert_array_equal(run(body).source.reshape(NEW.shape)[:, 0], 5)


# --- reductions -------------------------------------------------------------------------------------------------------


def reduce_words(operation: str, source: Words) -> Words:
    """The source after a reduction of OLD words into it."""
    form = f"cp.reduce.async.bulk.global.shared::cta.bulk_group.{operation} [%from], [%slot], 16;\n"
    got = run("  " + form + COMMIT + WAIT, source=source)
    assert (run("  " + form + COMMIT, source=source).source == source.reshape(-1)).all()
    return got.source.reshape(OLD.shape)


def edge_words() -> Words:
    words = np.random.default_rng(5).integers(0, 2**32, OLD.shape, dtype=np.uint32)
    words[0] = [0, 1, 2**31, 2**32 - 1]
    words[1] = [2**31 - 1, 6, 5, 4]
    return words


INTEGER_FOLDS = {
    "and.b32": np.bitwise_and,
    "or.b32": np.bitwise_or,
    "xor.b32": np.bitwise_xor,
    "add.u32": np.add,
    "add.s32": np.add,
    "min.u32": np.minimum,
    "max.u32": np.maximum,
    "min.s32": np.minimum,
    "max.s32": np.maximum,
    "and.b64": np.bitwise_and,
    "or.b64": np.bitwise_or,
    "xor.b64": np.bitwise_xor,
    "add.u64": np.add,
    "min.u64": np.minimum,
    "max.u64": np.maximum,
    "min.s64": np.minimum,
    "max.s64": np.maximum,
    "inc.u32": lambda old, value: np.where(old >= value, 0, old + 1),
    "dec.u32": lambda old, value: np.where((old == 0) | (old > value), value, old - 1),
}


@pytest.mark.parametrize("operation", INTEGER_FOLDS)
def test_a_range_is_folded_into_global_memory(operation: str) -> None:
    kind = operation.split(".")[1]
    dtype = np.dtype({"u": "uint", "s": "int", "b": "uint"}[kind[0]] + kind[1:])
    source = edge_words()
    want = INTEGER_FOLDS[operation](source.view(dtype), OLD.view(dtype)).astype(dtype).view(np.uint32)
    np.testing.assert_array_equal(reduce_words(operation, source), want)


def reduce_floats(
    operation: str, dtype: type, values: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], Words]:
    """`values` folded with the bits of OLD words, and those bits as numbers."""
    source = values.astype(dtype).view(np.uint32).reshape(OLD.shape)
    return reduce_words(operation, source).view(dtype).astype(np.float64), source


@pytest.mark.parametrize(("name", "dtype"), [("f32", np.float32), ("f64", np.float64)])
def test_floats_are_added_with_one_rounding(name: str, dtype: type) -> None:
    count = OLD.nbytes // np.dtype(dtype).itemsize
    values = np.linspace(-3, 3, count)
    got, source = reduce_floats(f"add.{name}", dtype, values)
    want = (source.view(dtype) + OLD.view(dtype)).astype(np.float64)  # OLD's bits are tiny numbers
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("operation", ["add.noftz.f16", "min.f16", "max.f16"])
def test_halves_are_folded(operation: str) -> None:
    values = np.linspace(-1e-5, 1e-5, OLD.size * 2)
    got, source = reduce_floats(operation, np.float16, values)
    fold = {"add": np.add, "min": np.minimum, "max": np.maximum}[operation[:3]]
    np.testing.assert_array_equal(got, fold(source.view(np.float16), OLD.view(np.float16)).astype(np.float64))


@pytest.mark.parametrize("operation", ["add.noftz.bf16", "min.bf16", "max.bf16"])
def test_bfloats_are_folded(operation: str) -> None:
    halves = (np.linspace(-4, 4, OLD.size * 2).astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
    got = reduce_words(operation, halves.view(np.uint32).reshape(OLD.shape)).view(np.uint16).reshape(-1)
    fold = {"add": np.add, "min": np.minimum, "max": np.maximum}[operation[:3]]
    # OLD's bits are tiny: the sum rounds in float32 as it rounds in bf16.
    want = fold(widen_bfloats(halves), widen_bfloats(OLD.view(np.uint16).reshape(-1))).view(np.uint32)
    np.testing.assert_array_equal(got, (want + 0x7FFF + (want >> 16 & 1)) >> 16)


def widen_bfloats(bits: npt.NDArray[np.uint16]) -> npt.NDArray[np.float32]:
    return (bits.astype(np.uint32) << 16).view(np.float32)


# --- checks and counts ------------------------------------------------------------------------------------------------

CHECKS = {
    "a size that is no multiple of 16": ("[%slot], [%from], 24, [%bar]", "trap", "multiple of 16"),
    "a destination off 16 bytes": ("[%slot+8], [%from], 16, [%bar]", "misaligned", "shared"),
    "a source off 16 bytes": ("[%slot], [%from+8], 16, [%bar]", "misaligned", "global"),
    "a destination that is too small": ("[%slot], [%from], 2048, [%bar]", "out_of_bounds", "2048 bytes"),
    "a source that is too small": ("[%slot], [%from+16], 512, [%bar]", "out_of_bounds", "'source'"),
    "a barrier off 8 bytes": ("[%slot], [%from], 16, [%bar+4]", "misaligned", "shared"),
    "a barrier outside": ("[%slot], [%from], 16, [%bar+4096]", "out_of_bounds", "shared"),
    "what is no barrier": ("[%slot], [%from], 16, [%bar+8]", "trap", "not initialised"),
}


@pytest.mark.parametrize(("operands", "kind", "says"), CHECKS.values(), ids=CHECKS)
def test_a_copy_is_checked_when_it_is_issued(operands: str, kind: str, says: str) -> None:
    source = np.tile(NEW, (4, 1)) if "2048" in operands else None
    load = f"  @%p7 cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes {operands};\n"
    fault = run(INIT + load, clean=False, source=source).fault
    assert fault.kind == kind
    assert says in fault.message


def test_a_store_is_checked_when_it_is_issued() -> None:
    fault = run(LEADER + "  @%p7 " + STORE.format(size=1024), clean=False).fault
    assert (fault.kind, fault.space) == ("out_of_bounds", "shared")
    fault = run(LEADER + "  @%p7 " + STORE.format(size=512).replace("%from]", "%from+16]"), clean=False).fault
    assert (fault.kind, fault.space) == ("out_of_bounds", "global")


def test_loaded_bytes_are_as_initialised_as_their_source() -> None:
    use = "  ld.shared.u32 %r1, [%slot];\n  setp.ne.u32 %p1, %r1, 0;\n  @%p1 bra THERE;\nTHERE:\n"
    load = INIT + "  @%p7 " + LOAD.format(size=ALL_BYTES) + EXPECT
    run(load + TEST + use, prefill=False, track_uninitialised=True)
    for body, written in ((load + use, True), (load + TEST + use, False)):
        got = run(body, prefill=False, write_source=written, track_uninitialised=True, clean=False)
        assert got.fault.kind == "uninitialised_branch"


def test_an_uninitialised_size_is_found() -> None:
    load = "  @%p7 " + LOAD.format(size="%r14")
    fault = run(INIT + load, track_uninitialised=True, clean=False).fault
    assert fault.kind == "uninitialised_address"


def test_bulk_copies_are_counted_by_their_bytes() -> None:
    report = run(INIT + "  @%p7 " + LOAD.format(size=ALL_BYTES) + EXPECT + TEST, lines=True).report
    counts = report.counts
    assert (counts["global_load_requests"], counts["global_load_sectors"]) == (1, ALL_BYTES // 32)
    assert counts["global_load_bytes"] == ALL_BYTES
    # The kernel's own 32 stores of 16 bytes come first: 4 wavefronts.
    assert (counts["shared_store_wavefronts"], counts["divergent_branches"]) == (4 + ALL_BYTES // 128 + 1, 0)
    assert all(line.divergent == 0 for line in report.lines)
    stored = run(LEADER + "  @%p7 " + STORE.format(size=ALL_BYTES)).report.counts
    assert (stored["global_store_requests"], stored["global_store_sectors"]) == (1, ALL_BYTES // 32)
    assert (stored["global_store_bytes"], stored["shared_load_wavefronts"]) == (ALL_BYTES, ALL_BYTES // 128)
    form = "cp.reduce.async.bulk.global.shared::cta.bulk_group.add.u64 [%from], [%slot], 512;\n"
    folded = run(LEADER + "  @%p7 " + form).report.counts
    assert (folded["global_atomic_sectors"], folded["global_atomic_lanes"]) == (ALL_BYTES // 32, ALL_BYTES // 8)


def test_a_successful_test_takes_until_the_load_arrives() -> None:
    body = INIT + "  @%p7 " + LOAD.format(size=ALL_BYTES) + EXPECT
    options = {"caches": True, "scoreboard": True, "timing": Timing(dram=5000)}
    early, late = run(body, **options).report, run(body + TEST, **options).report
    assert early.counts["chain_cycles_max"] < 5000 < late.counts["chain_cycles_max"] < 6000
    assert late.counts["l1_miss_sectors"] == ALL_BYTES // 32


def test_prefetches_and_fences_change_nothing() -> None:
    body = """
  cp.async.bulk.prefetch.L2.global [%from], 16;
  fence.proxy.async.shared::cta;
  fence.proxy.async.global;
  fence.mbarrier_init.release.cluster;
"""
    got = run(body + snapshot(0))
    np.testing.assert_array_equal(got.rows[0], OLD)
    np.testing.assert_array_equal(got.source.reshape(NEW.shape), NEW)


def test_addresses_of_the_own_block_map_to_themselves() -> None:
    body = """
  mapa.shared::cluster.u32 %r0, %slot, 0;
  sub.u32 %r0, %r0, %slot;
  getctarank.shared::cluster.u32 %r1, %slot;
  cvt.u64.u32 %rd0, %slot;
  cvta.shared.u64 %rd0, %rd0;
  mapa.u64 %rd1, %rd0, 0;
  sub.s64 %rd1, %rd1, %rd0;
  cvt.u32.u64 %r2, %rd1;
  getctarank.u64 %r3, %rd0;
  or.b32 %r0, %r0, %r1;
  or.b32 %r0, %r0, %r2;
  or.b32 %r0, %r0, %r3;
"""
    assert (run(body + note(0, "%r0")).rows[0, :, 0] == 0).all()
    for mapa in ("mapa.shared::cluster.u32 %r0, %slot, 1;", "mapa.u64 %rd0, %rd1, %tid;"):
        fault = run("  mov.u64 %rd1, 0;\n  " + mapa, clean=False).fault
        assert (fault.kind, "rank 0" in fault.message) == ("trap", True)
