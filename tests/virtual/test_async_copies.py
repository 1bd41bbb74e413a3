"""cp.async: what is copied is there after the wait that covers it, and not before.

https://docs.nvidia.com/cuda/parallel-thread-execution/#data-movement-and-conversion-instructions-asynchronous-copy
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from staging import THREADS, Timing, new_words, old_words, run, snapshot

OLD, NEW = old_words(), new_words()
COPY = "  cp.async.cg.shared.global [%slot], [%from], 16;\n"
COMMIT, WAIT_ALL = "  cp.async.commit_group;\n", "  cp.async.wait_all;\n"
SPELLINGS = [
    "cp.async.ca.shared.global [%slot], [%from], 16;",
    "cp.async.ca.shared::cta.global [%slot], [%from], 16, 16;",
    "cp.async.cg.shared.global.L2::64B [%slot], [%from], 16;",
    "cp.async.cg.shared.global.L2::128B [%slot], [%from], 16;",
    "cp.async.cg.shared.global.L2::256B [%slot], [%from], 16, 16;",
    "{ .reg .b64 %policy; createpolicy.fractional.L2::evict_last.b64 %policy;"
    " cp.async.cg.shared.global.L2::cache_hint [%slot], [%from], 16, %policy; }",
    "{ .reg .b64 %wide; cvt.u64.u32 %wide, %slot; cp.async.cg.shared.global [%wide], [%from], 16; }",
]


def wait_group(count: int) -> str:
    return f"  cp.async.wait_group {count};\n"


@pytest.mark.parametrize("copy", SPELLINGS)
def test_a_copy_is_pending_until_it_is_waited_for(copy: str) -> None:
    got = run(f"  {copy}\n" + snapshot(0) + WAIT_ALL + snapshot(1), rows=2)
    np.testing.assert_array_equal(got.rows, [OLD, NEW])
    assert got.report.counts["async_copies_dropped"] == 0


@pytest.mark.parametrize("size", [4, 8, 16])
def test_a_copy_has_4_8_or_16_bytes(size: int) -> None:
    got = run(f"  cp.async.ca.shared.global [%slot], [%from], {size};\n" + WAIT_ALL + snapshot(0))
    words = size // 4
    np.testing.assert_array_equal(got.rows[0], np.hstack([NEW[:, :words], OLD[:, words:]]))


def test_a_copy_that_nobody_waits_for_is_dropped_with_its_block_and_counted() -> None:
    got = run(COPY + COMMIT + snapshot(0))
    np.testing.assert_array_equal(got.rows[0], OLD)
    assert got.report.counts["async_copies_dropped"] == THREADS
    guarded = run("  setp.lt.u32 %p0, %tid, 5;\n  @%p0" + COPY + COMMIT)
    assert guarded.report.counts["async_copies_dropped"] == 5


def test_a_barrier_does_not_wait_for_copies() -> None:
    got = run(COPY + COMMIT + "  bar.sync 0;\n" + snapshot(0))
    np.testing.assert_array_equal(got.rows[0], OLD)


def test_a_copy_that_no_group_holds_yet_is_not_waited_for_by_groups() -> None:
    got = run(COPY + wait_group(0) + snapshot(0) + COMMIT + wait_group(0) + snapshot(1), rows=2)
    np.testing.assert_array_equal(got.rows, [OLD, NEW])


def test_the_last_groups_may_stay_pending() -> None:
    words = [f"  cp.async.ca.shared.global [%slot+{4 * i}], [%from+{4 * i}], 4;\n" + COMMIT for i in range(4)]
    waits = [wait_group(left) + snapshot(row) for row, left in enumerate([9, 4, 3, 1, 0])]
    got = run("".join(words + waits), rows=5)
    for row, done in enumerate([0, 0, 1, 3, 4]):
        np.testing.assert_array_equal(got.rows[row], np.hstack([NEW[:, :done], OLD[:, done:]]))


def test_empty_groups_count() -> None:
    got = run(COPY + COMMIT + COMMIT + wait_group(2) + snapshot(0) + wait_group(1) + snapshot(1), rows=2)
    np.testing.assert_array_equal(got.rows, [OLD, NEW])


def test_groups_are_counted_thread_by_thread() -> None:
    # Threads below 7 commit a second, empty group: for them alone `wait_group 1` covers the copy.
    got = run(COPY + COMMIT + "  setp.lt.u32 %p0, %tid, 7;\n  @%p0" + COMMIT + wait_group(1) + snapshot(0))
    np.testing.assert_array_equal(got.rows[0], np.where(np.arange(THREADS)[:, None] < 7, NEW, OLD))


def test_only_the_threads_that_wait_have_their_copies() -> None:
    body = f"""
  setp.ge.u32 %p0, %tid, 20;
  {COPY}
  @%p0 bra SKIP;
  {WAIT_ALL}
