"""A problem: what a kernel must compute, for which sizes, from which inputs, how exactly, and what it costs at least.

A problem file (`softmax.problem.py` beside `softmax.cu`) is trusted Python that sets `problem = Problem(...)`; it is
the only Python beside a kernel that is ever imported. Everything in it is checked when it is loaded, so that a mistake
is one sentence and not a verdict about a kernel. docs/problem-format.md describes it for users.
"""

from __future__ import annotations

import copy
import functools
import os
import re
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.abc import SourceLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import numpy as np

from kernelevo.errors import BadInput, KernelevoError
from kernelevo.kernel import dtypes
from kernelevo.kernel.arguments import Argument, Scalar, Tensor
from kernelevo.kernel.cases import Case, edge_cases, read_case
from kernelevo.kernel.declared import (
    Tolerance,
    all_bytes,
    checked_arguments,
    checked_inputs,
    checked_reference,
    checked_tolerance,
    compute_dtype_of,
    dimensions,
    list_of_texts,
)
from kernelevo.kernel.distributions import Distribution
from kernelevo.kernel.dtypes import Array, DType
from kernelevo.kernel.expressions import Expression, ExpressionError, parse
from kernelevo.kernel.references import USER_FAULTS, Reference, by_name, described, keyword_names


@dataclass(frozen=True, init=False)
class Problem:
    """See the module. `oracle`, if set, is a kernel file that takes the place of the reference, and every report says
    so.
    """

    name: str
    path: Path | None
    arguments: tuple[Argument, ...]
    dims: tuple[str, ...]
    reference: Reference | None
    oracle: Path | None
    benchmarks: tuple[Case, ...]
    tests: tuple[Case, ...]
    any_size: bool
    """Whether the tests were left to us, so that every size counts that is allowed."""
    distributions: Mapping[str, tuple[Distribution, ...]]
    tolerance: Tolerance | None
    compute_dtype: DType
    constraints: tuple[Expression, ...]
    bytes: Expression
    flops: Expression | None

    def __init__(
        self,
        arguments: Sequence[Argument],
        reference: Reference | None = None,
        benchmarks: Sequence[str | tuple[str, float]] = (),
        *,
        tests: Sequence[str] = (),
        inputs: Mapping[str, Sequence[Distribution]] | None = None,
        tolerance: Tolerance | None = None,
        compute_dtype: str | None = None,
        constraints: Sequence[str] = (),
        bytes: str | None = None,
        flops: str | None = None,
        oracle: str | None = None,
    ) -> None:
        """Checks everything but the reference's results (see `check_reference`); raises BadInput.

        bytes and flops are expressions: the least memory traffic and the arithmetic of one call. Without bytes, every
        input is read once and every output written once; without flops, no bound on arithmetic is known.
        """
        self._set("name", "problem")
        self._set("path", None)
        self._set("arguments", checked_arguments(arguments))
        self._set("dims", dimensions(self.tensors))
        self._set("reference", checked_reference(reference, oracle, self.inputs))
        self._set("oracle", None if oracle is None else Path(oracle))
        self._set("constraints", tuple(self._expression(text, "a constraint") for text in constraints))
        self._set("bytes", self._expression(bytes, "bytes") if bytes is not None else all_bytes(self.tensors))
        self._set("flops", self._expression(flops, "flops") if flops is not None else None)
        self._set("distributions", checked_inputs(inputs or {}, self.tensors))
        self._set("tolerance", checked_tolerance(tolerance))
        self._set("compute_dtype", compute_dtype_of(compute_dtype, self.outputs))
        self._set("tests", self._read_tests(tests))
        self._set("any_size", not tests)
        self._set("benchmarks", self._read_benchmarks(benchmarks))

    @functools.cached_property
    def tensors(self) -> tuple[Tensor, ...]:
        return tuple(argument for argument in self.arguments if isinstance(argument, Tensor))

    @property
    def scalars(self) -> tuple[Scalar, ...]:
        return tuple(argument for argument in self.arguments if isinstance(argument, Scalar))

    @functools.cached_property
    def inputs(self) -> tuple[Tensor, ...]:
        """Tensors whose values a kernel may read: role "in" or "inout"."""
        return tuple(tensor for tensor in self.tensors if tensor.is_input)

    @functools.cached_property
    def outputs(self) -> tuple[Tensor, ...]:
        """Tensors that are compared: role "out" or "inout"."""
        return tuple(tensor for tensor in self.tensors if tensor.is_output)

    def case(self, text: str, weight: float = 1.0) -> Case:
        """`rows=4096, cols=1000` -> a checked Case; raises BadInput if it is unknown, not allowed, or too large for
        this machine.
        """
        case = read_case(text, self.dims, weight)
        for constraint in self.constraints:
            if not constraint.evaluate(case.dims):
                raise BadInput(f"case '{text}' breaks the problem's constraint `{constraint}`; choose other sizes")
        needed = sum(tensor.nbytes(case.dims) for tensor in self.tensors)
        limit = _memory_limit()
        if needed > limit:
            raise BadInput(
                f"case '{text}' needs {needed:,} bytes of arrays, but this machine allows {limit:,}; make it smaller"
            )
        self._check_work(case)
        return case

    def _check_work(self, case: Case) -> None:
        """Raises BadInput where the declared traffic or arithmetic of a case is negative, or `bytes` has no value."""
        for name, work in (("bytes", self.least_bytes(case.dims)), ("flops", self.operations(case.dims))):
            if work is not None and work < 0:
                said = f"{name} `{getattr(self, name)}` is {work:,} in case '{case.name}'"
                raise BadInput(f"{said}; give an expression that is at least zero at the sizes of the cases")

    def with_cases(self, texts: Sequence[str]) -> Problem:
        """The same problem, timed at the given sizes instead of its own benchmark cases; raises BadInput."""
        cases = tuple(self.case(text) for text in texts)
        if twice := next((case.name for case in cases if cases.count(case) > 1), None):
            raise BadInput(f"case '{twice}' is given twice; keep one")
        other = copy.copy(self)
        other._set("benchmarks", cases)
        return other

    def named(self, name: str) -> Problem:
        """The same problem by another name, for one that is no file's."""
        other = copy.copy(self)
        other._set("name", name)
        return other

    def with_tolerance(self, tolerance: Tolerance) -> Problem:
        """The same problem, judged by a declared tolerance."""
        other = copy.copy(self)
        other._set("tolerance", tolerance)
        return other

    def located(self, path: Path) -> Problem:
        """The same problem with the name and place of its file; a relative oracle is beside it. Raises BadInput if it
        is missing.
        """
        other = copy.copy(self)
        other._set("path", path)
        other._set("name", path.name.removesuffix(SUFFIX))
        if self.oracle is not None:
            oracle = path.parent / self.oracle
            if not oracle.is_file():
                raise BadInput(f"its oracle {oracle} does not exist; put the original kernel there")
            other._set("oracle", oracle)
        return other

    def least_bytes(self, dims: Mapping[str, int]) -> int:
        """Bytes that any kernel must move at these sizes."""
        return self.bytes.evaluate(dims)

    def expected(self, inputs: Mapping[str, Array], dims: Mapping[str, int]) -> dict[str, Array]:
        """Calls the reference with arrays as they are (not converted) and gives its result by output name, in their
        shapes.

        Scalars and dimensions go by keyword if the reference names them. Raises BadInput if it fails or gives other
        shapes than declared; not to be called for a problem with an oracle.
        """
        if self.reference is None:
            raise BadInput(
                f"problem {self.name} has no reference: its expected outputs come from the kernel {self.oracle}"
            )
        try:
            result = self.reference(*(inputs[tensor.name] for tensor in self.inputs), **self._keywords(dims))
        except KernelevoError:
            raise
        except USER_FAULTS as error:
            place = "" if self.path is None else _line_of(error, self.path)
            raise BadInput(f"{place}the reference of {self.name} failed: {described(error)}; correct it") from error
        return by_name(result, self.outputs, dims, self.name)

    def draw(self, rng: np.random.Generator, dims: Mapping[str, int], index: int = 0) -> dict[str, Array]:
        """The inputs in storage, each from its own distributions' one at `index` (modulo their number)."""
        drawn = {}
        for tensor in self.inputs:
            choices = self.distributions[tensor.name]
            drawn[tensor.name] = choices[index % len(choices)].draw(rng, tensor.sizes(dims), tensor.dtype, dims)
        return drawn

    def check_reference(self) -> None:
        """Calls the reference once, at the smallest test case; raises BadInput if it disagrees with the declared
        shapes.
        """
        if self.reference is None:
            return
        case = min(self.tests, key=lambda case: sum(tensor.elements(case.dims) for tensor in self.tensors))
        stored = self.draw(np.random.default_rng(0), case.dims)
        arrays = {tensor.name: dtypes.from_storage(stored[tensor.name], tensor.dtype) for tensor in self.inputs}
        self.expected(arrays, case.dims)

    def _keywords(self, dims: Mapping[str, int]) -> dict[str, int | float]:
        assert self.reference is not None
        values: dict[str, int | float] = {**dims, **{scalar.name: scalar.value for scalar in self.scalars}}
        return {name: values[name] for name in keyword_names(self.reference, len(self.inputs)) if name in values}

    def _expression(self, text: str, what: str) -> Expression:
        expression = parse(text, what)
        unknown = sorted(expression.names - set(self.dims))
        if unknown:
            raise BadInput(f"{what} `{text}` names {unknown[0]}, but the dimensions are {', '.join(self.dims)}")
        return expression

    def _read_tests(self, texts: Sequence[str]) -> tuple[Case, ...]:
        if texts:
            return tuple(self.case(text) for text in list_of_texts(texts, "tests"))
        return edge_cases(self.dims, self._largest_tensor, self.allows, self._declared_work)

    def _read_benchmarks(self, texts: Sequence[str | tuple[str, float]]) -> tuple[Case, ...]:
        if isinstance(texts, str) or not texts:
            example = ", ".join(f"{name}=1024" for name in self.dims)
            raise BadInput(f'benchmarks must be a list of cases; add benchmarks=["{example}"]')
        pairs = [(text, 1.0) if isinstance(text, str) else text for text in texts]
        cases = tuple(self.case(text, weight) for text, weight in pairs)
        if len({case.name for case in cases}) < len(cases):
            raise BadInput("two benchmark cases have the same sizes; remove one, or give it a weight")
        return cases

    def _largest_tensor(self, dims: Mapping[str, int]) -> int:
        return max(tensor.elements(dims) for tensor in self.tensors)

    def _declared_work(self, dims: Mapping[str, int]) -> int:
        return max(self.least_bytes(dims), self.operations(dims) or 0)

    def operations(self, dims: Mapping[str, int]) -> int | None:
        """The declared `flops` at these sizes, sys.maxsize where they have no value (n * n * n * n of a large n), None
        where none are declared. For choosing sizes.
        """
        try:
            return None if self.flops is None else self.flops.evaluate(dims)
        except ExpressionError:
            return sys.maxsize

    def allows(self, dims: Mapping[str, int]) -> bool:
        """Whether every tensor has elements at these sizes, and every constraint holds; says nothing of memory."""
        positive = all(extent.evaluate(dims) >= 1 for tensor in self.tensors for extent in tensor.shape)
        return positive and all(constraint.evaluate(dims) for constraint in self.constraints)

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)


