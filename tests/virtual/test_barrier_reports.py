"""What is said about barriers: both sides of one that cannot be reached; remarks on those that open although the
program has no right to it, and on arrivals that nobody waits for.
"""

from __future__ import annotations

import numpy as np

from kernelevo.virtual import LaunchReport, Machine, Module

KERNEL = """
.version 7.8
.target sm_90
.address_size 64
.visible .entry meet(.param .u64 out) {{
  .reg .b32 %t, %w, %r<4>; .reg .pred %p, %q;
  mov.u32 %t, %tid.x;
  shr.u32 %w, %t, 5;
  setp.eq.u32 %p, %w, 0;
{body}
  ret;
}}
"""


def run(body: str, block: int = 64) -> LaunchReport:
    with Machine(Module(KERNEL.format(body=body)), memory_bytes=1 << 20) as machine:
        args = [machine.array(np.zeros(8, np.uint32))]
        return machine.launch("meet", grid=1, block=block, args=args, budget=10**5, max_faults=10)


def test_a_deadlock_tells_where_the_others_wait() -> None:
    report = run("@%p bra A; bar.sync 1; bra B; A: bar.sync 2; B:")
    (fault,) = report.faults
    assert fault.kind == "divergent_barrier" and fault.instruction == "bar.sync 2" and fault.thread == (0, 0, 0)
    (other,) = fault.others
    assert (other.access, other.instruction, other.thread) == ("waits", "bar.sync 1", (32, 0, 0))


def test_a_deadlock_tells_that_others_have_ended() -> None:
    (fault,) = run("@%p bra A; ret; A: bar.sync 1, 64;").faults
    assert fault.instruction == "bar.sync 1, 64"
    (other,) = fault.others
    assert (other.access, other.thread, other.instruction) == ("has ended", (32, 0, 0), "")


def test_lanes_of_one_warp_that_wait_elsewhere_are_named() -> None:
    body = "setp.lt.u32 %q, %t, 16; @%q bra A; bar.warp.sync 0xffffffff; bra B; A: bar.sync 0; B:"
    (fault,) = run(body, block=32).faults
    assert fault.kind == "divergent_barrier"
    assert [other.access for other in fault.others] == ["waits"]
    assert {fault.instruction, fault.others[0].instruction} == {"bar.sync 0", "bar.warp.sync 0xffffffff"}


def test_threads_that_returned_are_not_waited_for() -> None:
    """Since Volta a barrier without a count waits for the threads that have not ended."""
    report = run("@%p bra A; ret; A: bar.sync 0;")
    assert not report.faults and not report.remarks


def test_one_barrier_at_two_places_is_a_remark() -> None:
    report = run("@%p bra A; bar.sync 0; bra B; A: bar.sync 0; B:")
    assert not report.faults
    (remark,) = report.remarks
    assert remark.kind == "divergent_barrier" and "at different places" in remark.message
    assert [(other.access, other.thread) for other in remark.others] == [("waits", (32, 0, 0))]
    assert remark.others[0].ptx_line == remark.ptx_line


def test_two_places_with_one_count_are_how_warps_specialise() -> None:
    report = run("@%p bra A; bar.sync 1, 64; bra B; A: bar.arrive 1, 64; B: bar.sync 0;")
    assert not report.faults and not report.remarks


def test_different_counts_are_a_remark() -> None:
    report = run("@%p bra A; bar.sync 1, 64; bra B; A: bar.sync 1, 32; B:")
    (remark,) = report.remarks
    assert remark.message == "threads wait for one barrier with different thread counts"


def test_an_arrival_that_nobody_waits_for_is_a_remark() -> None:
    report = run("@!%p bra B; bar.arrive 3, 64; B:")
    assert not report.faults
    (remark,) = report.remarks
    assert remark.kind == "divergent_barrier" and remark.instruction == "bar.arrive 3, 64"
    assert "nobody waited" in remark.message


def test_a_barrier_counts_whole_warps() -> None:
    (fault,) = run("bar.sync 1, 48;").faults
    assert fault.kind == "trap" and "multiple of 32" in fault.message
