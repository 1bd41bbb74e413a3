"""mbarrier: phases end when every arrival and every byte is there, and a test says so; misuse is a fault.

Section "mbarrier" of https://docs.nvidia.com/cuda/parallel-thread-execution/. One warp: its lanes arrive in order, so
all arrivals of an instruction are there before the next. Waiting between warps: ptx/mbarrier_*.ptx.
"""

from __future__ import annotations

import numpy as np
import pytest
from staging import THREADS, Timing, new_words, note, old_words, run, snapshot

OLD, NEW = old_words(), new_words()
MOST = 2**20 - 1
COPY = "  cp.async.cg.shared.global [%slot], [%from], 16;\n"
LEADER = "  setp.eq.u32 %p7, %tid, 0;\n"
TRUE = np.ones(THREADS, np.uint32)


def init(count: int | str) -> str:
    return LEADER + f"  @%p7 mbarrier.init.shared.b64 [%bar], {count};\n  bar.sync 0;\n"


def ask_parity(parity: int, row: int, form: str = "mbarrier.test_wait.parity.shared.b64") -> str:
    return f"  {form} %p0, [%bar], {parity};\n  selp.u32 %r15, 1, 0, %p0;\n" + note(row, "%r15")


def arrive_alone(instruction: str) -> str:
    """One thread arrives."""
    return LEADER + f"  @%p7 {instruction}\n"


def answers(body: str, rows: int, **options: object) -> list[int]:
    """First word of thread 0 in each row; all threads must agree."""
    got = run(body, rows=rows, **options).rows[:, :, 0]  # type: ignore[arg-type]
    assert (got == got[:, :1]).all()
    return [int(word) for word in got[:, 0]]


ARRIVALS = [
    "mbarrier.arrive.shared.b64 %rd0, [%bar];",
    "mbarrier.arrive.shared::cta.b64 _, [%bar];",
    "mbarrier.arrive.release.cta.shared::cta.b64 %rd0, [%bar], 1;",
    "mbarrier.arrive.relaxed.cluster.shared::cta.b64 %rd0, [%bar], 1;",
    "mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%bar], 1;",
    "{ .reg .b64 %w; cvt.u64.u32 %w, %bar; cvta.shared.u64 %w, %w; mbarrier.arrive.b64 %rd0, [%w]; }",
    "{ .reg .b64 %w; cvt.u64.u32 %w, %bar; mbarrier.arrive.shared.b64 %rd0, [%w]; }",
]


@pytest.mark.parametrize("arrive", ARRIVALS)
def test_a_phase_ends_when_all_have_arrived(arrive: str) -> None:
    almost = "  setp.ne.u32 %p1, %tid, 9;\n  @!%p1 bra LAST;\n  " + arrive + "\nLAST:\n"
    last = "  @%p1 bra DONE;\n  " + arrive + "\nDONE:\n"
    body = init(THREADS) + ask_parity(0, 0) + almost + ask_parity(0, 1) + last + ask_parity(0, 2)
    assert answers(body, 3) == [0, 0, 1]


TESTS = [
    "mbarrier.test_wait.parity.shared.b64",
    "mbarrier.test_wait.parity.acquire.cta.shared::cta.b64",
    "mbarrier.test_wait.parity.relaxed.cluster.shared::cta.b64",
    "mbarrier.try_wait.parity.shared::cta.b64",
    "mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64",
]


@pytest.mark.parametrize("form", TESTS)
def test_the_parity_names_the_current_phase_or_the_one_before(form: str) -> None:
    arrive = "  mbarrier.arrive.shared.b64 _, [%bar];\n"
    tests = "".join(ask_parity(0, row, form) + ask_parity(1, row + 1, form) + arrive for row in (0, 2, 4))
    assert answers(init(THREADS) + tests, 6) == [0, 1, 1, 0, 0, 1]


