"""What each kind of finding means, in words: its title, why it is an error, and what usually fixes it.

The kinds are those of vgpu::FaultKind (sandbox/vgpu/machine.h); docs/sanitizers.md explains each with an example.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """`title` starts a report, `meaning` and `fix` are a sentence each."""

    title: str
    meaning: str
    fix: str


KINDS: Mapping[str, Kind] = {
    "out_of_bounds": Kind(
        "Access out of bounds",
        "An address lies outside every allocation of its memory space.",
        "Guard the access with the array's length (`if (i < n)`), and look at the last block and at tails of vectors.",
    ),
    "misaligned": Kind(
        "Misaligned access",
        "An address is not a multiple of the size of the access, which a GPU refuses.",
        "Use vector types (float4) only where pointer and offset are multiples of their size.",
    ),
    "uninitialised_address": Kind(
        "Address from an uninitialised value",
        "A value that nobody wrote decides which address is accessed.",
        "Write the index or pointer on every path before it is used; shared memory is not zero at the start.",
    ),
    "uninitialised_branch": Kind(
        "Decision by an uninitialised value",
        "A value that nobody wrote decides a branch or whether memory is accessed.",
        "Write the value on every path before it is tested; look at elements beyond the tail of a tile.",
    ),
    "uninitialised_value": Kind(
        "Uninitialised value",
        "A value that nobody wrote is computed with or stored; it is an error where it reaches an output.",
        "Write every element of temps, shared tiles and local arrays before reading it, also beyond the tail.",
    ),
    "write_to_constant": Kind(
        "Store to read-only memory",
        "A store goes to constant or parameter memory.",
        "Copy the value to a variable of your own and write that; casting `const` away does not make it writable.",
    ),
    "divergent_barrier": Kind(
        "Barrier that not all threads reach",
        "Some live threads of the block can no longer arrive at a barrier where others wait.",
        "Move __syncthreads() out of the branch or loop, or make its condition the same for all threads of the block.",
    ),
    "absent_lane": Kind(
        "Lane missing from its mask",
        "A shuffle, vote, match, matrix or __syncwarp() instruction names lanes that do not execute it.",
        "Call it where the whole warp arrives, or build the mask with __ballot_sync() before the branch.",
    ),
    "trap": Kind(
        "Trap",
        "The program stopped itself: a failed assert, __trap(), or a check of a library.",
        "Read the condition at this line: it is false for these inputs.",
    ),
    "stack_overflow": Kind(
        "Stack overflow",
        "Calls, or paths of diverged threads, are nested too deeply.",
        "End the recursion on every path, or turn it into a loop.",
    ),
    "race": Kind(
        "Race",
        "Two threads access the same bytes, at least one of them writes, and nothing orders them.",
        "Put __syncthreads() (within a warp __syncwarp(), between blocks atomics with fences, or another launch) "
        "between the two accesses, or make both atomic.",
    ),
    "missing_wait": Kind(
        "Asynchronous copy without a wait",
        "Bytes of an asynchronous copy are used or given up before anybody waited for it.",
        "Wait for the copy's group (cp.async.wait_group, pipeline.wait()), then synchronise the threads that read it.",
    ),
    "budget": Kind(
        "Budget of instructions used up",
        "The launch did not end within its budget: an endless loop, or threads that wait for what nobody does.",
        "Look at the loop's end and at who sets the flag that it waits for.",
    ),
    "invalid_launch": Kind(
        "Launch beyond the device's limits",
        "Grid, block or shared memory are more than this device offers.",
        "Launch fewer threads, or ask for less shared memory.",
    ),
    "unsupported": Kind(
        "Not executed by this device",
        "The virtual GPU does not execute an instruction of this kernel; the kernel is not to blame.",
        "Look at docs/virtual-gpu.md for what it executes.",
    ),
}


def kind_of(name: str) -> Kind:
    """The words for a kind; of one that a newer device reports, its name."""
    title = name.replace("_", " ").capitalize()
    return KINDS.get(name) or Kind(title, f"The device reports {name}.", "Look at the line that it names.")
