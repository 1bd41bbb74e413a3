"""Calling the reference of a problem file: how its parameters are filled, and what its result must look like."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kernelevo.counting import counted
from kernelevo.errors import BadInput
from kernelevo.kernel.arguments import Tensor
from kernelevo.kernel.dtypes import Array

Reference = Callable[..., Any]

USER_FAULTS = (Exception, SystemExit)
"""What code in a problem file may raise; each becomes a BadInput that names the file, and none is swallowed."""


def described(error: BaseException) -> str:
    """`ValueError: its message`, in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split()).rstrip(":")


def positional_names(function: Reference) -> list[str] | None:
    """Names of parameters that can be given by position; None if there is no limit."""
    parameters = list(inspect.signature(function).parameters.values())
    if any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in parameters):
        return None
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [parameter.name for parameter in parameters if parameter.kind in kinds]


@functools.lru_cache(maxsize=64)
def keyword_names(function: Reference, positional: int) -> list[str]:
    """Names of parameters that are left after the first `positional` ones."""
    parameters = list(inspect.signature(function).parameters.values())
    kinds = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    by_keyword = [parameter for parameter in parameters if parameter.kind in kinds]
    taken = {parameter.name for parameter in parameters[:positional]}
    return [parameter.name for parameter in by_keyword if parameter.name not in taken]


def by_name(result: Any, outputs: Sequence[Tensor], dims: Mapping[str, int], problem: str) -> dict[str, Array]:
    """The reference's result, matched to the declared outputs in order."""
    results = result if isinstance(result, tuple | list) else (result,)
    if len(results) != len(outputs):
        names = ", ".join(output.name for output in outputs)
        raise BadInput(
            f"the reference of {problem} returns {counted(len(results), 'array')}, but the outputs are {names}; "
            "return one each"
        )
    arrays = {}
    for output, value in zip(outputs, results, strict=True):
        array = np.asarray(value)
        if array.shape != output.sizes(dims):
            case = ", ".join(f"{name}={size}" for name, size in dims.items())
            raise BadInput(
                f"the reference of {problem} returns shape {array.shape} for output {output.name}, which is declared "
                f"as {output.declaration}, {output.sizes(dims)} at {case}; correct one of them"
            )
        arrays[output.name] = array
    return arrays
