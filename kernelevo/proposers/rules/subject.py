"""What a rule looks at: one candidate's text, parsed, with its plan, the problem's facts and the device's
properties.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tree_sitter import Node

from kernelevo.kernel.expressions import Expression, ExpressionError
from kernelevo.kernel.expressions import parse as parse_expression
from kernelevo.kernel.plan import LaunchLine, Plan, TempLine
from kernelevo.kernel.pragmas import read_plan
from kernelevo.kernel.problem import Problem, Tensor
from kernelevo.proposers.rules.kernels import Kernel, file_functions, find_kernels
from kernelevo.proposers.rules.names import Declaration
from kernelevo.proposers.rules.polynomials import Forms, Polynomial
from kernelevo.proposers.rules.syntax import Edits, child_of, depth, fresh_name, line_start, parse

WARP = 32
MAX_DEPTH = 120
"""Nesting of syntax beyond which a text is left alone; kernels nest some thirty levels."""


@dataclass(frozen=True)
class Rewrite:
    """One rewritten text: `move` names the rule with what it was applied to, as in "row_per_warp(softmax)"."""

    text: str
    move: str


@dataclass(frozen=True, eq=False)
class Launched:
    """A kernel with the one line that launches it. `forms` reads its index expressions with the line's block size."""

    kernel: Kernel
    line: LaunchLine
    forms: Forms

    @property
    def is_flat(self) -> bool:
        """Whether blocks are one-dimensional and on their own: neither a cooperative launch nor in clusters."""
        line = self.line
        return line.block[1].text == line.block[2].text == "1" and not line.cooperative and line.cluster is None

    def argument(self, parameter: Declaration) -> Expression:
        """What the plan passes for a parameter."""
        return self.line.arguments[self.kernel.parameters.index(parameter)]

    def in_plan(self, form: Polynomial) -> str | None:
        """The polynomial as an expression of the plan; None if it holds more than parameters and block size."""
        by_name = {
            parameter.name: self.argument(parameter).text
            for parameter in self.kernel.parameters
            if not parameter.is_pointer
        }
        blocks = {size.text: size.text for size in self.line.block}
        known = {**by_name, **blocks, **{str(name): str(name) for name in self.forms.macros}}
        terms = []
        for monomial, coefficient in sorted(form.terms.items()):
            if any(atom not in known for atom in monomial):
                return None
            factors = [_word(known[atom]) for atom in monomial]
            terms.append(" * ".join(factors if coefficient == 1 and factors else [*factors, str(coefficient)]))
        return " + ".join(terms) or "0"