@pytest.mark.parametrize(
    "form", ["test_wait.shared.b64", "test_wait.acquire.cta.shared::cta.b64", "try_wait.shared.b64"]
)
def test_the_state_of_an_arrival_names_its_phase(form: str) -> None:
    test = f"  mbarrier.{form} %p0, [%bar], %rd0;\n  selp.u32 %r15, 1, 0, %p0;\n"
    # The first 31 lanes' arrivals leave the phase open; lane 31 ends it: only then is it complete for all of them.
    body = init(THREADS) + "  setp.lt.u32 %p1, %tid, 31;\n  @%p1 mbarrier.arrive.shared.b64 %rd0, [%bar];\n"
    body += "  @%p1 " + test.lstrip() + note(0, "%r15")
    body += "  @!%p1 mbarrier.arrive.shared.b64 %rd0, [%bar];\n" + test + note(1, "%r15")
    rows = run(body, rows=2).rows[:, :, 0]
    np.testing.assert_array_equal(rows[0][:31], 0 * TRUE[:31])
    np.testing.assert_array_equal(rows[1], TRUE)


@pytest.mark.parametrize("hint", ["%r1", "0x989680"])
def test_a_try_may_name_how_long_it_suspends(hint: str) -> None:
    body = init(1) + "  mov.u32 %r1, 1000;\n" + arrive_alone("mbarrier.arrive.shared.b64 _, [%bar];")
    body += f"  mbarrier.try_wait.parity.shared.b64 %p0, [%bar], 0, {hint};\n  selp.u32 %r0, 1, 0, %p0;\n" + note(
        0, "%r0"
    )
    assert answers(body, 1) == [1]


def test_an_arrival_counts_as_many_as_it_says() -> None:
    body = init(10) + arrive_alone("mbarrier.arrive.shared.b64 %rd0, [%bar], 7;") + ask_parity(0, 0)
    body += arrive_alone("mbarrier.arrive.shared.b64 %rd0, [%bar], 3;") + ask_parity(0, 1)
    assert answers(body, 2) == [0, 1]


def test_the_pending_count_of_a_state_is_what_was_missing_before_the_arrival() -> None:
    body = (
        init(40)
        + "  mbarrier.arrive.shared.b64 %rd0, [%bar];\n  mbarrier.pending_count.b64 %r0, %rd0;\n"
        + note(0, "%r0")
    )
    np.testing.assert_array_equal(run(body).rows[0, :, 0], 40 - np.arange(THREADS))


def test_the_largest_count_is_2_to_the_20_less_1() -> None:
    body = init(MOST) + arrive_alone(f"mbarrier.arrive.shared.b64 _, [%bar], {MOST - 1};") + ask_parity(0, 0)
    assert answers(body + arrive_alone("mbarrier.arrive.shared.b64 _, [%bar];") + ask_parity(0, 1), 2) == [0, 1]
    for count in (0, MOST + 1):
        assert "1 to 2^20 - 1" in run(init(count), clean=False).fault.message


def test_an_arrival_that_drops_leaves_later_phases_too() -> None:
    # 3 are expected; one arrives and leaves: the first phase needs two more, the next two in all.
    drop = arrive_alone("mbarrier.arrive_drop.release.cta.shared::cta.b64 %rd0, [%bar];")
    two = arrive_alone("mbarrier.arrive.shared.b64 _, [%bar], 2;")
    body = init(3) + drop + ask_parity(0, 0) + two + ask_parity(0, 1) + two + ask_parity(1, 2)
    assert answers(body, 3) == [0, 1, 1]
    kept = init(3) + arrive_alone("mbarrier.arrive.shared.b64 _, [%bar];") + two + two + ask_parity(1, 0)
    assert answers(kept, 1) == [0]