SKIP:
"""
    got = run(body + snapshot(0) + COMMIT + wait_group(0) + snapshot(1), rows=2)
    np.testing.assert_array_equal(got.rows[0], np.where(np.arange(THREADS)[:, None] < 20, NEW, OLD))
    np.testing.assert_array_equal(got.rows[1], NEW)


def test_a_diverged_warp_copies_on_both_sides() -> None:
    body = f"""
  setp.ge.u32 %p0, %tid, 20;
  @%p0 bra HIGH;
  cp.async.ca.shared.global [%slot], [%from], 8;
  {COMMIT}
  bra.uni MEET;
HIGH:
  {COPY}
  {COMMIT}
  {COMMIT}
MEET:
"""
    got = run(body + wait_group(1) + snapshot(0) + wait_group(0) + snapshot(1), rows=2)
    low = np.arange(THREADS)[:, None] < 20
    np.testing.assert_array_equal(got.rows[0], np.where(low, OLD, NEW))
    np.testing.assert_array_equal(got.rows[1], np.where(low, np.hstack([NEW[:, :2], OLD[:, 2:]]), NEW))


def test_beyond_src_size_there_are_zeros() -> None:
    body = "  and.b32 %r0, %tid, 12;\n"
    got = run(body + "  cp.async.cg.shared.global [%slot], [%from], 16, %r0;\n" + WAIT_ALL + snapshot(0))
    read = np.arange(THREADS) % 16 // 4
    np.testing.assert_array_equal(got.rows[0], np.where(np.arange(4) < read[:, None], NEW, 0))


def test_bytes_beyond_src_size_are_not_read() -> None:
    # The source ends after 4 of the last thread's 16 bytes.
    head = "  setp.eq.u32 %p0, %tid, 31;\n  selp.b32 %r0, {size}, 16, %p0;\n"
    copy = "  cp.async.cg.shared.global [%slot], [%from], 16, %r0;\n" + WAIT_ALL + snapshot(0)
    words = 31 * 4 + 1
    good = run(head.format(size=4) + copy, source_words=words)
    np.testing.assert_array_equal(good.rows[0, 31], [NEW[31, 0], 0, 0, 0])
    bad = run(head.format(size=8) + copy, source_words=words, clean=False).fault
    assert (bad.kind, bad.space, bad.thread, bad.bytes) == ("out_of_bounds", "global", (31, 0, 0), 8)
    assert bad.allocation == "source"


def test_a_source_of_no_bytes_may_be_anywhere() -> None:
    got = run("  mov.u64 %rd0, 0;\n  cp.async.cg.shared.global [%slot], [%rd0], 16, 0;\n" + WAIT_ALL + snapshot(0))
    np.testing.assert_array_equal(got.rows[0], 0 * OLD)


def test_a_source_larger_than_the_copy_is_a_fault() -> None:
    fault = run("  cp.async.ca.shared.global [%slot], [%from], 4, 8;\n", clean=False).fault
    assert fault.kind == "trap"
    assert "larger than the copy" in fault.message


@pytest.mark.parametrize("ignored", [True, False])
def test_ignore_src_makes_zeros_of_the_source(ignored: bool) -> None:
    condition = "lt" if ignored else "ge"
    body = f"  setp.{condition}.u32 %p0, %tid, 9;\n  cp.async.cg.shared.global [%slot], [%from], 16, %p0;\n"
    got = run(body + snapshot(0) + WAIT_ALL + snapshot(1), rows=2)
    zero = (np.arange(THREADS)[:, None] < 9) == ignored
    np.testing.assert_array_equal(got.rows, [OLD, np.where(zero, 0, NEW)])


def test_a_copy_past_l1_has_16_bytes() -> None:
    fault = run("  cp.async.cg.shared.global [%slot], [%from], 8;\n", clean=False).fault
    assert fault.kind == "unsupported"


@pytest.mark.parametrize(
    ("copy", "kind", "space"),
    [
        ("[%slot+8192], [%from], 16", "out_of_bounds", "shared"),
        ("[%slot], [%from+16], 16", "out_of_bounds", "global"),
        ("[%slot+4], [%from], 16", "misaligned", "shared"),
        ("[%slot], [%from+8], 16", "misaligned", "global"),
    ],
)
def test_both_sides_are_checked_when_the_copy_is_issued(copy: str, kind: str, space: str) -> None:
    alone = "  setp.eq.u32 %p0, %tid, 31;\n"
    fault = run(alone + f"  @%p0 cp.async.ca.shared.global {copy};\n", clean=False).fault
    assert (fault.kind, fault.space, fault.thread) == (kind, space, (31, 0, 0))
    assert "cp.async.ca" in fault.instruction


def test_the_source_is_read_when_the_copy_is_carried_out() -> None:
    body = COPY + "  st.global.u32 [%from], %tid;\n" + WAIT_ALL + snapshot(0)
    np.testing.assert_array_equal(run(body).rows[0], np.hstack([np.arange(THREADS)[:, None], NEW[:, 1:]]))


def test_many_pending_copies_all_arrive() -> None:
    loop = """
  mov.u32 %r0, 0;
AGAIN:
  cp.async.ca.shared.global [%slot], [%from], 4;
  cp.async.commit_group;
  add.u32 %r0, %r0, 1;
  setp.lt.u32 %p0, %r0, {count};
  @%p0 bra AGAIN;
