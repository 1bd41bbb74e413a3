"""Device functions that combine one value per thread over a warp or a block, added to a file where a rule needs
them.

Their text is written here once, for each operation and type; a rule asks for a call and the functions that the call
needs. Butterfly exchange: https://docs.nvidia.com/cuda/cuda-c-programming-guide/#warp-shuffle-functions
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kernelevo.proposers.rules.kernels import Kernel
from kernelevo.proposers.rules.reductions import Operator, identity_text
from kernelevo.proposers.rules.syntax import Edits, indentation, statements_of

_WARP = """\
// {Name} of `value` over the lanes of a warp, in every lane.
__device__ inline {type} warp_{name}({type} value) {{
  for (int offset = 16; offset > 0; offset /= 2) {{
    value = {join};
  }}
  return value;
}}
"""

_BLOCK = """\
// {Name} of `value` over the threads of a block of whole warps, in every thread.
__device__ inline {type} block_{name}({type} value) {{
  __shared__ {type} partial[32];
  value = warp_{name}(value);
  if (threadIdx.x % 32 == 0) {{
    partial[threadIdx.x / 32] = value;
  }}
  __syncthreads();
  const int lane = threadIdx.x % 32;
  value = warp_{name}(lane < blockDim.x / 32 ? partial[lane] : {rest});
  __syncthreads();  // `partial` may be written again
  return value;
}}
"""


_WORDS = {"max": "Maximum", "min": "Minimum", "and": "Bitwise and", "or": "Bitwise or", "xor": "Bitwise xor"}


@dataclass(frozen=True)
class Combiner:
    """A device function over a group ("warp" or "block") for one operation and type."""

    group: str
    operator: Operator
    type: str

    @property
    def name(self) -> str:
        return f"{self.group}_{self.operator.name}"

    def texts(self, indent: str) -> list[str]:
        """The functions that a call needs, in the order in which they must stand, indented as given."""
        name = self.operator.name
        words = {"name": name, "Name": _WORDS.get(name, name.capitalize()), "type": self.type}
        other = "__shfl_xor_sync(0xffffffffu, value, offset)"
        warp = _WARP.format(**words, join=self.operator.join("value", other, self.type))
        rest = identity_text(self.operator, self.type) or "value"
        needed = [warp] if self.group == "warp" else [warp, _BLOCK.format(**words, rest=rest)]
        return [
            re.sub(r"^(?:  )+", lambda pad: indent * (len(pad.group()) // 2), text, flags=re.MULTILINE)
            for text in needed
        ]


def add_combiners(edits: Edits, kernel: Kernel, combiners: list[Combiner]) -> bool:
    """Adds the functions that are not in the file yet above the kernel; False if a name is taken by something else."""
    text = edits.data.decode()
    indent = indent_unit(kernel)
    added: list[str] = []
    for combiner in combiners:
        for function in combiner.texts(indent):
            signature = function.split("\n")[1]
            if function in text or function in added:
                continue
            if signature.rstrip(" {") in text:
                return False
            added.append(function)
    if added:
        edits.insert(position_above(kernel), "\n".join(added) + "\n")
    return True


def indent_unit(kernel: Kernel) -> str:
    """By how much the kernel's author indents a block."""
    inner = indentation(statements_of(kernel.body)[0]).removeprefix(indentation(kernel.outer))
    return inner if inner and not inner.strip(" \t") else "  "


def position_above(kernel: Kernel) -> int:
    """The start of the kernel's definition with the comments directly above it."""
    node = kernel.outer
    while (
        (before := node.prev_sibling) is not None
        and before.type == "comment"
        and (before.end_point.row + 1 == node.start_point.row)
    ):
        node = before
    return node.start_byte
