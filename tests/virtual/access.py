"""A kernel with one memory access whose lane pattern is given: what test_counts.py and the cache tests launch."""

from __future__ import annotations

import numpy as np

from kernelevo.virtual import Array, LaunchReport, Machine, Module

HEAD = ".version 8.0\n.target sm_80\n.address_size 64\n"


def global_kernel(access: str) -> str:
    """Thread t of a block executes `access` on [address], with address = base + offset[t]."""
    return (
        HEAD
        + f"""
.visible .entry access(.param .u64 base, .param .u64 offsets)
{{
  .reg .b32 %r<8>;
  .reg .b64 %rd<8>;
  .reg .b64 address;
  ld.param.u64 %rd1, [base];
  ld.param.u64 %rd2, [offsets];
  mov.u32 %r1, %tid.x;
  mad.wide.u32 %rd3, %r1, 4, %rd2;
  ld.global.u32 %r2, [%rd3];
  mov.u32 %r3, 0;
  mov.u32 %r4, 0;
  mov.u32 %r5, 0;
  mov.u32 %r6, 0;
  cvt.u64.u32 %rd4, %r2;
  add.s64 address, %rd1, %rd4;
  {access}
  ret;
}}
"""
    )


def shared_kernel(access: str) -> str:
    """Thread t executes `access` on [address], with address = start of 16 KiB of shared memory + offset[t]."""
    return (
        HEAD
        + f"""
.visible .entry access(.param .u64 offsets)
{{
  .reg .b32 %r<8>;
  .reg .b32 address;
  .reg .b64 %rd<4>;
  .shared .align 16 .b8 pool[16384];
  ld.param.u64 %rd2, [offsets];
  mov.u32 %r1, %tid.x;
  mad.wide.u32 %rd3, %r1, 4, %rd2;
  ld.global.u32 %r2, [%rd3];
  mov.u32 %r3, 0;
  mov.u32 %r4, 0;
  mov.u32 %r5, 0;
  mov.u32 %r6, 0;
  mov.u32 address, pool;
  add.u32 address, address, %r2;
  {access}
  ret;
}}
"""
    )


def launch_global(access: str, offsets: list[int], skew: int = 0, caches: bool = False) -> LaunchReport:
    with Machine(Module(global_kernel(access)), memory_bytes=1 << 24) as machine:
        data = machine.array(np.zeros(1 << 18, np.uint8), name="data", skew=skew)
        return _launch(machine, [data, _offsets(machine, offsets)], len(offsets), caches)


def launch_shared(access: str, offsets: list[int]) -> LaunchReport:
    with Machine(Module(shared_kernel(access)), memory_bytes=1 << 24) as machine:
        return _launch(machine, [_offsets(machine, offsets)], len(offsets))


def _offsets(machine: Machine, offsets: list[int]) -> Array:
    return machine.array(np.array(offsets, np.uint32), name="offsets")


def _launch(machine: Machine, args: list[Array], threads: int, caches: bool = False) -> LaunchReport:
    report = machine.launch("access", grid=1, block=threads, args=args, budget=10_000, caches=caches)
    assert report.faults == (), report.faults
    return report
