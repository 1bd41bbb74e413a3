"""Where a modelled time deserves less trust than the rest: reasons in words, from the counts that show them.

The reasons are where the model is known to be blind (docs/time-model.md, "How far to trust it"). The thresholds say
where a term begins to matter; they were set once, by what the model leaves out, and fitted to nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kernelevo.counting import counted
from kernelevo.devices.cost import SECTOR, Estimate
from kernelevo.devices.gpus import Gpu
from kernelevo.devices.occupancy import Occupancy

_FEW_WARPS = 8
"""Per SM: two for each scheduler. With fewer, the order of single instructions decides, which PTX does not have."""
_NEAR_PEAK = 0.7
_CACHED = ("L1 sectors", "L1 data pipe", "L2 bandwidth", "L2 port of an SM", "DRAM bandwidth", "latency")


@dataclass(frozen=True)
class Launched:
    """What is known of one modelled launch."""

    gpu: Gpu
    counts: Mapping[str, int]
    held: Occupancy
    estimate: Estimate
    spill_bytes: int
    l1_bytes: int
    """Of L1, for one block."""
    target: str
    """Architecture that the code was compiled for."""


def reasons(of: Launched) -> list[str]:
    """Sentences that say why the time of this launch is of low confidence; none: it is of normal confidence."""
    return [sentence for rule in _RULES if (sentence := rule(of))]


def _atomics(of: Launched) -> str:
    if of.estimate.bound != "atomics":
        return ""
    return "atomics decide, and how fast contended atomics are is an estimate on every card"


def _shared_atomics(of: Launched) -> str:
    """Wavefronts of shared atomics are those of as many loads: lanes that update one word are not counted."""
    wavefronts = of.counts["shared_atomic_wavefronts"]
    per_sm = wavefronts / max(of.counts["blocks"], 1) * -(-of.counts["blocks"] // of.gpu.sms)
    if per_sm * 32 / of.gpu.rates["wavefronts"] / of.gpu.cycles_per_us < (of.estimate.us - of.estimate.launch_us) / 2:
        return ""
    return "lanes that update one word of shared memory wait for each other, which is not modelled"


def _l1_edge(of: Launched) -> str:
    loads, misses = of.counts["global_load_sectors"], of.counts["l1_miss_sectors"]
    fetched = misses * SECTOR / max(of.counts["blocks"], 1)
    reused = misses <= 0.8 * loads
    if not (reused and of.l1_bytes / 2 <= fetched <= 4 * of.l1_bytes and of.estimate.bound in _CACHED):
        return ""
    share = of.l1_bytes / 1024
    return (
        f"it lives from L1, and a block fetches {fetched / 1024:,.0f} KiB through its share of {share:,.0f} KiB: at "
        "this edge a small change of the cache decides"
    )


def _l2_edge(of: Launched) -> str:
    read, missed = of.counts["l2_read_sectors"], of.counts["dram_read_sectors"]
    touched = SECTOR * (missed + of.counts["dram_write_sectors"])
    reused = missed <= 0.8 * read
    if not (reused and of.gpu.l2_bytes / 2 <= touched <= 2 * of.gpu.l2_bytes and of.estimate.bound in _CACHED):
        return ""
    return (
        f"it lives from L2, and {touched / 1e6:,.0f} MB pass through its {of.gpu.l2_bytes / 1e6:,.0f} MB: at this edge "
        "a small change of the cache decides"
    )


def _tensor_peak(of: Launched) -> str:
    share = of.estimate.bounds_us["matrix"] / of.estimate.us
    if share < _NEAR_PEAK:
        return ""
    return f"tensor cores are busy {share:.0%} of the time: near their peak, pipelines the model does not know decide"


def _wgmma(of: Launched) -> str:
    if of.gpu.arch != "sm_90" or not of.counts["slots.matrix"]:
        return ""
    return f"tensor cores of {of.gpu.title} reach their peak through wgmma only, and this is mma.sync"


def _other_target(of: Launched) -> str:
    if of.target == of.gpu.arch:
        return ""
    return f"the code was compiled for {of.target}, not for the card's own {of.gpu.arch}"


def _spills(of: Launched) -> str:
    if not of.spill_bytes:
        return ""
    spilled = counted(of.spill_bytes, "byte")
    return f"{spilled} a thread are spilled, and how far they go through the caches is not modelled"


def _local_memory(of: Launched) -> str:
    if of.spill_bytes or not of.counts["local_sectors"]:
        return ""
    return "it uses local memory, whose way through the caches is not modelled"


def _dropped_copies(of: Launched) -> str:
    dropped = of.counts["async_copies_dropped"]
    return f"{dropped:,} asynchronous copies were waited for by nobody, so their time is not in it" if dropped else ""


def _waits(of: Launched) -> str:
    """A block that waits for another runs after it in the machine, and its chain begins when its own work does."""
    if not of.counts.get("block_waits"):
        return ""
    return "its blocks wait for each other, for how long is not modelled: work that is done in turn looks parallel"


def _tiny(of: Launched) -> str:
    if of.estimate.launch_us < of.estimate.us / 2:
        return ""
    return f"launching takes {of.estimate.launch_us:g} of {of.estimate.us:.3g} us, and that depends on driver and host"


def _few_warps(of: Launched) -> str:
    blocks = min(-(-of.counts["blocks"] // of.gpu.sms), of.held.blocks_per_sm)
    warps = blocks * of.held.warps_per_sm // of.held.blocks_per_sm
    if of.estimate.bound != "latency" or warps >= _FEW_WARPS:
        return ""
    resident = f"{warps} warp{'s' * (warps != 1)}"
    return f"latency decides with {resident} on an SM: the order of single instructions does, which ptxas chooses"


def _uneven(of: Launched) -> str:
    mean = of.counts["chain_cycles_sum"] / max(of.counts["blocks"], 1)
    if of.counts["chain_cycles_max"] <= 2 * mean:
        return ""
    return "its blocks are of uneven length, and the order in which an SM gets them is not modelled"


_RULES: tuple[Callable[[Launched], str], ...] = (
    _atomics, _shared_atomics, _l1_edge, _l2_edge, _tensor_peak, _wgmma, _other_target, _spills, _local_memory,
    _dropped_copies, _waits, _tiny, _few_warps, _uneven,
)  # fmt: skip
