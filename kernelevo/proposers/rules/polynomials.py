"""Index expressions as polynomials with integer coefficients over atoms.

An atom is something whose value the expression does not explain: a parameter or loop variable by its name,
`threadIdx.x` and the like, or a quotient, remainder or call, by its canonical text. Constant locals are replaced by
what they were declared as, so that `x[row * cols + j]` and `px = x + row * cols; px[j]` come out equal. Arithmetic
is that of the integers: wrap-around of narrow types is ignored, as the kernels that the rules accept index within
their arrays.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

from tree_sitter import Node

from kernelevo.proposers.rules.names import Names
from kernelevo.proposers.rules.syntax import bare, child_of, operator_of, text_of

_INTEGER = re.compile(r"(0[xX][0-9a-fA-F]+|[0-9]+)[uUlLzZ]*\Z")
_INTEGER_WORDS = frozenset(
    [
        "int",
        "unsigned",
        "signed",
        "long",
        "short",
        "size_t",
        "ptrdiff_t",
        "const",
        "char",
        "int32_t",
        "int64_t",
        "uint32_t",
        "uint64_t",
        "auto",
    ]
)

MAX_TERMS, MAX_FACTORS, MAX_TEXT = 200, 30, 2000
"""Of one form; index expressions of real kernels stay far below, and a hostile one must not cost time without end."""

Monomial = tuple[str, ...]


class TooComplex(Exception):
    """An expression whose form would be beyond the limits; the rule that asked leaves the text alone."""


@dataclass(frozen=True)
class Polynomial:
    """A sum of coefficient * product of atoms; `terms` maps sorted atoms to non-zero coefficients."""

    terms: Mapping[Monomial, int]

    @classmethod
    def constant(cls, value: int) -> Polynomial:
        return cls({(): value} if value else {})

    @classmethod
    def atom(cls, name: str) -> Polynomial:
        return cls({(name,): 1})

    def __add__(self, other: Polynomial) -> Polynomial:
        total = dict(self.terms)
        for monomial, coefficient in other.terms.items():
            total[monomial] = total.get(monomial, 0) + coefficient
        return Polynomial({monomial: value for monomial, value in total.items() if value})

    def __mul__(self, other: Polynomial) -> Polynomial:
        if len(self.terms) * len(other.terms) > 4 * MAX_TERMS:
            raise TooComplex
        total: dict[Monomial, int] = {}
        for (left, a), (right, b) in product(self.terms.items(), other.terms.items()):
            monomial = tuple(sorted(left + right))
            total[monomial] = total.get(monomial, 0) + a * b
        return Polynomial({monomial: value for monomial, value in total.items() if value})

    def __sub__(self, other: Polynomial) -> Polynomial:
        return self + other * Polynomial.constant(-1)

    @property
    def atoms(self) -> frozenset[str]:
        return frozenset(atom for monomial in self.terms for atom in monomial)

    @property
    def value(self) -> int | None:
        """The value, if it is a constant."""
        return self.terms.get((), 0) if not self.atoms else None

    def mentions(self, word: str) -> bool:
        """Whether the word occurs in any atom, also within quotients and calls."""
        return any(re.search(rf"(?<![\w.]){re.escape(word)}(?!\w)", atom) for atom in self.atoms)

    def coefficient(self, atom: str) -> Polynomial | None:
        """What the atom is multiplied with; None unless the polynomial is linear in it and it hides in no other
        atom.
        """
        found: dict[Monomial, int] = {}
        for monomial, value in self.terms.items():
            rest = tuple(other for other in monomial if other != atom)
            if len(monomial) - len(rest) > 1 or Polynomial({rest: 1}).mentions(atom):
                return None
            if len(rest) < len(monomial):
                found[rest] = value
        return Polynomial(found)

    def without(self, atom: str) -> Polynomial:
        """The terms that do not have the atom as a factor."""
        return Polynomial({monomial: value for monomial, value in self.terms.items() if atom not in monomial})

    def substitute(self, atom: str, replacement: Polynomial) -> Polynomial:
        """The polynomial with the atom, where it is a factor, replaced."""
        total = Polynomial({})
        for monomial, value in self.terms.items():
            term = Polynomial.constant(value)
            for factor in monomial:
                term *= replacement if factor == atom else Polynomial.atom(factor)
            total += term
        return total

    def renamed(self, old: str, new: str) -> Polynomial:
        """The polynomial with an atom renamed, also within quotients and calls."""
        pattern = re.compile(rf"(?<![\w.]){re.escape(old)}(?!\w)")
        return Polynomial(
            {
                tuple(sorted(pattern.sub(new, atom) for atom in monomial)): value
                for monomial, value in self.terms.items()
            }
        )

    def __str__(self) -> str:
        terms = [" * ".join([str(value), *monomial]) for monomial, value in sorted(self.terms.items())]
        return f"({' + '.join(terms) or '0'})"


class Forms:
    """Reads the expressions of one function as polynomials.

    `sizes` says what the launch makes of `blockDim.x` and the like; `macros` are the integer macros of the file.
    """

    def __init__(self, names: Names, sizes: Mapping[str, Polynomial], macros: frozenset[str]) -> None:
        self.names = names
        self.sizes = sizes
        self.macros = macros
        self._known: dict[int, Polynomial] = {}

    def of(self, node: Node) -> Polynomial:
        """The polynomial of an integer expression; anything else becomes one atom. Raises TooComplex."""
        return self._bounded(self._of(bare(node)))

    def _of(self, node: Node) -> Polynomial:
        if node.type == "number_literal" and (match := _INTEGER.match(text_of(node))):
            return Polynomial.constant(int(match.group(1), 0))
        if node.type == "identifier":
            return self._of_name(node)
        if node.type == "field_expression":
            return self.sizes.get(text_of(node), Polynomial.atom(text_of(node)))
        if node.type == "unary_expression" and operator_of(node) in "+-":
            inner = self.of(child_of(node, "argument"))
            return inner if operator_of(node) == "+" else Polynomial({}) - inner
        if node.type == "binary_expression":
            return self._of_operation(node)
        return Polynomial.atom(self._canonical(node))

    def _of_name(self, node: Node) -> Polynomial:
        found = self.names.declaration(node)
        if found is None:
            return self.sizes.get(text_of(node), Polynomial.atom(text_of(node)))
        explained = found.value is not None and not found.is_pointer and not found.is_array and _is_integer(found.type)
        if explained and self.names.is_constant(found):
            place = found.identifier.start_byte
            if place not in self._known:
                self._known[place] = self.of(child_of_value(found.value))
            return self._known[place]
        return Polynomial.atom(found.name)

    def _bounded(self, form: Polynomial) -> Polynomial:
        longest = max(map(len, form.terms), default=0)
        if len(form.terms) > MAX_TERMS or longest > MAX_FACTORS or sum(map(len, form.atoms)) > MAX_TEXT:
            raise TooComplex
        return form

    def _of_operation(self, node: Node) -> Polynomial:
        left, right = self.of(child_of(node, "left")), self.of(child_of(node, "right"))
        operator = operator_of(node)
        if operator == "+":
            return left + right
        if operator == "-":
            return left - right
        if operator == "*":
            return left * right
        if operator == "<<" and right.value is not None and 0 <= right.value < 31:
            return left * Polynomial.constant(1 << right.value)
        if operator == ">>" and right.value is not None and 0 <= right.value < 31:
            return Polynomial.atom(f"({left} / {Polynomial.constant(1 << right.value)})")
        if operator == "&" and right.value is not None and (right.value + 1).bit_count() == 1 and right.value > 0:
            return Polynomial.atom(f"({left} % {Polynomial.constant(right.value + 1)})")
        return Polynomial.atom(f"({left} {operator} {right})")

    def _canonical(self, node: Node) -> str:
        if node.child_count == 0:
            return text_of(node)
        return "".join(str(self.of(child)) if child.is_named else text_of(child) for child in node.children)


def child_of_value(value: Node | None) -> Node:
    """The initialiser of a declaration that has one."""
    if value is None:
        raise ValueError("a declaration without initialiser was asked for its value")
    return value


def _is_integer(type_text: str) -> bool:
    return set(type_text.split()) <= _INTEGER_WORDS