@dataclass(frozen=True, eq=False)
class Subject:
    """One candidate as the rules see it; `source` is its tree, `kernels` the kernels that are understood (none of a
    text that does not parse).
    """

    text: str
    source: Node
    plan: Plan
    problem: Problem
    properties: Mapping[str, int]
    kernels: Mapping[str, Kernel]
    functions: Mapping[str, list[Node]]

    @classmethod
    def read(cls, text: str, defines: Mapping[str, int], problem: Problem, properties: Mapping[str, int]) -> Subject:
        """Reads a candidate's text; raises PlanError if its pragma lines are broken."""
        source = parse(text)
        plan = read_plan(text, problem.name, defines)
        understood = not source.has_error and depth(source) <= MAX_DEPTH
        kernels, functions = (find_kernels(source), file_functions(source)) if understood else ({}, {})
        return cls(text, source, plan, problem, properties, kernels, functions)

    def edits(self) -> Edits:
        return Edits(self.text.encode())

    def fresh(self, wanted: str) -> str:
        return fresh_name(wanted, self.source)

    def launched(self) -> Iterator[Launched]:
        """The kernels with exactly one launch line, which some benchmark case takes."""
        lines = [step for step in self.plan.steps if isinstance(step, LaunchLine)]
        taken = self._taken()
        for line in lines:
            kernel = self.kernels.get(line.kernel)
            alone = sum(other.kernel == line.kernel for other in lines) == 1
            if kernel is None or not alone or line not in taken or len(line.arguments) != len(kernel.parameters):
                continue
            yield Launched(kernel, line, Forms(kernel.names, self._sizes(line), frozenset(self.plan.macros)))

    def buffer(self, launched: Launched, pointer: Declaration) -> Tensor | TempLine | None:
        """The tensor or scratch that a pointer parameter points to."""
        name = launched.argument(pointer).name
        tensors = [argument for argument in self.problem.arguments if isinstance(argument, Tensor)]
        return next((found for found in (*tensors, *self.plan.temps) if found.name == name), None)

    def alignment(self, launched: Launched, pointer: Declaration) -> int:
        """Bytes to which the pointer is known to be aligned; scratch is aligned as an allocation is, to 256."""
        found = self.buffer(launched, pointer)
        if found is None:
            return 1
        return 256 if isinstance(found, TempLine) else found.aligned

    def separate(self, launched: Launched) -> bool:
        """Whether no two pointers of the launch point into the same buffer."""
        given = [launched.argument(parameter).name for parameter in launched.kernel.parameters if parameter.is_pointer]
        return None not in given and len(set(given)) == len(given)

    def whole_warps(self, line: LaunchLine) -> bool:
        """Whether the line's blocks are whole warps in x, for every value that a tuned macro may take."""
        size = line.block[0]
        tuned = [tune.values for tune in self.plan.tunes if tune.macro in size.names]
        if not size.names <= self.plan.macros.keys() or (tuned and size.name is None):
            return False
        values = (*(tuned[0] if tuned else ()), size.evaluate(self.plan.macros))
        return all(value % WARP == 0 and 0 < value <= 1024 for value in values)

    def numbers(self, dims: Mapping[str, int]) -> dict[str, int]:
        """The values of the names of the plan's expressions for one case."""
        return {**self.plan.macros, **dims, "sms": self.properties["sms"], "warp": self.properties["warp"]}

    def largest(self, expression: str) -> int | None:
        """The largest value of an expression of the plan over the benchmark cases; None if it has none."""
        try:
            parsed = parse_expression(expression)
            return max(parsed.evaluate(self.numbers(case.dims)) for case in self.problem.benchmarks)
        except ExpressionError:
            return None

    def _sizes(self, line: LaunchLine) -> dict[str, Polynomial]:
        """What is known of built-in variables and macros in a launch: block sizes, and indices that can only be 0."""
        tuned = {tune.macro for tune in self.plan.tunes}
        fixed = {name: value for name, value in self.plan.macros.items() if name not in tuned}
        sizes = {name: Polynomial.constant(value) for name, value in fixed.items()}
        for axis, block, grid in zip("xyz", line.block, line.grid, strict=True):
            sizes[f"blockDim.{axis}"] = plan_form(block, fixed)
            if block.text == "1":
                sizes[f"threadIdx.{axis}"] = Polynomial({})
            if grid.text == "1":
                sizes |= {f"blockIdx.{axis}": Polynomial({}), f"gridDim.{axis}": Polynomial.constant(1)}
        return sizes

    def _taken(self) -> list[LaunchLine]:
        """The launch lines that at least one benchmark case takes."""
        taken: list[LaunchLine] = []
        for case in self.problem.benchmarks:
            numbers = self.numbers(case.dims)
            group_done = False
            for step in self.plan.steps:
                if not isinstance(step, LaunchLine):
                    continue
                holds = step.guard is None or bool(step.guard.evaluate(numbers))
                if holds and not group_done:
                    taken.append(step)
                group_done = step.guard is not None and (group_done or holds)
        return taken


def plan_form(expression: Expression, fixed: Mapping[str, int]) -> Polynomial:
    """An expression of the plan as the constant or atom by which a kernel's text may name it too."""
    if expression.names <= fixed.keys():
        return Polynomial.constant(expression.evaluate(fixed))
    return Polynomial.atom(expression.name if expression.name is not None else expression.text)


def renamed_text(kernel: Kernel, name: str, edits: Edits) -> str:
    """The kernel's text under another name, with the edits inside it made."""
    declared = next(child for child in kernel.node.children if child.type == "function_declarator")
    identifier = declared.child_by_field_name("declarator")
    if identifier is None:
        raise ValueError(f"the kernel {kernel.name} declares no name")
    copy = Edits(edits.data, [*edits.changes, (identifier.start_byte, identifier.end_byte, name)])
    for place in _lined_up(child_of(declared, "parameters"), edits.data):
        copy.insert(place, " " * (len(name) - len(kernel.name)))
    return copy.of(kernel.outer)


def _lined_up(parameters: Node, data: bytes) -> list[int]:
    """Where those lines of a parameter list start that are lined up behind its parenthesis."""
    column = parameters.start_point.column + 1
    starts = [line_start(data, child.start_byte) for child in parameters.named_children]
    later = [start for start in dict.fromkeys(starts) if start > parameters.start_byte]
    return [start for start in later if data[start : start + column].isspace()]


def _word(text: str) -> str:
    return text if text.isidentifier() or text.isdigit() else f"({text})"