"""
    for count in (100, 5000):
        got = run(loop.format(count=count) + COPY + WAIT_ALL + snapshot(0))
        np.testing.assert_array_equal(got.rows[0], NEW)
        left = run(loop.format(count=count)).report.counts["async_copies_dropped"]
        assert left == THREADS * min(count, 4096)


def test_pending_bytes_are_uninitialised_until_they_arrive() -> None:
    use = "  ld.shared.u32 %r1, [%slot];\n  setp.ne.u32 %p1, %r1, 0;\n  @%p1 bra THERE;\nTHERE:\n"
    early = run(COPY + use, prefill=False, clean=False, track_uninitialised=True)
    assert early.fault.kind == "uninitialised_branch"
    run(COPY + WAIT_ALL + use, prefill=False, track_uninitialised=True)
    run(COPY + use, prefill=True, track_uninitialised=True)


def test_a_copy_of_uninitialised_bytes_is_uninitialised_and_its_zeros_are_not() -> None:
    use = "  ld.shared.u32 %r1, [%slot+{at}];\n  setp.ne.u32 %p1, %r1, 0;\n  @%p1 bra THERE;\nTHERE:\n"
    copy = "  cp.async.ca.shared.global [%slot], [%from], 16, 4;\n" + WAIT_ALL
    run(copy + use.format(at=8), write_source=False, track_uninitialised=True)
    fault = run(copy + use.format(at=0), write_source=False, track_uninitialised=True, clean=False).fault
    assert fault.kind == "uninitialised_branch"


def test_copies_are_counted_when_they_are_issued() -> None:
    waited, dropped = run(COPY + COMMIT + wait_group(0)).report, run(COPY + COMMIT).report
    for name in ("global_load_requests", "global_load_sectors", "global_load_bytes", "shared_store_wavefronts"):
        assert waited.counts[name] == dropped.counts[name]
    assert waited.counts["global_load_bytes"] == THREADS * 16
    assert waited.counts["warp.async_copy"] == 3


def test_a_wait_takes_until_its_copies_arrive() -> None:
    timing = Timing(dram=5000, l2_hit=700)

    def cycles(body: str) -> int:
        return run(body, caches=True, scoreboard=True, timing=timing).report.counts["chain_cycles_max"]

    assert cycles(COPY + COMMIT + wait_group(1)) < 5000
    assert cycles(COPY + COMMIT + wait_group(0)) > 5000
    assert cycles(COPY + WAIT_ALL) > 5000
    # Two copies in flight together wait once; one after the other they wait twice.
    other = "  cp.async.cg.shared.global [%slot], [%from+512], 16;\n"
    source = np.tile(NEW.reshape(-1), 4)
    together = run(COPY + other + WAIT_ALL, source=source, caches=True, scoreboard=True, timing=timing)
    in_turn = run(COPY + WAIT_ALL + other + WAIT_ALL, source=source, caches=True, scoreboard=True, timing=timing)
    assert together.report.counts["chain_cycles_max"] < 6000 < 10000 < in_turn.report.counts["chain_cycles_max"]


# --- against a model: any order of copies, commits and waits, each by any threads -------------------------------------

STEPS = st.lists(
    st.tuples(st.sampled_from(["copy", "commit", "wait", "all"]), st.integers(0, 3), st.integers(0, 2**THREADS - 1)),
    max_size=12,
)


class Model:
    """What each thread's 4 words hold, from the manual's sentences about groups."""

    def __init__(self) -> None:
        self.words = OLD.copy()
        self.groups: list[list[list[int]]] = [[[]] for _ in range(THREADS)]  # words copied; the last group is open

    def step(self, what: str, number: int, thread: int) -> None:
        groups = self.groups[thread]
        if what == "copy":
            groups[-1].append(number)
        elif what == "commit":
            groups.append([])
        else:
            done = len(groups) if what == "all" else max(len(groups) - 1 - number, 0)
            for group in groups[:done]:
                for word in group:
                    self.words[thread, word] = NEW[thread, word]
                group.clear()

    def pending(self) -> int:
        return sum(len(group) for groups in self.groups for group in groups)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_any_order_of_copies_and_waits_gives_what_the_groups_say(steps: list[tuple[str, int, int]]) -> None:
    text = {
        "copy": "cp.async.ca.shared.global [%slot+{at}], [%from+{at}], 4;",
        "commit": "cp.async.commit_group;",
        "wait": "cp.async.wait_group {number};",
        "all": "cp.async.wait_all;",
    }
    model, body = Model(), "  mov.u32 %r2, %lanemask_eq;\n"
    for what, number, mask in steps:
        body += f"  and.b32 %r1, %r2, {mask};\n  setp.ne.u32 %p0, %r1, 0;\n  @%p0 "
        body += text[what].format(at=4 * number, number=number) + "\n"
        for thread in range(THREADS):
            if mask >> thread & 1:
                model.step(what, number, thread)
    got = run(body + snapshot(0))
    np.testing.assert_array_equal(got.rows[0], model.words)
    assert got.report.counts["async_copies_dropped"] == model.pending()