def test_bytes_are_expected_and_completed() -> None:
    expect = arrive_alone("mbarrier.arrive.expect_tx.release.cta.shared::cta.b64 %rd0, [%bar], 96;")
    first = arrive_alone("mbarrier.complete_tx.relaxed.cta.shared::cta.b64 [%bar], 64;")
    rest = arrive_alone("mbarrier.complete_tx.shared::cluster.b64 [%bar], 32;")
    body = init(1) + expect + ask_parity(0, 0) + first + ask_parity(0, 1) + rest + ask_parity(0, 2)
    assert answers(body, 3) == [0, 0, 1]
    # Bytes may arrive before they are expected, and the thread that expects them need not arrive.
    more = arrive_alone("mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [%bar], 64;")
    body = init(1) + first + more + ask_parity(0, 0) + arrive_alone("mbarrier.arrive.shared.b64 _, [%bar];")
    assert answers(body + ask_parity(0, 1), 2) == [0, 1]
    drop = arrive_alone("mbarrier.arrive_drop.expect_tx.relaxed.cta.shared::cta.b64 _, [%bar], 64;")
    body = init(2) + arrive_alone("mbarrier.arrive.shared.b64 _, [%bar];") + drop + ask_parity(0, 0) + first
    again = arrive_alone("mbarrier.arrive.shared.b64 _, [%bar];")
    assert answers(body + ask_parity(0, 1) + again + ask_parity(1, 2), 3) == [0, 1, 1]


def test_no_complete_must_not_end_the_phase() -> None:
    for form in ("arrive", "arrive_drop"):
        one = arrive_alone(f"mbarrier.{form}.noComplete.shared.b64 %rd0, [%bar], 1;")
        last = arrive_alone("mbarrier.arrive.shared.b64 _, [%bar];")
        assert answers(init(2) + one + ask_parity(0, 0) + last + ask_parity(0, 1), 2) == [0, 1]
        fault = run(init(1) + one, clean=False).fault
        assert (fault.kind, "noComplete" in fault.message) == ("trap", True)
        released = one.replace(".shared", ".release.cta.shared::cta")
        assert answers(init(2) + released + ask_parity(0, 0), 1) == [0]


MISUSE = {
    "an arrival at what is no barrier": ("mbarrier.arrive.shared.b64 _, [%bar+8];", "not initialised"),
    "a test of what is no barrier": ("mbarrier.test_wait.parity.shared.b64 %p0, [%bar+8], 0;", "not initialised"),
    "invalidating what is no barrier": ("mbarrier.inval.shared.b64 [%bar+8];", "not initialised"),
    "more arrivals than expected": ("mbarrier.arrive.shared.b64 _, [%bar], 5;", "more threads arrive"),
    "an arrival of nobody": ("mbarrier.arrive.shared.b64 _, [%bar], 0;", "none does"),
    "too many bytes": ("mbarrier.expect_tx.shared.b64 [%bar], 0x100000;", "tx-count"),
    "an address beside the barrier": ("mbarrier.arrive.shared.b64 _, [%bar+4];", "multiple of the access size"),
    "an address outside": ("mbarrier.arrive.shared.b64 _, [%bar+8192];", "outside every allocation"),
    "a generic address in global memory": ("mbarrier.arrive.b64 _, [%out];", "outside every allocation"),
}


@pytest.mark.parametrize(("instruction", "says"), MISUSE.values(), ids=MISUSE)
@pytest.mark.parametrize("track", [False, True])
def test_misuse_is_a_fault(instruction: str, says: str, track: bool) -> None:
    fault = run(init(4) + arrive_alone(instruction), clean=False, track_uninitialised=track).fault
    assert says in fault.message
    assert fault.instruction.split()[-2:] == instruction.rstrip(";").split()[-2:] or fault.thread == (0, 0, 0)


def test_an_invalidated_barrier_is_memory_again() -> None:
    inval = arrive_alone("mbarrier.inval.shared::cta.b64 [%bar];")
    late = run(init(1) + inval + arrive_alone("mbarrier.arrive.shared.b64 _, [%bar];"), clean=False)
    assert "not initialised" in late.fault.message
    again = init(2) + inval + init(1) + "  fence.mbarrier_init.release.cluster;\n"
    assert answers(again + arrive_alone("mbarrier.arrive.shared.b64 _, [%bar];") + ask_parity(0, 0), 1) == [1]


