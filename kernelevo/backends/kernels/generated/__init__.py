"""Kernel problems made by rule: the start of each is a text, its problem an object, and both follow from its name.

`generate("row_map-17")` gives the seventeenth problem of the family row_map. docs/loop.md says how they are split.
"""

from __future__ import annotations

from kernelevo.backends.kernels.generated.catalogue import FAMILIES, GeneratedProblem, generate

__all__ = ["FAMILIES", "GeneratedProblem", "generate"]
