"""Checks of what a problem file declares, before a Problem is made of it: each mistake is one sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kernelevo.counting import counted
from kernelevo.errors import BadInput
from kernelevo.kernel import dtypes
from kernelevo.kernel.arguments import Argument, Scalar, Tensor
from kernelevo.kernel.distributions import Distribution, standard
from kernelevo.kernel.dtypes import DType
from kernelevo.kernel.expressions import FUNCTIONS, Expression, parse
from kernelevo.kernel.references import Reference, positional_names

RESERVED = ("sms", "warp", *FUNCTIONS)
"""Names that expressions already know, so that no argument or dimension may have them."""


@dataclass(frozen=True)
class Tolerance:
    """How far an output may be off, elementwise: |got - expected| <= absolute + relative * |expected|. `reason` is
    reported.
    """

    absolute: float
    relative: float
    reason: str

    def __post_init__(self) -> None:
        if not (self.absolute >= 0 and self.relative >= 0 and self.absolute + self.relative < float("inf")):
            raise BadInput(f"tolerance {self.absolute}, {self.relative}: both must be finite and not negative")
        if not self.reason.strip():
            raise BadInput("a tolerance that is not derived needs a reason; say in words why this much is right")


def checked_arguments(arguments: Sequence[Argument]) -> tuple[Argument, ...]:
    if isinstance(arguments, Tensor | Scalar | str) or not all(isinstance(each, Tensor | Scalar) for each in arguments):
        raise BadInput("arguments must be a list of Input, Output, InOut and Scalar")
    names = [argument.name for argument in arguments]
    for name in names:
        if names.count(name) > 1:
            raise BadInput(f"two arguments are named {name}; rename one")
        _refuse_reserved(name)
    if not any(isinstance(argument, Tensor) and argument.is_output for argument in arguments):
        raise BadInput("no argument is an Output or InOut, so there would be nothing to compare; declare one")
    return tuple(arguments)


def dimensions(tensors: Sequence[Tensor]) -> tuple[str, ...]:
    """The names in the shapes, in the order in which they first appear."""
    names: list[str] = []
    for tensor in tensors:
        for extent in tensor.shape:
            names += sorted(extent.names - set(names), key=extent.text.index)
    for name in names:
        _refuse_reserved(name)
        if any(tensor.name == name for tensor in tensors):
            raise BadInput(f"{name} names both an argument and a dimension; rename one")
    if not names:
        raise BadInput("no shape names a dimension; write the sizes that vary as names, such as f32[n]")
    return tuple(names)


def _refuse_reserved(name: str) -> None:
    if name in RESERVED:
        raise BadInput(f"the name {name} has a meaning in expressions ({', '.join(RESERVED)}); choose another")


def checked_reference(reference: Reference | None, oracle: str | None, inputs: Sequence[Tensor]) -> Reference | None:
    if (reference is None) == (oracle is None):
        raise BadInput("give either reference=FUNCTION or oracle='FILE.cu', and not both")
    if reference is None:
        return None
    if not callable(reference):
        raise BadInput(f"reference={reference!r} cannot be called; give the function itself")
    positional = positional_names(reference)
    if positional is not None and len(positional) < len(inputs):
        wanted = ", ".join(tensor.name for tensor in inputs)
        raise BadInput(
            f"the reference takes {counted(len(positional), 'argument')}, but the inputs are {wanted}; "
            "take them in this order"
        )
    return reference


def checked_inputs(
    given: Mapping[str, Sequence[Distribution]], tensors: Sequence[Tensor]
) -> dict[str, tuple[Distribution, ...]]:
    names = [tensor.name for tensor in tensors if tensor.is_input]
    for name, choices in given.items():
        if name not in names:
            raise BadInput(f"inputs= names {name}, but the inputs are {', '.join(names)}")
        if (
            isinstance(choices, Distribution)
            or not choices
            or not all(isinstance(each, Distribution) for each in choices)
        ):
            raise BadInput(f"inputs= of {name} must be a list of distributions, such as [normal(), uniform(0, 1)]")
    return {tensor.name: tuple(given.get(tensor.name, standard(tensor.dtype))) for tensor in tensors if tensor.is_input}


def checked_tolerance(tolerance: Tolerance | None) -> Tolerance | None:
    if tolerance is not None and not isinstance(tolerance, Tolerance):
        raise BadInput("tolerance= must be Tolerance(absolute, relative, reason), or left out to have it derived")
    return tolerance


def compute_dtype_of(name: str | None, outputs: Sequence[Tensor]) -> DType:
    """What a correct kernel computes in: as declared (tf32, too), else the outputs' widest float type with f16 and bf16
    computed in f32.
    """
    if name == dtypes.TF32.name:
        return dtypes.TF32
    if name is not None:
        return dtypes.named(name, "compute_dtype")
    floats = [tensor.dtype for tensor in outputs if tensor.dtype.is_float]
    widest = max(floats, key=lambda dtype: dtype.bytes, default=dtypes.named("f32", "compute_dtype"))
    return widest if widest.bytes >= 4 else dtypes.named("f32", "compute_dtype")


def list_of_texts(texts: Sequence[str], what: str) -> Sequence[str]:
    if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
        raise BadInput(f'{what}= must be a list of texts, such as ["rows=1, cols=33"]')
    return texts


def all_bytes(tensors: Sequence[Tensor]) -> Expression:
    """Every input read once and every output written once; what is in and out counts twice."""
    terms = []
    for tensor in tensors:
        extents = " * ".join(f"({extent})" if " " in extent.text else extent.text for extent in tensor.shape)
        terms.append(f"{tensor.dtype.bytes * (2 if tensor.role == 'inout' else 1)} * {extents}")
    return parse(" + ".join(terms), "the bytes of all arguments")
