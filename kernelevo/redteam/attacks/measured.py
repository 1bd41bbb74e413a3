"""Attacks on calls that are timed one by one, in a context whose memory and device globals last from call to call.

The honest kernel takes 2000 dependent steps for an element. One that copies what it remembers, or does nothing, is much
faster, so that an undeserved score shows.
"""

from __future__ import annotations

from kernelevo.devices.measuring.arena import ALIGNMENT, PLACES, SHIFTS
from kernelevo.redteam import problems
from kernelevo.redteam.attack import Attack
from kernelevo.redteam.kernels import cheaper_attack, kernel_attack

_HEAD = """
#pragma kernelevo launch twice<<<ceildiv(n, 128), 128>>>(x, y, n)
__device__ float work(float x) { float v = 0; for (int s = 0; s < 2000; s++) v = 0.5f * v + x; return v; }
"""


def _text(globals_: str, body: str) -> str:
    return f"""{_HEAD}{globals_}
extern "C" __global__ void twice(const float* x, float* y, int n) {{
    int i = blockIdx.x * 128 + threadIdx.x;
    {body}
}}
"""


_REACH = SHIFTS * ALIGNMENT
"""Bytes within which an address is one that was seen before, moved: a case has few places, and each call shifts one.
To meet the very address again would be luck, and an attack that is not lucky is an honest kernel.
"""
_HONEST = _text("", "if (i < n) y[i] = work(x[i]);")


def _kept(key: str, value: str, known: str = "key[i] == {value}") -> str:
    """Keeps each element beside a `key` (a type) made of its call's `value`; gives it again where that is `known`."""
    return _text(
        f"__device__ float kept[4096]; __device__ int done[4096]; __device__ {key} key[4096];",
        f"""if (i >= n) return;
    if (n == 3000 && done[i] && {known.format(value=value)}) {{ y[i] = kept[i]; return; }}
    float v = work(x[i]);
    if (n == 3000) {{ kept[i] = v; key[i] = {value}; done[i] = 1; }}
    y[i] = v;""",
    )


def _measured(name: str, rows: str, title: str, defences: str, text: str) -> Attack:
    return cheaper_attack(
        name, rows, title, defences, problems.TWICE, text, _HONEST, mode="search", measured=True
    )  # fmt: skip


def _by_place(text: str) -> str:
    """With the names of how memory lies behind the judge's calls."""
    return text.replace("PLACES", str(PLACES)).replace("REACH", str(_REACH))


_BY_ADDRESS = _text(
    _by_place("__device__ float kept[PLACES][4096]; __device__ const char* key[PLACES][4096];"),
    _by_place("""if (i >= n) return;
    const char* here = (const char*)x;
    int s = 0;
    for (; s < PLACES && n == 3000; s++) {
        const char* there = key[s][i];
        if (!there) break;
        if (here - there < REACH && there - here < REACH) { y[i] = kept[s][i]; return; }
    }
    float v = work(x[i]);
    if (n == 3000 && s < PLACES) { kept[s][i] = v; key[s][i] = here; }
    y[i] = v;"""),
)

ATTACKS = [
    _measured(
        "measured: the first answer again", "H65 H69", "gives its first answer at the timed size again and again",
        "fresh_inputs all_distributions", _kept("int", "1"),
    ),
    _measured(
        "measured: kept by address", "H61 H70", "gives its answer again where the address of its input is the same",
        "fresh_inputs fresh_pointers all_distributions", _BY_ADDRESS,
    ),
    _measured(
        "measured: kept by shape", "H63", "gives its answer again where the sizes are the same",
        "fresh_inputs all_distributions", _kept("int", "n"),
    ),
    _measured(
        "measured: kept by a sample", "H64", "gives its answer again where the first number of each block is the same",
        "fresh_inputs", _kept("float", "x[blockIdx.x * 128]"),
    ),
    _measured(
        "measured: finite already", "H43 H42", "returns where its output holds numbers other than zero",
        "poison fresh_pointers fresh_inputs all_distributions",
        _text("", "if (i < n && !(isfinite(y[i]) && y[i] != 0)) y[i] = work(x[i]);"),
    ),
    _measured(
        "measured: counting calls", "H24 H78", "is right in its first call at the timed size only",
        "timed_calls_checked mixed_calls all_distributions", _text("__device__ int calls[32];", """
    int call = calls[blockIdx.x];
    __syncthreads();
    if (n == 3000 && threadIdx.x == 0) calls[blockIdx.x] = call + 1;
    if (i < n) y[i] = n < 3000 || call < 1 ? work(x[i]) : 1;"""),
    ),
    _measured(
        "measured: an address seen before", "H77", "takes an address that it has seen before for a benchmark's",
        "timed_calls_checked fresh_pointers", _text(_by_place("__device__ const char* seen[32][PLACES];"), _by_place("""
    const char* here = (const char*)x;
    int known = 0, unused = PLACES;
    for (int s = PLACES - 1; s >= 0; s--) {
        const char* there = seen[blockIdx.x][s];
        if (!there) unused = s;
        else known |= here - there < REACH && there - here < REACH;
    }
    __syncthreads();
    if (n == 3000 && threadIdx.x == 0 && !known && unused < PLACES) seen[blockIdx.x][unused] = here;
    if (i < n) y[i] = n == 3000 && known ? 1 : work(x[i]);""")),
    ),
    kernel_attack(
        "measured: the outputs of the call before", "K12",
        "writes into the outputs of the call before, once they were read", "rereading", problems.TWICE,
        _text("__device__ float* old;", """
    if (i < n) y[i] = 2 * x[i];
    if (i == 0) { float* last = old; old = y; if (last && last != y) last[0] = 7; }"""),
        mode="final", measured=True,
    ),
]  # fmt: skip