def _memory_limit() -> int:
    """Bytes that the arrays of one case may have: an eighth of this machine's memory, since inputs, outputs, expected
    values in float64 and the virtual device's copy are all held at once.
    """
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 8


__all__ = ["Case", "Problem", "Scalar", "Tensor", "Tolerance", "load_problem", "problem_path"]

# Files.

SUFFIX = ".problem.py"


def problem_path(kernel: Path) -> Path:
    """Where the problem of a kernel file is: `softmax.cu` -> `softmax.problem.py` in the same folder."""
    if not kernel.name:
        raise BadInput(f"{kernel} is a folder; give the kernel file (.cu) itself")
    return kernel.with_name(kernel.name.split(".")[0] + SUFFIX)


def read_problem(path: Path) -> bytes:
    """The content of a problem file; raises BadInput if it is none, or cannot be read."""
    if not path.name.endswith(SUFFIX):
        raise BadInput(f"{path} is no problem file; its name must end in {SUFFIX}")
    if not path.is_file():
        raise BadInput(f"there is no problem file {path}; write it, or run `kernelevo new` to get one to start from")
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}); check the path and its permissions") from error


def load_problem(path: Path, content: bytes | None = None) -> Problem:
    """Imports a problem file, checks all of it, and calls its reference once; raises BadInput with one sentence.

    Only a name ending in .problem.py is imported; nothing is written beside it, and its folder does not join the
    import path. With `content` (of `read_problem`), these bytes are executed, whatever the file holds by now.
    """
    code = read_problem(path) if content is None else content
    try:
        problem = _imported(path, code).located(path)
        problem.check_reference()
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error
    return problem


