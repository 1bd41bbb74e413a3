"""Memory that a kernel throws away: `discard.L2` leaves it without a defined value.

On a card the bytes may be the old ones, the new ones or others, from run to run; the virtual GPU keeps what was
written, so that an output thrown away would look right. No check can tell, so the instruction is against the rules, on
every device. It is looked for in the PTX, which the compiler wrote: comments are left out there, and PTX has no macros.
https://docs.nvidia.com/cuda/parallel-thread-execution/#data-movement-and-conversion-instructions-discard
"""

from __future__ import annotations

import re

from kernelevo.evaluators.rejection import broken_rule
from kernelevo.types import Image

# Strings of PTX have no escapes and may hold ends of lines, as ptxas reads them.
_NO_CODE = re.compile(r'"[^"]*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_DISCARD = re.compile(r"(?<![\w.$%])discard\s*\.")


def require_kept(image: Image) -> None:
    """Raises Rejected (RULE_BROKEN) if the image holds the instruction, executed or not."""
    if "discard" in image.ptx and _DISCARD.search(_NO_CODE.sub(" ", image.ptx)):
        raise broken_rule(
            "discard.L2 (cuda::discard_memory) leaves memory without a defined value, which no check can see; "
            "leave it out"
        )
