"""RUNS BEHIND THE WALL: imports Triton from its own folder, since the jail does not show the folder around it."""

from __future__ import annotations

import importlib.util
import os
import sys


def import_triton(folder: str) -> None:
    """After this, `import triton` finds the package whose folder this is."""
    # Its own back ends only: others announce themselves in metadata, which is not there.
    os.environ["TRITON_BACKENDS_IN_TREE"] = "1"
    start = os.path.join(folder, "__init__.py")
    spec = importlib.util.spec_from_file_location("triton", start, submodule_search_locations=[folder])
    if spec is None or spec.loader is None:
        raise ImportError(f"there is no package in {folder}")
    module = importlib.util.module_from_spec(spec)
    sys.modules["triton"] = module
    spec.loader.exec_module(module)