class _SourceOnly(SourceLoader):
    """Loads one file's content as a module, without reading or writing compiled copies beside it."""

    def __init__(self, path: Path, content: bytes) -> None:
        self.path = path
        self.content = content

    def get_filename(self, fullname: str) -> str:
        return str(self.path)

    def get_data(self, path: str) -> bytes:
        return self.content


def _imported(path: Path, content: bytes) -> Problem:
    """The file's `problem`; an error in its code is a BadInput that names its line."""
    loader = _SourceOnly(path, content)
    spec = spec_from_loader(f"kernelevo_problem_{re.sub(r'[^A-Za-z0-9_]', '_', path.name)}", loader)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up while it runs
    try:
        spec.loader.exec_module(module)
    except KernelevoError as error:
        raise BadInput(f"{_line_of(error, path)}{error}") from error
    except USER_FAULTS as error:
        raise BadInput(f"{_line_of(error, path)}it cannot be imported: {described(error)}; correct it") from error
    finally:
        del sys.modules[spec.name]
    problem = getattr(module, "problem", None)
    if not isinstance(problem, Problem):
        raise BadInput("it sets no `problem`; end it with `problem = Problem(...)`")
    return problem


def _line_of(error: BaseException, path: Path) -> str:
    """`line N: ` for the last place in the file that the error passed through."""
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: " if error.lineno else ""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f"line {lines[-1]}: " if lines else ""