# --- copies that arrive by themselves ---------------------------------------------------------------------------------

COPIES_ARRIVE = "  cp.async.mbarrier.arrive.shared.b64 [%bar];\n"
COPIES_ARRIVE_NOINC = "  cp.async.mbarrier.arrive.noinc.shared::cta.b64 [%bar];\n"


@pytest.mark.parametrize("noinc", [False, True])
def test_copies_are_there_when_the_barrier_says_so_and_not_before(noinc: bool) -> None:
    arrive = COPIES_ARRIVE_NOINC if noinc else COPIES_ARRIVE + "  mbarrier.arrive.shared.b64 _, [%bar];\n"
    body = init(THREADS) + COPY + arrive + snapshot(0) + ask_parity(0, 1) + snapshot(2)
    for track in (False, True):
        got = run(body, rows=3, track_uninitialised=track)
        np.testing.assert_array_equal(got.rows[[0, 2]], [OLD, NEW])
        np.testing.assert_array_equal(got.rows[1, :, 0], TRUE)
    untested = run(init(THREADS) + COPY + arrive + snapshot(0))
    np.testing.assert_array_equal(untested.rows[0], OLD)
    assert untested.report.counts["async_copies_dropped"] == THREADS


def test_the_arrival_of_copies_alone_changes_no_count() -> None:
    # Without .noinc it is expected in addition: the 32 arrivals of the threads are still missing.
    assert answers(init(THREADS) + COPY + COPIES_ARRIVE + ask_parity(0, 0), 1) == [0]


def test_only_copies_before_the_arrival_are_waited_for() -> None:
    late = "  cp.async.ca.shared.global [%slot+8], [%from+8], 8;\n"
    early = "  cp.async.ca.shared.global [%slot], [%from], 8;\n"
    body = init(THREADS) + early + COPIES_ARRIVE_NOINC + late + ask_parity(0, 0) + snapshot(1)
    got = run(body, rows=2)
    np.testing.assert_array_equal(got.rows[1], np.hstack([NEW[:, :2], OLD[:, 2:]]))
    assert got.report.counts["async_copies_dropped"] == THREADS


def test_a_test_of_another_barrier_brings_no_copies() -> None:
    other = LEADER + "  @%p7 mbarrier.init.shared.b64 [%bar+8], 32;\n"
    other_test = "  mbarrier.test_wait.parity.shared.b64 %p0, [%bar+8], 1;\n"
    got = run(init(THREADS) + other + COPY + COPIES_ARRIVE_NOINC + other_test + snapshot(0))
    np.testing.assert_array_equal(got.rows[0], OLD)


def test_an_own_wait_brings_copies_before_the_barrier_is_tested() -> None:
    body = init(THREADS) + COPY + COPIES_ARRIVE_NOINC + "  cp.async.wait_all;\n" + snapshot(0) + ask_parity(0, 1)
    got = run(body, rows=2)
    np.testing.assert_array_equal(got.rows[0], NEW)
    np.testing.assert_array_equal(got.rows[1, :, 0], TRUE)


def test_a_successful_test_takes_until_the_copies_arrive() -> None:
    timing = Timing(dram=5000)

    def cycles(test: str) -> int:
        body = init(THREADS) + COPY + COPIES_ARRIVE_NOINC + test
        return run(body, rows=2, caches=True, scoreboard=True, timing=timing).report.counts["chain_cycles_max"]

    assert cycles("") < 5000 < cycles(ask_parity(0, 0))
    assert cycles(ask_parity(1, 0)) < 5000  # the phase before was complete from the start


def test_barriers_are_counted_as_atomics_of_shared_memory() -> None:
    body = init(THREADS) + "  mbarrier.arrive.shared.b64 _, [%bar];\n" + ask_parity(0, 0)
    counts = run(body).report.counts
    assert (counts["warp.shared_atomic"], counts["shared_atomic_requests"], counts["barriers"]) == (2, 2, 1)
